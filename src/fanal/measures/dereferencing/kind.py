"""Lifecycle of a dereferencing: its states, and the requirements and rights of each transition."""

from enum import StrEnum

from fanal.casework.domain.lifecycle import Requirement, lifecycle
from fanal.kernel.states import StateTable, move
from fanal.measures.dereferencing.document import lacks_of
from fanal.measures.domain.records import DoubtCause, LiftOutcome


class DereferencingState(StrEnum):
    """The states of a dereferencing, a demand that a search engine or directory no longer list addresses.

    TO_SECOND: awaits approval by a second person. NOTIFIED: sent to the search engine or directory. IN_FORCE:
    its effect is confirmed or was checked. DOUBTED: a doubt (`DoubtCause`) awaits an answer; it still
    applies. FREED: ended by one person, to be reviewed. LIFTING: ended, the recipient not yet asked to list
    the addresses again. RESTORING: asked, not yet proved; LIFTED: proved. WITHDRAWN: before it was notified.
    """

    DRAFT = "DRAFT"
    TO_SECOND = "TO_SECOND"
    APPROVED = "APPROVED"
    NOTIFIED = "NOTIFIED"
    IN_FORCE = "IN_FORCE"
    DOUBTED = "DOUBTED"
    FREED = "FREED"
    LIFTING = "LIFTING"
    RESTORING = "RESTORING"
    LIFTED = "LIFTED"
    WITHDRAWN = "WITHDRAWN"


_S = DereferencingState
BEFORE_NOTIFICATION = frozenset({_S.DRAFT, _S.TO_SECOND, _S.APPROVED})
"""States of a dereferencing of which nobody was notified."""
LASTS = frozenset({_S.NOTIFIED, _S.IN_FORCE, _S.DOUBTED})
"""States in which the addresses are not to be listed."""
STATES = StateTable(
    name="dereferencing",
    initial=_S.DRAFT,
    final=frozenset({_S.LIFTED, _S.WITHDRAWN}),
    transitions=(
        move("amend", BEFORE_NOTIFICATION, _S.DRAFT),
        move("submit", {_S.DRAFT}, _S.TO_SECOND),
        move("refuse", {_S.TO_SECOND}, _S.DRAFT),
        move("approve", {_S.TO_SECOND}, _S.APPROVED),
        move("notify", {_S.APPROVED}, _S.NOTIFIED),
        move("confirm", {_S.NOTIFIED, _S.IN_FORCE}, _S.IN_FORCE),
        move("check", {_S.NOTIFIED, _S.IN_FORCE}, _S.IN_FORCE),
        move("doubt", {_S.NOTIFIED, _S.IN_FORCE}, _S.DOUBTED),
        move("keep", {_S.DOUBTED}, _S.IN_FORCE),
        move("lift", LASTS, _S.LIFTING),
        move("free", LASTS, _S.FREED),
        move("ask", {_S.LIFTING, _S.FREED}, _S.RESTORING),
        move("review", {_S.FREED}, _S.LIFTING),
        move("review", {_S.RESTORING}, _S.RESTORING),
        move("restore", {_S.RESTORING}, _S.LIFTED),
        move("withdraw", BEFORE_NOTIFICATION, _S.WITHDRAWN),
    ),
)
CAUSED = ("report.decide", "measure.recommend", "appeal.record")
"""Rights of the operations that cause a doubt: a decision or its end, a recommendation, an appeal."""
DEREFERENCING = lifecycle(
    kind="dereferencing",
    states=STATES,
    requirements={
        "amend": Requirement(right="dereferencing.propose", in_force=True),
        "submit": Requirement(right="dereferencing.propose", in_force=True, complete=True),
        "refuse": Requirement(right="dereferencing.approve"),
        "approve": Requirement(right="dereferencing.approve", in_force=True, approved=True),
        "notify": Requirement(
            right="dereferencing.record", in_force=True, approved=True, proof=True, sends=True
        ),
        "confirm": Requirement(right="dereferencing.record", proof=True),
        "check": Requirement(right="dereferencing.record", in_force=True, proof=True),
        "doubt": Requirement(
            right="dereferencing.record", also=CAUSED, outcomes=tuple(map(str, DoubtCause))
        ),
        "keep": Requirement(right="dereferencing.record", in_force=True),
        "lift": Requirement(
            right="dereferencing.record",
            also=("appeal.record",),
            proof=True,
            outcomes=tuple(map(str, LiftOutcome)),
        ),
        "free": Requirement(right="dereferencing.free"),
        "ask": Requirement(right="dereferencing.free", proof=True),
        "review": Requirement(right="dereferencing.free"),
        "restore": Requirement(right="dereferencing.record", proof=True),
        "withdraw": Requirement(right="dereferencing.propose", also=("report.decide",)),
    },
    reads="dereferencing.read",
    proposes="dereferencing.propose",
    missing=lacks_of,
)
REASONED = frozenset({"keep", "free", "review"})
"""Transitions that need a reason in words."""
