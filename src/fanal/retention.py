"""Retention over all stages: periods of each group of data, what expires in the coming months, the last run.

The worker erases by these groups (`worker.expiry`), so that the page and the run share their periods.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from fanal import reference
from fanal.accounts.domain.policy import require
from fanal.accounts.queries.expiry import count_people_due
from fanal.accounts.row_scope import across_desks
from fanal.analyse.material.queries.entries import count_withdrawn_due
from fanal.casework.queries import count_acts_due
from fanal.intake.queries.expiry import count_conversations_due, count_reports_due
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import add_months, first_of_month, paris_day, start_of_day
from fanal.ledger import queries as ledger

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "identities": ("REPORTER_IDENTITY", "REPORTER_ADDRESS"),
    "conversations": ("MESSAGES",),
    "reports": (
        "REPORT_SEALED",
        "HARMONISED",
        "ANALYSIS",
        "LINKS",
        "PROPOSAL",
        "DECISION_REASON",
        "IDEMPOTENCY",
    ),
    "acts": ("REFERRAL_WORDS",),
    "payers": ("REFERRAL",),
    "measures": ("MEASURE",),
    "entries": ("LISTS",),
    "people": ("PEOPLE",),
    "motives": ("LEDGER_MOTIVE",),
    "challenges": ("CHALLENGES",),
    "structure": ("DECISION", "LEDGER", "ERASURES", "RULES"),
}
"""The retention classes (codes of the reference data) of each group of data that is erased together."""
_MONTHS: Final = {"MONTHS": 1, "YEARS": 12}
_AHEAD: Final = 12
_SEARCHED: Final = timedelta(days=40)
"""Time back in which the last run is looked for: older ones are shown as none."""
ACTS: Final = ("referral", "sheet", "notice", "emergency_call")
"""Kinds of official acts whose text only casework holds; measures erase further text of theirs."""
MEASURES: Final = ("measure", "blocking", "mirror", "dereferencing", "appeal")
"""Kinds of official acts that stages erase with their own texts."""
_Count = Callable[[Sequence[datetime]], list[int]]
_COUNTERS: Final[Mapping[str, _Count]] = {
    "identities": lambda edges: count_reports_due(edges=edges, identities=True),
    "conversations": lambda edges: count_conversations_due(edges=edges),
    "reports": lambda edges: count_reports_due(edges=edges),
    "acts": lambda edges: count_acts_due(kinds=ACTS, edges=edges),
    "payers": lambda edges: count_acts_due(kinds=("sheet",), edges=edges, subjects=True),
    "measures": lambda edges: count_acts_due(kinds=MEASURES, edges=edges),
    "entries": lambda edges: count_withdrawn_due(edges=edges),
    "people": lambda edges: count_people_due(edges=edges),
    "motives": lambda edges: ledger.count_motives_due(edges=edges),
}
"""How what is due is counted, by group; those without have no personal data, or end within days."""


class GroupForecast(Struct, frozen=True, kw_only=True):
    """What of a group of data expires next.

    `name` is a key of `GROUPS`. `due` is the number of items past their term, which the next run erases
    unless something keeps them; `months` are those that reach it in this month and
    each of the coming eleven.
    """

    name: str
    due: int
    months: tuple[int, ...]


class ExpiryRun(Struct, frozen=True, kw_only=True):
    """A run of the expiry: when, the numbers of erased items by group, and the groups that failed."""

    at: datetime
    erased: Mapping[str, int]
    failed: tuple[str, ...]


def cut_off(classes: Sequence[str], now: datetime) -> datetime:
    """Return the time before which data of these retention classes is due: that of the shortest of them.

    Raises:
        LookupError: a class is not in force.
    """
    return max(_due_before(code, now) for code in classes)


def months_ahead(*, now: datetime) -> tuple[datetime, ...]:
    """Return the beginnings of the following months, as many as a forecast has; the next month is first."""
    month = first_of_month(paris_day(now))
    return tuple(start_of_day(add_months(month, count + 1)) for count in range(_AHEAD))


def forecast(*, actor: Actor, now: datetime) -> list[GroupForecast]:
    """Return what expires next by group of data, over all desks: numbers alone.

    Raises:
        Refused: the actor may not read the state of retention.
    """
    require(actor, "retention.read")
    found = []
    with across_desks():
        for name, count in _COUNTERS.items():
            edges = [cut_off(GROUPS[name], at) for at in (now, *months_ahead(now=now))]
            due, *months = count(edges)
            found.append(GroupForecast(name=name, due=due, months=tuple(months)))
    return found


def last_run(*, actor: Actor, now: datetime) -> ExpiryRun | None:
    """Return the last run of the expiry within forty days, None without one.

    Raises:
        Refused: the actor may not read the state of retention.
    """
    found = ledger.newest_expiry(actor=actor, since=now - _SEARCHED)
    if found is None:
        return None
    at, detail = found
    erased = {name: int(detail[name]) for name in GROUPS if name in detail}
    failed = str(detail.get("failed", ""))
    return ExpiryRun(at=at, erased=erased, failed=tuple(failed.split(",")) if failed else ())


def _due_before(code: str, now: datetime) -> datetime:
    """Return the cut-off time before which data is due under a retention class (how long data is kept).

    Raises:
        LookupError: the class `code` is not in force.
    """
    today = paris_day(now)
    entry = reference.load().by_code(reference.Retention, code, today)
    if entry is None:
        raise LookupError(f"no retention class {code} in force")
    if entry.value.unit == "DAYS":
        return now - timedelta(days=entry.value.length)
    day = add_months(today, -entry.value.length * _MONTHS[entry.value.unit])
    return datetime(day.year, day.month, day.day, tzinfo=now.tzinfo)
