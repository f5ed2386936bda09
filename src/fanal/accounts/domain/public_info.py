"""Emergency numbers and service hours on public pages, and when a person last checked them; pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

NUMBERS: Final = ("17", "112", "119", "114", "3018")
"""The emergency and help-line numbers that public pages can show (French numbering)."""
HIDEABLE: Final = frozenset({"114", "3018"})
"""Numbers that an administrator may hide. 17, 112 (emergency) and 119 (child in danger) are always shown."""
COUNTS_FOR: Final = timedelta(days=366)
"""Validity of a check. Afterwards the number must be checked again, and pages no longer show the hours."""
WHOLE_DAY: Final = (0, 24 * 60)
Hours = tuple[int, int] | None
"""Opening and closing of a day in minutes since midnight; None for a closed day."""


class LineVerdict(StrEnum):
    """An administrator's verdict on a number: compared with an official text, or hidden from public pages."""

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
    """The hours in which the service reads reports, and its closed days, in Europe/Paris.

    `days` are the hours of seven days from Monday, in minutes since midnight, None for a closed day; `closed`
    are further closed days. `shown` is whether public pages show them. `by_id` is the person who set them,
    `at` when; both are None if nobody has.
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
    """Return the shown numbers that nobody has compared with an official text in the last year.

    They are in the order of `NUMBERS`.
    """
    return [
        number
        for number in NUMBERS
        if number in shown_numbers(checks)
        and not ((one := checks.get(number)) and one.at > now - COUNTS_FOR)
    ]


def spans(days: Sequence[Hours]) -> list[OpeningSpan]:
    """Return the open days of a week; consecutive days with the same hours become one span.

    `days` are the hours of seven days from Monday, None for a closed day. The result is in the order of the
    days.
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
    """Return whether public pages show the hours.

    An administrator must have chosen to show them, in the last year.
    """
    return bool(hours and hours.shown and hours.at and hours.at > now - COUNTS_FOR)


def are_sound(days: Collection[Hours]) -> bool:
    """Return whether the hours of a week are valid: each day closes after it opens, and one day is open."""
    return (
        len(days) == 7
        and any(days)
        and all(one is None or 0 <= one[0] < one[1] <= WHOLE_DAY[1] for one in days)
    )
