"""What `fanal doctor` says: one sentence a finding."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a finding weighs: only a PROBLEM makes the command fail."""

    FINE = "ok"
    NOTICE = "note"
    PROBLEM = "PROBLEM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence about this machine."""

    level: Level
    text: str


def fine(text: str) -> Finding:
    """Return what is as it should be."""
    return Finding(level=Level.FINE, text=text)


def note(text: str) -> Finding:
    """Return what somebody should know."""
    return Finding(level=Level.NOTICE, text=text)


def problem(text: str) -> Finding:
    """Return what stops something."""
    return Finding(level=Level.PROBLEM, text=text)
