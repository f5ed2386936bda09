"""The only module that reads the clock.

An entry point (view, command, job) calls `now()` once and passes the value on; rules never read the clock.
Rules that count days use `fanal.kernel.calendar`.
"""

from datetime import UTC, datetime

from fanal.kernel.calendar import PARIS, paris_day

__all__ = ["PARIS", "now", "paris_day"]


def now() -> datetime:
    """Return the present time, timezone-aware, in UTC."""
    return datetime.now(UTC)
