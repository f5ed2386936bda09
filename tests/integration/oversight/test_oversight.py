"""Oversight on PostgreSQL: it reads everything, moves nothing, and what is written stays."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection

from fanal.accounts.domain.policy import Refused
from fanal.casework.domain.records import Event
from fanal.casework.operations.acts import ActUnknown as MeasureUnknown
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.queries import ProofState, prove_object
from fanal.measures import queries
from fanal.measures.domain.oversight import AnswerVerdict, Happening, RecommendationKind, draw
from fanal.measures.operations import milestones, oversight as overseeing
from fanal.measures.operations.drafts import approve_measure, withdraw_measure
from fanal.orient import queries as oriented
from tests.integration.measures.stories import (
    ANALYST,
    NOW,
    OFFICER,
    OVERSEER,
    RECIPIENT,
    decide,
    measure,
)
from tests.integration.orient.people import person
from tests.refusals import NO_RIGHT, database_refuses

LATER = NOW + timedelta(hours=1)


def sent():
    told = NOW - timedelta(days=1)
    milestones.record_first_contact(
        actor=OFFICER, recipient=RECIPIENT, event=Event(happened_at=told, proof="told"), now=told
    )
    [measure_id] = decide().opened["measure"]
    digest = measure(measure_id).digest
    approve_measure(actor=OFFICER, measure_id=measure_id, digest=digest, now=NOW)
    event = Event(happened_at=NOW, proof="mail")
    milestones.record_sent(actor=OFFICER, measure_id=measure_id, event=event, now=NOW)
    return measure_id


def recommend(measure_id, **values):
    return overseeing.recommend(
        actor=values.pop("actor", OVERSEER),
        measure_id=measure_id,
        kind=RecommendationKind.END,
        words=values.pop("words", "the content is gone"),
        now=NOW,
        **values,
    )


def test_a_recommendation_moves_nothing_and_is_answered_once() -> None:
    measure_id = sent()
    state = measure(measure_id).state
    made = recommend(measure_id)
    assert measure(measure_id).state is state
    [found] = queries.list_recommendations(actor=OFFICER, waiting=True)
    assert found.due_at > NOW
    answer = {
        "actor": OFFICER, "recommendation_id": made, "verdict": AnswerVerdict.DECLINED, "now": LATER,
    }  # fmt: skip
    overseeing.answer_recommendation(**answer, words="checked again: it is online")
    with pytest.raises(Refusal, match="ALREADY_ANSWERED"):
        overseeing.answer_recommendation(**answer, words="another")
    assert queries.list_recommendations(actor=OFFICER, waiting=True) == ()
    [kept] = queries.recommendations_of(actor=OVERSEER, measure_id=measure_id)
    assert kept.answer is not None
    assert kept.answer.words == "checked again: it is online"


@pytest.mark.parametrize("words", ["", "  ", "x" * 5001, "a\0b"])
def test_words_that_cannot_be_kept_are_refused(words: str) -> None:
    with pytest.raises(Refusal):
        recommend(sent(), words=words)


def test_only_the_overseer_recommends_and_only_the_measures_desk_answers() -> None:
    measure_id = sent()
    for actor in (ANALYST, OFFICER, person(Role.STATISTICIAN), person(Role.ADMINISTRATOR)):
        with pytest.raises(Refused):
            recommend(measure_id, actor=actor)
        with pytest.raises(Refused):
            overseeing.start_session(actor=actor, size=5, now=NOW)
    made = recommend(measure_id)
    for actor in (OVERSEER, ANALYST, person(Role.MEASURES_OFFICER, desk=2)):
        with pytest.raises(Refused):
            overseeing.answer_recommendation(
                actor=actor,
                recommendation_id=made,
                verdict=AnswerVerdict.FOLLOWED,
                words="no",
                now=LATER,
            )


def test_the_overseer_moves_no_measure() -> None:
    measure_id = sent()
    event = Event(happened_at=LATER, proof="x")
    for act in (milestones.record_receipt, milestones.record_execution, milestones.annul_measure):
        with pytest.raises(Refused):
            act(actor=OVERSEER, measure_id=measure_id, event=event, now=LATER)


@pytest.mark.parametrize(
    "table",
    ["measures_session", "measures_happening", "measures_recommendation", "measures_answer"],
)
@pytest.mark.parametrize("act", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_nothing_of_oversight_changes_or_goes(table: str, act: str) -> None:
    measure_id = sent()
    session_id = overseeing.start_session(actor=OVERSEER, size=5, now=NOW)
    overseeing.note_in_session(
        actor=OVERSEER, session_id=session_id, what=Happening.PAUSED, now=NOW
    )
    overseeing.answer_recommendation(
        actor=OFFICER,
        recommendation_id=recommend(measure_id),
        verdict=AnswerVerdict.FOLLOWED,
        words="ended",
        now=LATER,
    )
    column = "recommendation_id" if table == "measures_answer" else "id"
    with database_refuses(NO_RIGHT), connection.cursor() as cursor:
        cursor.execute(act.format(table, column, column))


def test_a_session_draws_among_what_was_sent_and_keeps_its_record() -> None:
    measure_id = sent()
    decide()  # a draft is not overseen: nothing left the desk
    session_id = overseeing.start_session(actor=OVERSEER, size=10, now=NOW)
    found = queries.get_session(actor=OVERSEER, session_id=session_id)
    assert found is not None
    assert (found.population, found.sample) == (1, (measure_id,))
    assert found.sample == draw(population=[measure_id], session_id=session_id, size=10)
    note = {"actor": OVERSEER, "session_id": session_id, "now": NOW}
    assert overseeing.note_in_session(**note, what=Happening.SEEN, measure_id=measure_id)
    assert not overseeing.note_in_session(**note, what=Happening.SEEN, measure_id=measure_id)
    with pytest.raises(MeasureUnknown):
        overseeing.note_in_session(**note, what=Happening.AGREED, measure_id=uuid4())
    recommend(measure_id, session_id=session_id)
    recommend(measure_id, session_id=session_id)
    overseeing.note_in_session(**note, what=Happening.ENDED)
    with pytest.raises(overseeing.SessionUnknown):
        overseeing.note_in_session(**note, what=Happening.PAUSED)
    found = queries.get_session(actor=OVERSEER, session_id=session_id)
    assert found is not None
    assert [e.what for e in found.events] == ["SEEN", "RECOMMENDED", "ENDED"]


def test_what_was_sent_and_then_withdrawn_is_drawn_too() -> None:
    measure_id = sent()
    withdraw_measure(actor=OFFICER, measure_id=measure_id, cause="sent in error", now=LATER)
    session_id = overseeing.start_session(actor=OVERSEER, size=10, now=LATER)
    found = queries.get_session(actor=OVERSEER, session_id=session_id)
    assert found is not None
    assert (found.population, found.sample) == (1, (measure_id,))


def test_a_session_is_nobody_else_s() -> None:
    session_id = overseeing.start_session(actor=OVERSEER, size=5, now=NOW)
    other = person(Role.OVERSEER)
    assert queries.get_session(actor=other, session_id=session_id) is None
    with pytest.raises(overseeing.SessionUnknown):
        overseeing.note_in_session(
            actor=other, session_id=session_id, what=Happening.ENDED, now=NOW
        )


def test_the_decision_behind_a_measure_is_shown_to_the_overseer_only_through_it() -> None:
    [measure_id] = decide().opened["measure"]
    decision_id = measure(measure_id).decision_id
    found = oriented.decision_behind(actor=OVERSEER, decision_id=decision_id)
    assert found is not None
    assert found.reason == "read"
    report_id = measure(measure_id).report_id
    assert oriented.get_case(actor=OVERSEER, report_id=report_id) is None
    assert oriented.decisions_of(actor=OVERSEER, report_ids=[report_id]) == {}
    for actor in (person(Role.STATISTICIAN), person(Role.ANALYST, desk=2)):
        assert oriented.decision_behind(actor=actor, decision_id=decision_id) is None


@pytest.mark.role("worker")
def test_entries_are_proved_once_sealed_and_a_change_shows() -> None:
    measure_id = sent()
    states = set(prove_object(actor=OVERSEER, object_id=measure_id).states.values())
    assert states == {ProofState.PENDING}
    ledger.sequence_pending(now=NOW)
    states = set(prove_object(actor=OVERSEER, object_id=measure_id).states.values())
    assert states == {ProofState.NUMBERED}
    ledger.sign_checkpoint(now=NOW)
    recommend(measure_id)
    proofs = prove_object(actor=OVERSEER, object_id=measure_id)
    assert proofs.checkpoint is not None
    assert set(proofs.states.values()) == {ProofState.PROVED, ProofState.PENDING}


@pytest.mark.role("owner")
def test_a_leaf_that_was_rewritten_is_not_proved() -> None:
    measure_id = sent()
    ledger.sequence_pending(now=NOW)
    ledger.sign_checkpoint(now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_chain DISABLE TRIGGER USER")
        cursor.execute("UPDATE ledger_chain SET leaf_hash = sha256('other') WHERE seq = 1")
    states = set(prove_object(actor=OVERSEER, object_id=measure_id).states.values())
    assert states == {ProofState.CHANGED}
