"""When a desk can take no more for now: bounds, and what is said to a sender that should wait."""

from dataclasses import dataclass
from enum import StrEnum

_SHORTEST_WAIT, _LONGEST_WAIT = 30, 300


class PressureCode(StrEnum):
    """What presses."""

    BACKLOG = "BACKLOG"
    """More reports wait for the stages than the installation allows."""
    DISK = "DISK"
    """The vault's disk would go below the room kept for what is acknowledged already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of an installation: waiting reports (0: none), bytes kept free, bytes of one file."""

    backlog: int
    reserve: int
    largest_file: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """Nothing more is taken for now: why, and for how many seconds a sender should wait."""

    code: PressureCode
    wait: int


def judge(*, waiting: int, free: int, needed: int, limits: Limits) -> Pressure | None:
    """Return what presses, None when `needed` more bytes can be taken.

    `waiting` may be cut off at ten times the bound. The wait grows with what waits: senders that come
    back in step would press again at once.
    """
    if free - needed < limits.reserve:
        return Pressure(code=PressureCode.DISK, wait=_LONGEST_WAIT)
    if limits.backlog and waiting >= limits.backlog:
        wait = _SHORTEST_WAIT * max(1, waiting // limits.backlog)
        return Pressure(code=PressureCode.BACKLOG, wait=min(wait, _LONGEST_WAIT))
    return None
