"""What `fanal doctor` says: one sentence a finding."""

from dataclasses import dataclass
from enum import StrEnum


class FindingLevel(StrEnum):
    """How a finding weighs: only a PROBLEM makes the command fail."""

    FINE = "ok"
    NOTICE = "note"
    PROBLEM = "PROBLEM"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorFinding:
    """One sentence about this machine."""

    level: FindingLevel
    text: str


def fine(text: str) -> DoctorFinding:
    """Return what is as it should be."""
    return DoctorFinding(level=FindingLevel.FINE, text=text)


def note(text: str) -> DoctorFinding:
    """Return what somebody should know."""
    return DoctorFinding(level=FindingLevel.NOTICE, text=text)


def problem(text: str) -> DoctorFinding:
    """Return what stops something."""
    return DoctorFinding(level=FindingLevel.PROBLEM, text=text)
