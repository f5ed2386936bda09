"""Whether the installation can take more from programs: read at most every two seconds a process."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from fanal.intake.domain.pressure import Limits, Pressure, judge
from fanal.vault import queries as vault

_GIB = 1 << 30
_FRESH = timedelta(seconds=2)
_COUNTED = 10
"""Times the bound up to which what waits is counted: beyond, more changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    at: datetime
    waiting: int
    free: int


_limits: list[Limits] = [Limits(backlog=0, reserve=0, largest_file=_GIB // 2)]
_readings: list[_Reading] = []


def install_limits(*, limits: Limits) -> None:
    """Make `limits` those of this process (wiring)."""
    _limits[:] = [limits]
    _readings.clear()


def current_limits() -> Limits:
    """Return the bounds of this installation."""
    return _limits[0]


def get_pressure(*, now: datetime, needed: int = 0) -> Pressure | None:
    """Return what presses, None when `needed` more bytes can be taken.

    What waits is read anew after two seconds: within them all web processes together can pass the bound
    by what they take in that time, never lose anything.
    """
    limits, reading = _limits[0], _readings[0] if _readings else None
    if reading is None or not timedelta(0) <= now - reading.at < _FRESH:
        reading = _Reading(at=now, waiting=_count(limits), free=vault.free_bytes())
        _readings[:] = [reading]
    return judge(waiting=reading.waiting, free=reading.free, needed=needed, limits=limits)


def _count(limits: Limits) -> int:
    if not limits.backlog:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT intake_backlog(%s)", [limits.backlog * _COUNTED])
        return int(cursor.fetchone()[0])
