"""States of a measure. Blocking and dereferencing follow the same table."""

from enum import StrEnum

from fanal.kernel.states import StateTable, move


class MeasureState(StrEnum):
    """Where a measure stands."""

    DRAFT = "DRAFT"
    TO_SECOND = "TO_SECOND"
    APPROVED = "APPROVED"
    SENT = "SENT"
    RECEIVED = "RECEIVED"
    SUSPENDED = "SUSPENDED"
    EXPIRED = "EXPIRED"
    EXECUTED = "EXECUTED"
    LIFTED = "LIFTED"
    WITHDRAWN = "WITHDRAWN"
    ANNULLED = "ANNULLED"


_BEFORE_SENDING = {MeasureState.DRAFT, MeasureState.TO_SECOND, MeasureState.APPROVED}
_WITH_ADDRESSEE = {
    MeasureState.SENT,
    MeasureState.RECEIVED,
    MeasureState.SUSPENDED,
    MeasureState.EXPIRED,
}
NEEDS_APPROVAL = frozenset(
    {MeasureState.APPROVED, MeasureState.EXECUTED, MeasureState.LIFTED, MeasureState.ANNULLED}
    | _WITH_ADDRESSEE
)
ENDED = frozenset({MeasureState.LIFTED, MeasureState.WITHDRAWN, MeasureState.ANNULLED})
"""Nothing more is due there; only the record of a sending that was missing leads out of WITHDRAWN."""

MEASURE_STATES: StateTable[MeasureState] = StateTable(
    name="measure",
    initial=MeasureState.DRAFT,
    final=frozenset({MeasureState.LIFTED, MeasureState.ANNULLED}),
    transitions=(
        move("amend", _BEFORE_SENDING, MeasureState.DRAFT),
        move("submit", {MeasureState.DRAFT}, MeasureState.TO_SECOND),
        move("refuse", {MeasureState.TO_SECOND}, MeasureState.DRAFT),
        move("approve", {MeasureState.TO_SECOND}, MeasureState.APPROVED),
        move("send", {MeasureState.APPROVED}, MeasureState.SENT),
        # Seconded, it had left before its ground went, or although it had: a fact, recorded as one.
        move("leave", {MeasureState.APPROVED, MeasureState.WITHDRAWN}, MeasureState.SENT),
        move("receive", {MeasureState.SENT}, MeasureState.RECEIVED),
        move("suspend", {MeasureState.RECEIVED}, MeasureState.SUSPENDED),
        move("resume", {MeasureState.SUSPENDED}, MeasureState.RECEIVED),
        move("expire", {MeasureState.RECEIVED}, MeasureState.EXPIRED),
        move("execute", _WITH_ADDRESSEE, MeasureState.EXECUTED),
        move("lift", {MeasureState.EXECUTED}, MeasureState.LIFTED),
        move("withdraw", _BEFORE_SENDING | _WITH_ADDRESSEE, MeasureState.WITHDRAWN),
        move("annul", _WITH_ADDRESSEE | {MeasureState.EXECUTED}, MeasureState.ANNULLED),
    ),
)
