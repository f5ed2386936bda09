"""The two periods over which frequency is measured: the last two months, and the last thirteen."""

from datetime import UTC, date, datetime

RECENT_MONTHS = 2
TOTAL_MONTHS = 13


def month_before(now: datetime, months: int) -> date:
    """Return the first day (UTC) of the month that lies `months` before that of `now`."""
    instant = now.astimezone(UTC)
    index = instant.year * 12 + instant.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)


def recent_from(now: datetime) -> datetime:
    """Return the instant from which a report is recent."""
    day = month_before(now, RECENT_MONTHS - 1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
