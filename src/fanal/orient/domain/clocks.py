"""The desk's own clocks, and when a failed call is tried again: pure, by dated rules."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

from fanal.kernel.calendar import add_working_days, end_of_day, paris_day
from fanal.orient.domain.states import CaseState
from fanal.reference import Catalogue, Clock

# What becomes of a call to the duty people, and when a failed one is tried again.

LONGEST_WAIT: Final = timedelta(seconds=60)
MAX_ATTEMPTS: Final = 600
"""Some ten hours at the longest wait: by then a shift has changed, and every look at the desk has told."""
_FIRST_SECONDS: Final = 2.0


class Delivery(StrEnum):
    """How a call ended."""

    SENT = "SENT"
    """A mail server accepted the message."""
    PARTLY = "PARTLY"
    """A mail server accepted it for some of the duty people, and refused the addresses of others."""
    LEFT = "LEFT"
    """No mail server is set: the message lies in a folder, and nobody was called."""
    GIVEN_UP = "GIVEN_UP"
    ANSWERED = "ANSWERED"
    """Somebody took the alarm before the call was accepted."""


def wait_after(*, attempts: int, jitter: float) -> timedelta:
    """Return how long to wait after a number of failed attempts: exponential backoff with jitter.

    The wait lies between half and the whole of 2, 4, 8 … seconds, at most 60; `jitter` goes from 0 to 1.
    """
    seconds = min(_FIRST_SECONDS * 2.0 ** min(attempts - 1, 10), LONGEST_WAIT.total_seconds())
    return timedelta(seconds=seconds * (0.5 + 0.5 * jitter))


_ELAPSED = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600}


class ClockMissing(Exception):
    """The reference data hold no clock for a stage and level on that day."""


def desk_deadline(*, catalogue: Catalogue, stage: str, level: str, start: datetime) -> datetime:
    """Return when the desk's delay for `stage` at `level`, started at `start`, ends.

    Raises:
        ClockMissing: no rule in force on the day of `start`.
    """
    day = paris_day(start)
    rule = _clock(catalogue, f"{stage}_{level}", day).value
    if rule.unit == "WORKING_DAYS":
        return _end_of_working_days(day, rule.length)
    # Arithmetic in a zone with summer time would follow the wall clock: hours are elapsed time.
    return start.astimezone(UTC) + timedelta(seconds=rule.length * _ELAPSED[rule.unit])


@lru_cache(maxsize=1024)
def _clock(catalogue: Catalogue, code: str, day: date) -> Clock:
    clock = catalogue.by_code(Clock, code, day)
    if clock is None:
        raise ClockMissing(f"{code} on {day}")
    return clock


@lru_cache(maxsize=1024)
def _end_of_working_days(day: date, count: int) -> datetime:
    return end_of_day(add_working_days(day, count))


def due_at(
    *,
    catalogue: Catalogue,
    state: CaseState,
    level: str,
    received_at: datetime,
    decided_at: datetime | None,
    taken: bool,
) -> datetime:
    """Return when the next act on a case is due, from the instants that the case holds.

    Until somebody first takes it (`taken`), then until it is decided, it counts from receipt; while a measure
    waits for its second person, from the decision.
    """
    if state is CaseState.TO_SECOND and decided_at is not None:
        return desk_deadline(catalogue=catalogue, stage="SECOND", level=level, start=decided_at)
    stage = "DECIDE" if taken else "TAKE"
    return desk_deadline(catalogue=catalogue, stage=stage, level=level, start=received_at)
