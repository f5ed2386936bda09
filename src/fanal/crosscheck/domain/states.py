"""States of a dossier: links propose it, people open and close it. Each transition is a judgement."""

from collections.abc import Iterable
from enum import StrEnum

from fanal.crosscheck.domain.dossiers import Judgement, JudgementAct, effective
from fanal.kernel.states import StateTable, move


class DossierState(StrEnum):
    """State of a dossier; a rejected proposal is no dossier and has no state."""

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
"""Transitions that each judgement act can cause."""


def move_of(state: DossierState, act: JudgementAct) -> str | None:
    """Return the transition that a judgement of kind `act` causes in `state`; None where there is none."""
    allowed = DOSSIER_STATES.moves_from(state)
    return next((name for name in _MOVES.get(act, ()) if name in allowed), None)


def next_act(state: DossierState) -> JudgementAct:
    """Return the kind of judgement that the state allows next: OPEN or CLOSE."""
    return next(act for act in _MOVES if move_of(state, act))


def conduct_of(judgements: Iterable[Judgement]) -> Judgement | None:
    """Return the last judgement in force that opened or closed a dossier; None while it is only proposed.

    `judgements` are all that name a report of the dossier: after a merge, those on both former dossiers
    count.
    """
    moves = [j for j in effective(judgements) if j.act in (JudgementAct.OPEN, JudgementAct.CLOSE)]
    return moves[-1] if moves else None


def state_of(conduct: Judgement | None) -> DossierState:
    """Return the state of a dossier after its last OPEN or CLOSE; None means PROPOSED."""
    if conduct is None:
        return DossierState.PROPOSED
    return DossierState.OPEN if conduct.act is JudgementAct.OPEN else DossierState.CLOSED
