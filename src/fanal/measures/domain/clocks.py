"""Deadlines of administrative measures and appeals, from recorded instants and dated law. Pure.

Sources: LCEN articles 6-1, 6-2, 6-2-1; decrees 2015-125 and 2015-253.

Hours are elapsed time: a change to or from summer time does not alter their number. A period in weeks ends at
the same local time in Paris. `catalogue` holds the dated law and delays.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from fanal.casework.domain.records import ActStep
from fanal.kernel.calendar import PARIS, add_months, end_of_day, paris_day
from fanal.reference import Catalogue, MeasureClock

LONGEST_QUARTER = timedelta(days=92)
"""Longest time between two checks of a blocking: the longest quarter of the calendar."""


class Suspension(Struct, frozen=True, kw_only=True):
    """A suspension of the legal clock (24 hours for removal) from `since` to `until`, None while it lasts."""

    since: datetime
    until: datetime | None


class DelayMissing(Exception):
    """Error: the reference data have no usable version of a legal delay on that day."""


def legal_deadline(
    *, catalogue: Catalogue, received_at: datetime | None, suspensions: Iterable[Suspension]
) -> datetime | None:
    """Return when the 24 hours for removal end; None before a recorded receipt and during a suspension.

    `received_at` is when the host received the request; the delay is read from `catalogue`. After force
    majeure, or after clarifications were received, the full delay starts again at the end of the suspension
    (LCEN 6-2: from the end of the impediment, or from receipt of the clarification).

    Raises:
        DelayMissing: no checked delay is in force on the day of receipt.
    """
    if received_at is None:
        return None
    start = received_at
    for suspension in suspensions:
        if suspension.until is None:
            return None
        start = max(start, suspension.until)
    return start.astimezone(UTC) + _hours(catalogue, "REMOVAL_24H", received_at)


def first_contact_from(*, catalogue: Catalogue, informed_at: datetime) -> datetime:
    """Return the earliest instant of a first removal request to a host informed at `informed_at`.

    A host is first informed of procedures and delays; a request may follow 12 hours later (LCEN 6-2 I). The
    delay is read from `catalogue`.

    Raises:
        DelayMissing: no checked delay is in force on that day.
    """
    return informed_at.astimezone(UTC) + _hours(catalogue, "FIRST_CONTACT_12H", informed_at)


def non_disclosure_end(*, catalogue: Catalogue, decided_at: datetime) -> datetime:
    """Return the latest end of a non-disclosure decided at `decided_at` (LCEN 6-2: six weeks).

    During it the host must not inform the content provider. The delay is read from `catalogue`.

    Raises:
        DelayMissing: no checked delay is in force on that day.
    """
    clock = _clock(catalogue, "NON_DISCLOSURE_6W", decided_at)
    end = decided_at.astimezone(PARIS) + timedelta(weeks=clock.value.length)
    return end.astimezone(UTC)


def suspensions_of(steps: Iterable[ActStep]) -> tuple[Suspension, ...]:
    """Return the suspensions of the legal clock that the steps of a removal request record, in order.

    Steps are recorded transitions; `suspend` begins one, `resume` ends it.
    """
    found: list[Suspension] = []
    for step in steps:
        if step.transition == "suspend":
            found.append(Suspension(since=step.happened_at, until=None))
        elif step.transition == "resume" and found:
            found[-1] = Suspension(since=found[-1].since, until=step.happened_at)
    return tuple(found)


def _hours(catalogue: Catalogue, code: str, on: datetime, *, checked: bool = True) -> timedelta:
    clock = _clock(catalogue, code, on, checked=checked)
    if clock.value.unit != "HOURS":
        raise DelayMissing(f"{code} is not counted in hours")
    return timedelta(hours=clock.value.length)


def _clock(catalogue: Catalogue, code: str, on: datetime, *, checked: bool = True) -> MeasureClock:
    day = paris_day(on)
    clock = catalogue.by_code(MeasureClock, code, day)
    if clock is None or (checked and clock.unchecked(day)):
        raise DelayMissing(f"{code} on {day}")
    return clock


def check_due(*, catalogue: Catalogue, since: datetime) -> datetime:
    """Return the deadline of the next check of a blocking listed or last checked at `since`.

    That is the same local time in Paris three months later, or 92 days later, whichever is earlier (decree
    2015-125, article 4). Of two equal local times in October the first counts. The delay is read from
    `catalogue`.

    Raises:
        DelayMissing: no checked delay is in force on that day.
    """
    return _quarter_after(since, clock=_clock(catalogue, "CHECK_3M", since))


def _quarter_after(since: datetime, *, clock: MeasureClock) -> datetime:
    wall = since.astimezone(PARIS)
    later = datetime.combine(
        add_months(wall.date(), clock.value.length), wall.timetz().replace(fold=0)
    )
    return min(later.astimezone(UTC), since.astimezone(UTC) + LONGEST_QUARTER)


def applied_by(*, catalogue: Catalogue, listed_at: datetime) -> datetime:
    """Return the deadline for access providers to block a name that was listed at `listed_at`.

    A delay of the reference data that nobody has checked counts too: it only makes the desk look sooner.

    Raises:
        DelayMissing: no delay is in force on that day.
    """
    return listed_at.astimezone(UTC) + _hours(catalogue, "ISP_24H", listed_at, checked=False)


def restored_by(*, catalogue: Catalogue, ended_at: datetime) -> datetime:
    """Return the deadline for access providers to restore access to a name taken off the list at `ended_at`.

    Raises:
        DelayMissing: no checked delay is in force on that day.
    """
    return ended_at.astimezone(UTC) + _hours(catalogue, "ISP_RESTORE_24H", ended_at)


def search_check_due(*, catalogue: Catalogue, since: datetime) -> datetime:
    """Return the deadline of the next check of a dereferencing notified or last checked at `since`.

    It is counted as for blockings (`check_due`; decree 2015-253). A delay of the reference data that nobody
    has checked counts too: it binds the desk alone.

    Raises:
        DelayMissing: no delay is in force on that day.
    """
    return _quarter_after(since, clock=_clock(catalogue, "SEARCH_CHECK_3M", since, checked=False))


def dereferenced_by(*, catalogue: Catalogue, notified_at: datetime) -> datetime:
    """Return the deadline for a search engine or directory to remove the addresses notified at `notified_at`.

    A delay of the reference data that nobody has checked counts too: it only makes the desk look sooner.

    Raises:
        DelayMissing: no delay is in force on that day.
    """
    return notified_at.astimezone(UTC) + _hours(catalogue, "SEARCH_48H", notified_at, checked=False)


def listed_again_by(*, catalogue: Catalogue, asked_at: datetime) -> datetime:
    """Return the deadline for a search engine or directory to list addresses again, asked for at `asked_at`.

    A delay of the reference data that nobody has checked counts too: it only makes the desk look sooner.

    Raises:
        DelayMissing: no delay is in force on that day.
    """
    return asked_at.astimezone(UTC) + _hours(
        catalogue, "SEARCH_RESTORE_48H", asked_at, checked=False
    )


def term_end(code: str, *, catalogue: Catalogue, since: datetime) -> datetime:
    """Return the end of the legal term `code` that starts at `since`.

    Hours are elapsed time. A term in days or months ends with its last day in Paris, at midnight: the day of
    its start does not count, holidays do. No further day is added (délai franc).

    Raises:
        DelayMissing: no checked version of it is in force on that day, or it is counted in weeks.
    """
    clock = _clock(catalogue, code, since)
    day, length = paris_day(since), clock.value.length
    match clock.value.unit:
        case "HOURS":
            return since.astimezone(UTC) + timedelta(hours=length)
        case "DAYS":
            return end_of_day(day + timedelta(days=length))
        case "MONTHS":
            return end_of_day(add_months(day, length))
        case "WEEKS":
            raise DelayMissing(f"{code} is counted in weeks")
