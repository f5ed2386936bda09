"""States of a dossier: links propose it, people open and close it. Each move is a judgement."""

from collections.abc import Iterable
from enum import StrEnum

from fanal.crosscheck.domain.dossiers import Judgement, JudgementAct, effective
from fanal.kernel.states import StateTable, move


class DossierState(StrEnum):
    """Where a dossier stands; one that people reject is none any more."""

    PROPOSED = "PROPOSED"
    OPEN = "OPEN"
    CLOSED = "CLOSED"


DOSSIER_STATES: StateTable[DossierState] = StateTable(
    name="dossier",
    initial=DossierState.PROPOSED,
    final=frozenset(),
    transitions=(
        move("open", {DossierState.PROPOSED}, DossierState.OPEN),
        move("close", {DossierState.OPEN}, DossierState.CLOSED),
        move("reopen", {DossierState.CLOSED}, DossierState.OPEN),
    ),
)
_MOVES = {JudgementAct.OPEN: ("open", "reopen"), JudgementAct.CLOSE: ("close",)}
"""The moves that an act can be."""


def move_of(state: DossierState, act: JudgementAct) -> str | None:
    """Return the move that an act makes from a state; None where the table allows none."""
    allowed = DOSSIER_STATES.moves_from(state)
    return next((name for name in _MOVES.get(act, ()) if name in allowed), None)


def next_act(state: DossierState) -> JudgementAct:
    """Return what may be done next with a dossier."""
    return next(act for act in _MOVES if move_of(state, act))


def conduct_of(judgements: Iterable[Judgement]) -> Judgement | None:
    """Return the last judgement that opened or closed a dossier, None while it is a proposal.

    `judgements` are those about any of its reports: what was said of one of two dossiers holds for both
    once they are one.
    """
    moves = [j for j in effective(judgements) if j.act in (JudgementAct.OPEN, JudgementAct.CLOSE)]
    return moves[-1] if moves else None


def state_of(conduct: Judgement | None) -> DossierState:
    """Return the state that the last opening or closing left."""
    if conduct is None:
        return DossierState.PROPOSED
    return DossierState.OPEN if conduct.act is JudgementAct.OPEN else DossierState.CLOSED
