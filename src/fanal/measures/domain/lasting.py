"""Doubts, outcomes and basis of measures that last until they are lifted (blocking, dereferencing). Pure.

They rest on a removal request (LCEN article 6-1). One that ended bears none of them.
"""

from datetime import timedelta
from enum import StrEnum

from fanal.kernel.refusal import Refusal
from fanal.measures.domain.records import Measure, MeasureState

REVIEW = timedelta(hours=24)
"""Time in which another person reviews a lifting made by one person alone (ADR 0066)."""
ENDED_REMOVALS = frozenset(
    {MeasureState.EXECUTED, MeasureState.LIFTED, MeasureState.WITHDRAWN, MeasureState.ANNULLED}
)
"""States of a removal request on which no lasting measure rests."""


class DoubtCause(StrEnum):
    """The causes of a doubt about a measure in force."""

    REOPENED = "REOPENED"
    NEW_DECISION = "NEW_DECISION"
    RECOMMENDED = "RECOMMENDED"
    REMOVAL_ENDED = "REMOVAL_ENDED"
    APPEAL = "APPEAL"
    OTHER = "OTHER"


class LiftOutcome(StrEnum):
    """The outcomes for which a measure is lifted. LAPSED: check or doubt were not answered in time."""

    GONE = "GONE"
    LAWFUL = "LAWFUL"
    NEW_DECISION = "NEW_DECISION"
    ANNULLED = "ANNULLED"
    RECOMMENDED = "RECOMMENDED"
    LAPSED = "LAPSED"


def check_rests(removal: Measure, *, kind: str) -> None:
    """Check that an act of that kind may rest on a removal request: it is neither executed nor ended.

    Raises:
        Refusal: REMOVAL_ENDED.
    """
    if removal.state in ENDED_REMOVALS:
        raise Refusal(kind, "REMOVAL_ENDED")
