"""Which query of which stage counts each figure of a day."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from fanal.intake import queries as intake
from fanal.judicial import queries as judicial
from fanal.kernel.actors import Actor
from fanal.kernel.figures import Counted
from fanal.measures import queries as measures
from fanal.measures.notice import acts as notices
from fanal.orient import queries as orient


class DayCount(Protocol):
    """A count by day of a stage, between two instants."""

    def __call__(self, *, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
        """Return the counts of the period."""


DAILY: dict[str, DayCount] = {
    "RECEIVED": intake.count_received,
    "ORIENTED": orient.count_cases,
    "DECIDED": orient.count_decisions,
    "SENT": measures.count_sent,
}
"""Figures whose closed days `statistics_daily` holds."""

TRENDS: dict[str, DayCount] = {
    "SENDERS": orient.count_senders,
    "COUNTRIES": orient.count_countries,
    "PLATFORMS": orient.count_platforms,
    "SIGNALS": orient.count_signals,
}
"""Counts of a day that only trends show; `statistics_daily` holds them too."""

PERIOD: Mapping[str, DayCount] = {
    "OUTCOMES": measures.count_measures,
    "REFERRED": judicial.count_referrals,
    "NOTIFIED": notices.count_notices,
}
"""Figures counted by present state over a period: worked out at each reading."""


def _pipeline(actor: Actor) -> dict[str, int]:
    del actor  # the queue is the machine's: it names no report
    return intake.count_work()


Waiting = Callable[[Actor], dict[str, int]]

WAITING: Mapping[str, Waiting] = {
    "PIPELINE": _pipeline,
    "DESK": lambda actor: {str(k): n for k, n in orient.count_states(actor=actor).items()},
    "MEASURES": lambda actor: {str(k): n for k, n in measures.count_waiting(actor=actor).items()},
    "NOTICES": lambda actor: notices.count_waiting(actor=actor),
    "REFERRALS": lambda actor: {"UNSENT": judicial.count_unsent(actor=actor)},
}
"""What waits now, by place."""
