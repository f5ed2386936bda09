"""Months in Europe/Paris: their first days and instants, and the same month a year before. Pure."""

from datetime import UTC, date, datetime, time

from fanal.kernel.calendar import PARIS, add_months, paris_day


def first_of(day: date) -> date:
    """Return the first day of the month of `day`, which represents the month in this package."""
    return day.replace(day=1)


def month_of(instant: datetime) -> date:
    """Return the month of an instant in Europe/Paris, as its first day."""
    return first_of(paris_day(instant))


def start_of(day: date) -> datetime:
    """Return the instant (UTC) at which a day begins in Europe/Paris."""
    return datetime.combine(day, time(), PARIS).astimezone(UTC)


def months_until(last: date, *, count: int) -> tuple[date, ...]:
    """Return `count` months ending with that of `last`, oldest first; a month is its first day."""
    return tuple(add_months(first_of(last), offset - count + 1) for offset in range(count))


def months_of_year(year: int, *, last: date) -> tuple[date, ...]:
    """Return the months of a year that begin by `last`; a month is its first day."""
    return tuple(month for n in range(1, 13) if (month := date(year, n, 1)) <= last)


def year_before(day: date) -> date:
    """Return the same day of the previous year; 29 February becomes the 28th."""
    return add_months(day, -12)


COMPARABLE = 10
"""Minimum base of a percentage: below it, a single report changes the percentage too much."""


def change(now: int | None, before: int | None) -> float | None:
    """Return the relative change from `before` to `now` (0.12 is +12 %).

    None if a number is missing, or `before` is under 10.
    """
    if now is None or before is None or before < COMPARABLE:
        return None
    return (now - before) / before
