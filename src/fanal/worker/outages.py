"""What a stage does when the vault does not answer: it pauses and goes on with care; no report is blamed.

A disk that is away, a mount that is missing or a key that nobody has put in place is the installation's
fault: reports go back without counting an attempt. Only damaged or missing bytes count as a report's own.
"""

from datetime import datetime, timedelta

from fanal.vault.keyring import KeyMissing
from fanal.vault.packs import BlobMissing

_FIRST, _LONGEST = timedelta(seconds=1), timedelta(seconds=5)
_UNBOUNDED = 2**31
_REPORTS_WAIT = 4
"""Times the pause: after it others are tried first, so that one unreadable place stops nobody else."""


def outage_code(failure: Exception) -> str | None:
    """Return the code under which reports wait for this failure to be mended; None: it is their own."""
    if isinstance(failure, KeyMissing):
        return "KEY_MISSING"
    if isinstance(failure, OSError) and not isinstance(failure, BlobMissing):
        return "VAULT_AWAY"
    return None


class Outage:
    """How long one stage pauses, and how many reports it takes while it does not know more."""

    def __init__(self) -> None:
        self._until: datetime | None = None
        self._pause = _FIRST
        self.size = _UNBOUNDED

    def lasts(self, now: datetime) -> bool:
        """Return whether the stage still pauses at `now`."""
        return self._until is not None and now < self._until

    def begin(self, now: datetime) -> timedelta:
        """Pause from `now`, longer each time; return how long the reports in hand wait."""
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST)
        self._until, self.size = now + pause, 1
        return pause * _REPORTS_WAIT

    def ease(self) -> None:
        """Go on after a step that went well, with twice as many reports."""
        self._pause, self._until = _FIRST, None
        self.size = min(self.size * 2, _UNBOUNDED)
