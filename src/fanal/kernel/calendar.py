"""Calendar and legal time limits in Europe/Paris: days, months, holidays, working days, as pure functions.

Hours are elapsed time, also in a night with a clock change. Days, weeks and months follow the calendar of
Paris. Working days exclude Saturdays, Sundays and the public holidays of article L. 3133-1 of the Code du
travail.
"""

from calendar import monthrange
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")

_FIXED_HOLIDAYS = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))


def read_instant(text: str | None) -> datetime | None:
    """Return the date and time in an ISO 8601 text, with its time zone if given; None if invalid.

    A date alone is its midnight, without time zone. The years 1 and 9999, which some databases write for
    "unknown", count as invalid: conversions and time limits would overflow.
    """
    try:
        read = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return read if is_within(read.year) else None


def read_aware(text: str | None) -> datetime | None:
    """Return the aware date and time in an ISO 8601 text; None if it is invalid or has no time zone."""
    read = read_instant(text)
    return read if read is not None and read.tzinfo is not None else None


def read_day(text: str | None) -> date | None:
    """Return the date in an ISO 8601 text without time; None if it is invalid or in the years 1 or 9999."""
    try:
        read = date.fromisoformat(text or "")
    except ValueError:
        return None
    return read if is_within(read.year) else None


def is_within(year: int) -> bool:
    """Return whether a year is neither 1 nor 9999, so that date arithmetic cannot overflow."""
    return MINYEAR < year < MAXYEAR


def paris_day(instant: datetime) -> date:
    """Return the calendar day in Europe/Paris of a timezone-aware instant.

    Raises:
        ValueError: the instant has no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError("a day needs an aware instant")
    return instant.astimezone(PARIS).date()


def end_of_day(day: date) -> datetime:
    """Return the end of a day in Europe/Paris, the following midnight, as an instant in UTC."""
    following = datetime.combine(day + timedelta(days=1), time(), PARIS)
    return following.astimezone(UTC)


def add_months(day: date, months: int) -> date:
    """Return the same day of the month, `months` later, or the last day of a shorter month."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


@lru_cache(maxsize=64)
def holidays(year: int) -> frozenset[date]:
    """Return the public holidays of a year in metropolitan France."""
    easter = _easter(year)
    moving = {easter + timedelta(days=days) for days in (1, 39, 50)}
    return frozenset({date(year, month, day) for month, day in _FIXED_HOLIDAYS} | moving)


def is_working_day(day: date) -> bool:
    """Return whether a day is neither a Saturday, a Sunday nor a public holiday."""
    return day.weekday() < 5 and day not in holidays(day.year)


def add_working_days(day: date, count: int) -> date:
    """Return the `count`-th working day after `day`; `day` never counts, and is returned for 0 or less."""
    while count > 0:
        day += timedelta(days=1)
        if is_working_day(day):
            count -= 1
    return day


def _easter(year: int) -> date:
    """Return Easter Sunday of a Gregorian year (algorithm of Meeus, Jones and Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = b // 4, b % 4
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def first_of_month(day: date) -> date:
    """Return the first day of the month that `day` is in."""
    return day.replace(day=1)


def month_of(instant: datetime) -> date:
    """Return the month of an instant in Europe/Paris, as its first day."""
    return first_of_month(paris_day(instant))


def start_of_day(day: date) -> datetime:
    """Return the instant (UTC) at which a day begins in Europe/Paris."""
    return datetime.combine(day, time(), PARIS).astimezone(UTC)


def months_until(last: date, *, count: int) -> tuple[date, ...]:
    """Return `count` months ending with that of `last`, oldest first; a month is its first day."""
    return tuple(add_months(first_of_month(last), offset - count + 1) for offset in range(count))


def months_of_year(year: int, *, last: date) -> tuple[date, ...]:
    """Return the months of a year that begin by `last`; a month is its first day."""
    return tuple(month for n in range(1, 13) if (month := date(year, n, 1)) <= last)


def year_before(day: date) -> date:
    """Return the same day of the previous year; 29 February becomes the 28th."""
    return add_months(day, -12)
