"""The query behind each figure, by code."""

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
    """A query that counts by day, between two instants."""

    def __call__(self, *, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
        """Return the counts of the period: (day, first code, second code, number)."""


DAILY: dict[str, DayCount] = {
    "RECEIVED": intake.count_received,
    "ORIENTED": orient.count_cases,
    "DECIDED": orient.count_decisions,
    "SENT": measures.count_sent,
}
"""Figures whose closed days are stored in `statistics_daily`."""

TRENDS: dict[str, DayCount] = {
    "SENDERS": orient.count_senders,
    "COUNTRIES": orient.count_countries,
    "PLATFORMS": orient.count_platforms,
    "SIGNALS": orient.count_signals,
}
"""Counts displayed only as trends; they are stored in `statistics_daily` too."""

PERIOD: Mapping[str, DayCount] = {
    "OUTCOMES": measures.count_measures,
    "REFERRED": judicial.count_referrals,
    "NOTIFIED": notices.count_notices,
}
"""Figures counted by current state over a period: computed at each reading."""


def _pipeline(actor: Actor) -> dict[str, int]:
    del actor  # the queue of the worker identifies no report
    return intake.count_work()


Waiting = Callable[[Actor], dict[str, int]]

WAITING: Mapping[str, Waiting] = {
    "PIPELINE": _pipeline,
    "DESK": lambda actor: {str(k): n for k, n in orient.count_states(actor=actor).items()},
    "MEASURES": lambda actor: {str(k): n for k, n in measures.count_waiting(actor=actor).items()},
    "NOTICES": lambda actor: notices.count_waiting(actor=actor),
    "REFERRALS": lambda actor: {"UNSENT": judicial.count_unsent(actor=actor)},
}
"""Queries that count the objects that wait now, by place."""
