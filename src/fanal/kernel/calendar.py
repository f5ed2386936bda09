"""Days and delays as the law counts them, in Europe/Paris: pure functions of given instants.

Hours are elapsed time, whatever the clocks do on a night of time change. Days, weeks and months are counted
on the calendar of Paris. Working days leave out Saturdays, Sundays and the holidays of article L. 3133-1
of the Code du travail.
"""

from calendar import monthrange
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")

_FIXED_HOLIDAYS = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))


def read_instant(text: str | None) -> datetime | None:
    """Return the date and time of an ISO 8601 text, with its zone if it names one; None where it is none.

    Neither is one at the ends of the calendar (years 1 and 9999, which some databases write for "unknown"):
    no other zone and no delay can be counted from it.
    """
    try:
        read = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return read if is_within(read.year) else None


def read_day(text: str | None) -> date | None:
    """Return the day of an ISO 8601 date; None where it is none, or at an end of the calendar."""
    try:
        read = date.fromisoformat(text or "")
    except ValueError:
        return None
    return read if is_within(read.year) else None


def is_within(year: int) -> bool:
    """Return whether zones and delays can be counted in a year: it is at no end of the calendar."""
    return MINYEAR < year < MAXYEAR


def paris_day(instant: datetime) -> date:
    """Return the calendar day in Europe/Paris of an aware instant.

    Raises:
        ValueError: the instant has no zone.
    """
    if instant.tzinfo is None:
        raise ValueError("a day needs an aware instant")
    return instant.astimezone(PARIS).date()


def end_of_day(day: date) -> datetime:
    """Return the instant (UTC) at which a day ends in Europe/Paris: the following midnight."""
    following = datetime.combine(day + timedelta(days=1), time(), PARIS)
    return following.astimezone(UTC)


def add_months(day: date, months: int) -> date:
    """Return the same day of a later month, or its last day where that month is shorter."""
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
    """Return the `count`-th working day after `day` (`day` itself never counts)."""
    while count > 0:
        day += timedelta(days=1)
        if is_working_day(day):
            count -= 1
    return day


def _easter(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher's rule)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = b // 4, b % 4
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)
