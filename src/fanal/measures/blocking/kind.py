"""Lifecycle of a blocking: its states, and the requirements and rights of each transition."""

from enum import StrEnum

from fanal.casework.domain.lifecycle import Requirement, lifecycle
from fanal.kernel.states import StateTable, move
from fanal.measures.blocking.document import lacks_of
from fanal.measures.domain.records import DoubtCause, LiftOutcome


class BlockingState(StrEnum):
    """The states of a blocking of a host name by access providers.

    TO_SECOND: awaits approval by a second person. VOUCHED: a third person approved the blocking of a
    protected name. LISTED: in the list, not yet known to be applied. IN_FORCE: it is applied. DOUBTED: a
    doubt (`DoubtCause`) awaits an answer; the name is still listed. FREED: taken off the list by one person,
    to be reviewed. LIFTING: off the list, not yet proved that providers restored access; LIFTED: proved.
    WITHDRAWN: before it was listed.
    """

    DRAFT = "DRAFT"
    TO_SECOND = "TO_SECOND"
    APPROVED = "APPROVED"
    VOUCHED = "VOUCHED"
    LISTED = "LISTED"
    IN_FORCE = "IN_FORCE"
    DOUBTED = "DOUBTED"
    FREED = "FREED"
    LIFTING = "LIFTING"
    LIFTED = "LIFTED"
    WITHDRAWN = "WITHDRAWN"


_S = BlockingState
BEFORE_LISTING = frozenset({_S.DRAFT, _S.TO_SECOND, _S.APPROVED, _S.VOUCHED})
"""States of a blocking that no list has named."""
BLOCKS = frozenset({_S.LISTED, _S.IN_FORCE, _S.DOUBTED})
"""States in which the name is blocked, before the act's expiry (`rules.expiry_of`)."""
STATES = StateTable(
    name="blocking",
    initial=_S.DRAFT,
    final=frozenset({_S.LIFTED, _S.WITHDRAWN}),
    transitions=(
        move("amend", BEFORE_LISTING, _S.DRAFT),
        move("submit", {_S.DRAFT}, _S.TO_SECOND),
        move("refuse", {_S.TO_SECOND}, _S.DRAFT),
        move("approve", {_S.TO_SECOND}, _S.APPROVED),
        move("vouch", {_S.APPROVED}, _S.VOUCHED),
        move("list", {_S.APPROVED, _S.VOUCHED}, _S.LISTED),
        move("confirm", {_S.LISTED}, _S.IN_FORCE),
        move("check", {_S.LISTED, _S.IN_FORCE}, _S.IN_FORCE),
        move("doubt", {_S.LISTED, _S.IN_FORCE}, _S.DOUBTED),
        move("keep", {_S.DOUBTED}, _S.IN_FORCE),
        move("lift", BLOCKS, _S.LIFTING),
        move("free", BLOCKS, _S.FREED),
        move("review", {_S.FREED}, _S.LIFTING),
        move("restore", {_S.LIFTING}, _S.LIFTED),
        move("withdraw", BEFORE_LISTING, _S.WITHDRAWN),
    ),
)
CAUSED = ("report.decide", "measure.recommend", "appeal.record")
"""Rights of the operations that cause a doubt: a decision or its end, a recommendation, an appeal."""
BLOCKING = lifecycle(
    kind="blocking",
    states=STATES,
    requirements={
        "amend": Requirement(right="blocking.propose", in_force=True),
        "submit": Requirement(right="blocking.propose", in_force=True, complete=True),
        "refuse": Requirement(right="blocking.approve"),
        "approve": Requirement(right="blocking.approve", in_force=True, approved=True),
        "vouch": Requirement(right="blocking.vouch", in_force=True, approved=True),
        "list": Requirement(right="blocking.record", in_force=True, approved=True, sends=True),
        "confirm": Requirement(right="blocking.record", proof=True),
        "check": Requirement(right="blocking.record", in_force=True, proof=True),
        "doubt": Requirement(
            right="blocking.record", also=CAUSED, outcomes=tuple(map(str, DoubtCause))
        ),
        "keep": Requirement(right="blocking.record", in_force=True),
        "lift": Requirement(
            right="blocking.record",
            also=("appeal.record",),
            proof=True,
            outcomes=tuple(map(str, LiftOutcome)),
        ),
        "free": Requirement(right="blocking.free"),
        "review": Requirement(right="blocking.free"),
        "restore": Requirement(right="blocking.record", proof=True),
        "withdraw": Requirement(right="blocking.propose", also=("report.decide",)),
    },
    reads="blocking.read",
    proposes="blocking.propose",
    missing=lacks_of,
)
REASONED = frozenset({"vouch", "keep", "free", "review"})
"""Transitions that need a reason in words."""
