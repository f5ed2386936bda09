"""The one place that reads the clock.

An entry point (view, command, task) calls `now()` once and passes the value down; rules never
read it (design: "The edge reads the clock once per request").
"""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")


def now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


def paris_day(instant: datetime) -> date:
    """Return the calendar day in Europe/Paris of an aware instant: days and months count there."""
    return instant.astimezone(PARIS).date()
