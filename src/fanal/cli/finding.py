"""The findings of `fanal doctor` about a machine: a level and one sentence each."""

from dataclasses import dataclass
from enum import StrEnum


class FindingLevel(StrEnum):
    """The severity of a finding of `fanal doctor`: only a PROBLEM makes the command fail."""

    FINE = "ok"
    NOTICE = "note"
    PROBLEM = "PROBLEM"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorFinding:
    """A finding of `fanal doctor` about this machine: its level, and one sentence."""

    level: FindingLevel
    text: str


def fine(text: str) -> DoctorFinding:
    """Return a finding of level FINE: nothing is wrong."""
    return DoctorFinding(level=FindingLevel.FINE, text=text)


def note(text: str) -> DoctorFinding:
    """Return a finding of level NOTICE: for information, no fault."""
    return DoctorFinding(level=FindingLevel.NOTICE, text=text)


def problem(text: str) -> DoctorFinding:
    """Return a finding of level PROBLEM: a fault, in a sentence with its remedy."""
    return DoctorFinding(level=FindingLevel.PROBLEM, text=text)
