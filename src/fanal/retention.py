"""Retention periods over all packages: what expires in the coming months, and the result of the last expiry.

Data are in groups that are erased together. The worker erases by the same groups (`worker.expiry`), so that
the page on retention and the worker use the same periods.
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
"""The last run of the expiry is searched for in this time before now; an older run counts as none."""
ACTS: Final = ("referral", "sheet", "notice", "emergency_call")
"""Kinds of official acts (`Lifecycle.kind`) whose texts are all in the tables of casework."""
MEASURES: Final = ("measure", "blocking", "mirror", "dereferencing", "appeal")
"""Kinds of official acts that also have texts in the tables of measures, erased with those of casework."""
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
"""The function that counts expired items, by group. Other groups hold no personal data, or expire in days."""


class GroupForecast(Struct, frozen=True, kw_only=True):
    """The numbers of items of a group of data that expire now and in the next twelve months.

    `name` is a key of `GROUPS`. `due` is the number of items whose period has ended: the next run erases
    them, unless something keeps them, such as a legal hold. `months` are the numbers of items whose period
    ends in this month and in each of the following eleven.
    """

    name: str
    due: int
    months: tuple[int, ...]


class ExpiryRun(Struct, frozen=True, kw_only=True):
    """A run of the expiry: its instant, the number of erased items by group, and the groups that failed."""

    at: datetime
    erased: Mapping[str, int]
    failed: tuple[str, ...]


def cut_off(classes: Sequence[str], now: datetime) -> datetime:
    """Return the instant before which data of these retention classes have expired.

    `classes` are codes of the reference data. If their periods differ, the shortest period counts.

    Raises:
        LookupError: a class is not in force on the day of `now`.
    """
    return max(_due_before(code, now) for code in classes)


def months_ahead(*, now: datetime) -> tuple[datetime, ...]:
    """Return the beginnings of the next twelve months in Europe/Paris, in UTC; the next month is first."""
    month = first_of_month(paris_day(now))
    return tuple(start_of_day(add_months(month, count + 1)) for count in range(_AHEAD))


def forecast(*, actor: Actor, now: datetime) -> list[GroupForecast]:
    """Return for each group of data how many items expire now and in the next twelve months.

    The numbers cover all desks; no item is named.

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
    """Return the last run of the expiry in the forty days before `now`; None if there was none.

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
