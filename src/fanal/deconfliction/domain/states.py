"""State tables of a round of private set intersection, for either side, and of a match; refusal codes."""

from enum import StrEnum
from typing import Final

from fanal.kernel.states import StateTable, move

# The error of every refused operation.


class Side(StrEnum):
    """The role of this desk in a round of private set intersection: it began it (OFFERING), or answers."""

    OFFERING = "OFFERING"
    ANSWERING = "ANSWERING"


class MessageKind(StrEnum):
    """The kinds of messages in a round of private set intersection, in order: offer, answer, conclusion."""

    OFFER = "OFFER"
    ANSWER = "ANSWER"
    CONCLUSION = "CONCLUSION"


class RoundState(StrEnum):
    """The states of a round of private set intersection at this desk.

    OFFERED: we began it and wait for the answer. RECEIVED, ANSWERED: the other organisation began it, and its
    offer waits for our answer or has it. CONCLUDED, EXPIRED (out of time) and REFUSED (an invalid message)
    are final.
    """

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
"""State table of a round that this desk began."""

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
"""State table of a round that a counterpart began."""

ROUNDS: Final = {Side.OFFERING: OFFERING, Side.ANSWERING: ANSWERING}


class HitState(StrEnum):
    """The states of a match (an identifier that both desks hold): how far people have dealt with it.

    REOPENED: it was closed, and a new report contains the identifier.
    """

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
"""State table of a match: people contact and close; a new report with the identifier reopens it."""
