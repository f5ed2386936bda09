"""The only module that reads the clock.

An entry point (view, command, job) calls `now()` once and passes the value on; rules never read the clock.
Rules that count days use `fanal.kernel.calendar`.
"""

from datetime import UTC, datetime
from typing import Final

from fanal.kernel.calendar import PARIS, paris_day

__all__ = ["LOG_TIME", "PARIS", "now", "paris_day"]

LOG_TIME: Final = "%Y-%m-%d %H:%M:%S%z"
"""Format of the time in log lines: with its zone, since other logs of the machine may be in another one."""


def now() -> datetime:
    """Return the present time, timezone-aware, in UTC."""
    return datetime.now(UTC)
