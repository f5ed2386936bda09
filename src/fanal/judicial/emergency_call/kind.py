"""Lifecycle of an emergency call: its states, and the requirements and rights of each transition."""

from enum import StrEnum

from fanal.casework.domain.lifecycle import Requirement, lifecycle
from fanal.kernel.states import StateTable, move


class EmergencyCallState(StrEnum):
    """The states of an emergency call.

    TO_CALL: not made yet, or to be made again. MISSED: nobody answered. ANSWERED: the service answered.
    CONFIRMED: the service confirmed that it acts. NOT_NEEDED: a person decided, with a reason, that no call
    is needed.
    """

    TO_CALL = "TO_CALL"
    MISSED = "MISSED"
    ANSWERED = "ANSWERED"
    CONFIRMED = "CONFIRMED"
    NOT_NEEDED = "NOT_NEEDED"


_S = EmergencyCallState
TO_MAKE = frozenset({_S.TO_CALL, _S.MISSED})
"""States in which somebody of the desk has to call."""
STATES = StateTable(
    name="emergency_call",
    initial=_S.TO_CALL,
    final=frozenset({_S.CONFIRMED, _S.NOT_NEEDED}),
    transitions=(
        move("answer", TO_MAKE, _S.ANSWERED),
        move("miss", TO_MAKE, _S.MISSED),
        move("decline", TO_MAKE, _S.NOT_NEEDED),
        move("confirm", {_S.ANSWERED}, _S.CONFIRMED),
        move("again", {_S.ANSWERED}, _S.TO_CALL),
    ),
)
_SAID = Requirement(right="emergency_call.record", proof=True)
EMERGENCY_CALL = lifecycle(
    kind="emergency_call",
    states=STATES,
    requirements={
        "answer": Requirement(right="emergency_call.record", proof=True, sends=True),
        "miss": Requirement(right="emergency_call.record"),
        "decline": _SAID,
        "confirm": _SAID,
        "again": _SAID,
    },
    reads="emergency_call.read",
    proposes="alarm.acknowledge",
    decided=False,
)
