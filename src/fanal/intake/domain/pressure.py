"""Back-pressure: limits of an installation, and the waiting time that is returned to senders."""

from dataclasses import dataclass
from enum import StrEnum

_SHORTEST_WAIT, _LONGEST_WAIT = 30, 300


class PressureCode(StrEnum):
    """Reason for refusing further reports for now: too many waiting, or too little free disk space."""

    BACKLOG = "BACKLOG"
    """More reports wait for processing than the installation allows."""
    DISK = "DISK"
    """The vault's disk would fall below the space reserved for reports already acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of an installation beyond which new reports are refused for now.

    `backlog` is the greatest number of waiting reports (0: unlimited), `reserve` the number of bytes that
    stay free on the vault's disk, `largest_file` the greatest size of one file in bytes.
    """

    backlog: int
    reserve: int
    largest_file: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """Temporary refusal of further reports: its reason (`code`), and the seconds that a sender waits."""

    code: PressureCode
    wait: int


def judge(*, waiting: int, free: int, needed: int, limits: Limits) -> Pressure | None:
    """Return the reason to refuse reports for now, or None when `needed` more bytes can be accepted.

    `waiting` counts the waiting reports, and may be capped at ten times the limit; `free` are the free bytes
    of the disk. The waiting time grows with the backlog, so that senders do not all return at once. `limits`
    sets the bytes of the disk to keep free and the largest backlog (0: any).
    """
    if free - needed < limits.reserve:
        return Pressure(code=PressureCode.DISK, wait=_LONGEST_WAIT)
    if limits.backlog and waiting >= limits.backlog:
        wait = _SHORTEST_WAIT * max(1, waiting // limits.backlog)
        return Pressure(code=PressureCode.BACKLOG, wait=min(wait, _LONGEST_WAIT))
    return None
