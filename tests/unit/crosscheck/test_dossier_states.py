"""A dossier's state follows from judgements alone."""

from uuid import UUID

from fanal.crosscheck.domain.records import DossierState, JudgementAct
from fanal.crosscheck.dossiers.domain import (
    DOSSIER_STATES,
    Judgement,
    conduct_of,
    move_of,
    next_act,
    state_of,
)

REPORTS = (UUID(int=1), UUID(int=2))


def said(number: int, act: JudgementAct, *, undoes: int | None = None) -> Judgement:
    return Judgement(
        id=UUID(int=number),
        act=act,
        left=() if undoes else REPORTS,
        undoes=UUID(int=undoes) if undoes else None,
    )


def test_opening_closing_and_taking_back() -> None:
    judgements = [said(1, JudgementAct.LINK)]
    assert state_of(conduct_of(judgements)) is DossierState.PROPOSED
    judgements += [said(2, JudgementAct.OPEN), said(3, JudgementAct.CLOSE)]
    assert state_of(conduct_of(judgements)) is DossierState.CLOSED
    judgements.append(said(4, JudgementAct.UNDO, undoes=3))
    assert state_of(conduct_of(reversed(judgements))) is DossierState.OPEN


def test_every_move_of_the_table_is_an_act_and_reaches_what_the_act_says() -> None:
    made = {
        (state, act): name
        for state in DossierState
        for act in JudgementAct
        if (name := move_of(state, act)) is not None
    }
    assert sorted(made.values()) == sorted(t.name for t in DOSSIER_STATES.transitions)
    for (state, act), name in made.items():
        assert DOSSIER_STATES.apply(state, name) is state_of(said(1, act))
        assert next_act(state) is act
