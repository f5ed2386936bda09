"""The numbers to call and the hours of the service on public pages: what is shown, and since when checked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

NUMBERS: Final = ("17", "112", "119", "114", "3018")
"""The numbers that public pages know."""
HIDEABLE: Final = frozenset({"114", "3018"})
"""Those that may be left out; the emergency numbers and that of children in danger are always shown."""
COUNTS_FOR: Final = timedelta(days=366)
"""Time after a check for which it counts: then the operator is asked again, and hours are left out."""
WHOLE_DAY: Final = (0, 24 * 60)
Hours = tuple[int, int] | None
"""Opening and closing of a day in minutes since midnight; None for a closed day."""


class LineVerdict(StrEnum):
    """What an administrator says of a number: compared with an official text, or left out of public pages."""

    CHECKED = "CHECKED"
    HIDDEN = "HIDDEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCheck:
    """The newest verdict on a number, its author and time; `source` is the official text that was read."""

    number: str
    verdict: LineVerdict
    source: str
    by_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningHours:
    """The hours in which the service reads reports: seven days from Monday, in Europe/Paris, and closed days.

    `shown`: the public pages show them. `by_id` set them, `at` when; None if nobody has.
    """

    days: tuple[Hours, ...]
    closed: tuple[date, ...]
    shown: bool
    by_id: UUID | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningSpan:
    """Consecutive days of the week with the same hours, in minutes since midnight.

    `first` and `last` are the days, included, 0 for Monday; `opens` and `closes` the hours.
    """

    first: int
    last: int
    opens: int
    closes: int


def shown_numbers(checks: Mapping[str, LineCheck]) -> frozenset[str]:
    """Return the numbers that public pages show, by the newest verdict on each."""
    hidden = {one.number for one in checks.values() if one.verdict is LineVerdict.HIDDEN}
    return frozenset(NUMBERS) - (hidden & HIDEABLE)


def unchecked_numbers(checks: Mapping[str, LineCheck], *, now: datetime) -> list[str]:
    """Return the shown numbers that nobody has compared with an official text within a year.

    In the order of `NUMBERS`.
    """
    return [
        number
        for number in NUMBERS
        if number in shown_numbers(checks)
        and not ((one := checks.get(number)) and one.at > now - COUNTS_FOR)
    ]


def spans(days: Sequence[Hours]) -> list[OpeningSpan]:
    """Return the open days of a week, consecutive ones with the same hours together.

    `days` are seven, from Monday (None: closed); the result is in their order.
    """
    found = list[OpeningSpan]()
    for number, hours in enumerate(days):
        if hours is None:
            continue
        opens, closes = hours
        before = found[-1] if found else None
        if before and before.last == number - 1 and (before.opens, before.closes) == hours:
            found[-1] = OpeningSpan(first=before.first, last=number, opens=opens, closes=closes)
        else:
            found.append(OpeningSpan(first=number, last=number, opens=opens, closes=closes))
    return found


def is_public(hours: OpeningHours | None, *, now: datetime) -> bool:
    """Return whether public pages show the hours: an administrator shows them, and said so within a year."""
    return bool(hours and hours.shown and hours.at and hours.at > now - COUNTS_FOR)


def are_sound(days: Collection[Hours]) -> bool:
    """Return whether the hours of a week are in order: each day ends after it starts, and one is open."""
    return (
        len(days) == 7
        and any(days)
        and all(one is None or 0 <= one[0] < one[1] <= WHOLE_DAY[1] for one in days)
    )
