"""States of a round, on either side, and of a hit."""

from enum import StrEnum
from typing import Final

from fanal.kernel.states import StateTable, move

# Why something of de-confliction cannot be done.


class DeconflictionRefused(ValueError):
    """Nothing was done; `code` says why (labels of kind `deconfliction_refused`), never what was sent."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Side(StrEnum):
    """Which part this desk has in a round."""

    OFFERING = "OFFERING"
    ANSWERING = "ANSWERING"


class MessageKind(StrEnum):
    """The messages of a round, in their order."""

    OFFER = "OFFER"
    ANSWER = "ANSWER"
    CONCLUSION = "CONCLUSION"


class RoundState(StrEnum):
    """Where a round stands at this desk."""

    OFFERED = "OFFERED"
    RECEIVED = "RECEIVED"
    ANSWERED = "ANSWERED"
    CONCLUDED = "CONCLUDED"
    EXPIRED = "EXPIRED"
    REFUSED = "REFUSED"


OFFERING: Final = StateTable(
    name="deconfliction_offering",
    initial=RoundState.OFFERED,
    final=frozenset({RoundState.CONCLUDED, RoundState.EXPIRED, RoundState.REFUSED}),
    transitions=(
        move("conclude", [RoundState.OFFERED], RoundState.CONCLUDED),
        move("expire", [RoundState.OFFERED], RoundState.EXPIRED),
        move("refuse", [RoundState.OFFERED], RoundState.REFUSED),
    ),
)
"""A round that this desk began."""

ANSWERING: Final = StateTable(
    name="deconfliction_answering",
    initial=RoundState.RECEIVED,
    final=frozenset({RoundState.CONCLUDED, RoundState.EXPIRED, RoundState.REFUSED}),
    transitions=(
        move("answer", [RoundState.RECEIVED], RoundState.ANSWERED),
        move("conclude", [RoundState.ANSWERED], RoundState.CONCLUDED),
        move("expire", [RoundState.RECEIVED, RoundState.ANSWERED], RoundState.EXPIRED),
        move("refuse", [RoundState.RECEIVED, RoundState.ANSWERED], RoundState.REFUSED),
    ),
)
"""A round that another desk began."""

ROUNDS: Final = {Side.OFFERING: OFFERING, Side.ANSWERING: ANSWERING}


class HitState(StrEnum):
    """How far the desks have come over an identifier that both hold."""

    NEW = "NEW"
    CONTACTED = "CONTACTED"
    CLOSED = "CLOSED"
    REOPENED = "REOPENED"


HIT: Final = StateTable(
    name="deconfliction_hit",
    initial=HitState.NEW,
    final=frozenset(),
    transitions=(
        move("contact", [HitState.NEW, HitState.REOPENED], HitState.CONTACTED),
        move("close", [HitState.NEW, HitState.CONTACTED, HitState.REOPENED], HitState.CLOSED),
        move("reopen", [HitState.CLOSED], HitState.REOPENED),
    ),
)
"""People contact and close; a new report that holds the identifier reopens."""
