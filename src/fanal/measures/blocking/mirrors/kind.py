"""Lifecycle of the blocking of a mirror: its states, and the requirements and rights of each transition."""

from enum import StrEnum

from fanal.casework.domain.lifecycle import Requirement, lifecycle
from fanal.kernel.states import StateTable, move
from fanal.measures.blocking.kind import CAUSED, STATES as BLOCKING_STATES, BlockingState
from fanal.measures.blocking.mirrors.document import lacks_of
from fanal.measures.domain.records import DoubtCause

STATES = StateTable(
    name="mirror",
    initial=BlockingState.DRAFT,
    final=BLOCKING_STATES.final,
    transitions=(
        *BLOCKING_STATES.transitions,
        move("enforce", {BlockingState.DRAFT}, BlockingState.DRAFT),
        move("compare", {BlockingState.DRAFT}, BlockingState.DRAFT),
    ),
)


class MirrorOutcome(StrEnum):
    """The reasons for which the blocking of a mirror is lifted.

    GONE: it no longer takes over the condemned service. LAWFUL: it is lawful. DECISION_ENDED: the court's
    decision ended, or was reversed, before its last day: every mirror under it is lifted. RECOMMENDED: the
    overseer recommended the end. LAPSED: the decision reached its last day, or the check or the answer to a
    doubt was not made in time.
    """

    GONE = "GONE"
    LAWFUL = "LAWFUL"
    DECISION_ENDED = "DECISION_ENDED"
    RECOMMENDED = "RECOMMENDED"
    LAPSED = "LAPSED"


MIRROR = lifecycle(
    kind="mirror",
    states=STATES,
    requirements={
        "amend": Requirement(right="blocking.propose"),
        # The copy of the court's decision, enforceable since the instant of the step.
        "enforce": Requirement(right="blocking.propose", proof=True),
        # The evidence that the mirror takes over the condemned service in substance.
        "compare": Requirement(right="blocking.propose", proof=True),
        "submit": Requirement(right="blocking.propose", complete=True),
        "refuse": Requirement(right="blocking.approve"),
        "approve": Requirement(right="blocking.approve", approved=True),
        "vouch": Requirement(right="blocking.vouch", approved=True),
        "list": Requirement(right="blocking.record", approved=True, sends=True),
        "confirm": Requirement(right="blocking.record", proof=True),
        "check": Requirement(right="blocking.record", proof=True),
        "doubt": Requirement(
            right="blocking.record", also=CAUSED, outcomes=tuple(map(str, DoubtCause))
        ),
        "keep": Requirement(right="blocking.record"),
        "lift": Requirement(
            right="blocking.record", proof=True, outcomes=tuple(map(str, MirrorOutcome))
        ),
        "free": Requirement(right="blocking.free"),
        "review": Requirement(right="blocking.free"),
        "restore": Requirement(right="blocking.record", proof=True),
        "withdraw": Requirement(right="blocking.propose"),
    },
    reads="blocking.read",
    proposes="blocking.propose",
    missing=lacks_of,
    decided=False,
)
"""Blocking of a mirror (LCEN article 6-4): the states of a blocking, on a court's decision in force."""
