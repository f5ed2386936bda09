"""The one place that reads the clock.

An entry point (view, command, task) calls `now()` once and passes the value down; rules never
read it (design: "The edge reads the clock once per request"). Rules that count days use
`fanal.kernel.calendar`.
"""

from datetime import UTC, datetime

from fanal.kernel.calendar import PARIS, paris_day

__all__ = ["PARIS", "now", "paris_day"]


def now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)
