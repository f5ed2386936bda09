"""Deadlines of the desk from dated rules, and retry delays of failed calls to the people on duty.

The functions are pure; `catalogue` holds the dated rules.
"""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

from fanal.kernel.calendar import add_working_days, end_of_day, paris_day
from fanal.orient.domain.states import CaseState
from fanal.reference import Catalogue, Clock

# Outcomes of a call to the duty people, and the retry delay (backoff) after a failure.

LONGEST_WAIT: Final = timedelta(seconds=60)
MAX_ATTEMPTS: Final = 600
"""About ten hours at the longest wait: by then the shift has changed and every page of the desk has shown
it.
"""
UNCONFIRMED: Final = "UNCONFIRMED"
"""Failure of a call whose message the mail server has, but neither accepted nor refused in time."""
MOST_COPIES: Final = 40
"""Attempts after which a call is given up if the server did not confirm the last two: some four hours."""
_LONGEST_UNCONFIRMED: Final = timedelta(minutes=10)
"""As long as a sender should wait for that reply (RFC 5321, 4.5.3.2.6)."""
_FIRST_SECONDS: Final = 1.0
_SOON: Final = 10
"""Attempts after which the pauses grow: a mail server that is restarted is back within seconds."""


class Delivery(StrEnum):
    """Outcome of a call (e-mail) to the duty people.

    GIVEN_UP: all attempts failed; PARTLY: for some of the addresses only; LEFT: no mail server; ANSWERED: the
    alarm was acknowledged before.
    """

    SENT = "SENT"
    """A mail server accepted the message."""
    PARTLY = "PARTLY"
    """A mail server accepted the message for some of the duty people and refused the addresses of others."""
    LEFT = "LEFT"
    """No mail server is configured: the message was written to a folder, and nobody was called."""
    GIVEN_UP = "GIVEN_UP"
    ANSWERED = "ANSWERED"
    """Somebody acknowledged the alarm before a mail server accepted the call."""


def wait_after(*, attempts: int, jitter: float, unconfirmed: bool = False) -> timedelta:
    """Return the delay before the next attempt: a second, later exponential backoff, with jitter.

    The delay lies between half and the whole of a second for the first ten attempts, then of 2, 4, 8 …
    seconds, at most 60. After a message that may have arrived (`unconfirmed`), it doubles from the first
    attempt on, up to ten minutes: each further message may be a copy.

    Args:
        attempts: number of failed attempts so far, from 1.
        jitter: a random number from 0 (half of the delay) to 1 (the whole delay).
        unconfirmed: the mail server has the message of the last attempt, but did not confirm it.
    """
    doubled = min(max(0, attempts - (1 if unconfirmed else _SOON)), 10)
    longest = _LONGEST_UNCONFIRMED if unconfirmed else LONGEST_WAIT
    seconds = min(_FIRST_SECONDS * 2.0**doubled, longest.total_seconds())
    return timedelta(seconds=seconds * (0.5 + 0.5 * jitter))


_ELAPSED = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600}


class ClockMissing(Exception):
    """Error: the reference data have no deadline (clock) for that stage, priority level and day."""


def desk_deadline(*, catalogue: Catalogue, stage: str, level: str, start: datetime) -> datetime:
    """Return the deadline of a stage (`TAKE`, `DECIDE`, …) at a priority level, counted from `start`.

    TAKE: until a case (a report in the queue) is claimed; DECIDE: until it is decided. Working days end with
    their last day in Europe/Paris.

    Raises:
        ClockMissing: no deadline rule is in force on the day of `start`.
    """
    day = paris_day(start)
    rule = _clock(catalogue, f"{stage}_{level}", day).value
    if rule.unit == "WORKING_DAYS":
        return _end_of_working_days(day, rule.length)
    # Add in UTC: arithmetic in a zone with summer time would follow the wall clock, and hours are elapsed
    # time.
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
    """Return the deadline of the next step on a report: claim, decision, or approval by a second person.

    Before the first claim (`taken` is false) it is the deadline to claim it, then the deadline to decide;
    both count from receipt. While a measure (a removal request) waits for approval by a second person, it
    counts from the decision (`decided_at`, None before). `level` is the priority level, `state` that of the
    case.

    Raises:
        ClockMissing: no deadline rule is in force on the day from which it counts.
    """
    if state is CaseState.TO_SECOND and decided_at is not None:
        return desk_deadline(catalogue=catalogue, stage="SECOND", level=level, start=decided_at)
    stage = "DECIDE" if taken else "TAKE"
    return desk_deadline(catalogue=catalogue, stage=stage, level=level, start=received_at)
