"""Appeals: registered with their filing and terms, ruled with the ruling's bytes; an annulment lifts at once."""

import hashlib
from datetime import timedelta
from uuid import UUID

import pytest

from fanal.accounts.domain.policy import Refused
from fanal.casework import queries as casework
from fanal.casework.domain.records import Event
from fanal.casework.operations.acts import ActUnknown
from fanal.casework.operations.proofs import open_proof
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.measures.appeal import acts, views
from fanal.measures.appeal.document import read_appeal
from fanal.measures.appeal.kind import APPEAL, Filer
from fanal.measures.blocking.register import entries_in_force
from fanal.measures.dereferencing.kind import DEREFERENCING
from fanal.measures.removal.kind import REMOVAL
from tests.integration.measures import blockings, dereferencings
from tests.integration.measures.appeals import RULING, file_of, filed, take, view
from tests.integration.measures.blockings import (
    COLLEAGUE,
    DAY,
    HOUR,
    SUPERVISOR,
    ago,
    listed,
    received,
)
from tests.integration.measures.stories import ANALYST, HOST, OFFICER, OVERSEER, measure
from tests.integration.orient.people import person

ELSEWHERE = person(Role.MEASURES_OFFICER, desk=2)


def refusal(*args: object, **named: object) -> str:
    """The code with which a step of an appeal is refused."""
    with pytest.raises(Refusal) as refused:
        take(*args, **named)  # type: ignore[arg-type]
    return refused.value.code


def names() -> set[str]:
    """The names in the list of now."""
    return {entry.name for entry in entries_in_force(now=ago(0))}


def test_an_appeal_is_registered_with_its_terms_and_puts_the_blocking_in_doubt() -> None:
    blocking_id = listed(5)
    act_id = filed(blocking_id, ago(3), known_at=ago(4))
    found = view(act_id)
    assert (found.act.state, found.filer, found.contested_id) == (
        "FILED",
        Filer.EDITOR,
        blocking_id,
    )
    terms = [(term.code, term.ends_at) for term in found.terms]
    assert terms == [
        ("TA_48H", found.facts.known_at + 2 * DAY),
        ("TA_RULING_72H", found.facts.filed_at + 3 * DAY),
    ]
    assert (found.terms[0].late(ago(0)), found.due_at) == (False, found.terms[1].ends_at)
    assert (blockings.act_of(blocking_id).state, blockings.act_of(blocking_id).outcome) == (
        "DOUBTED",
        "APPEAL",
    )
    said = read_appeal(file_of(act_id).content or b"").appeal
    assert said.contested_number == casework.numbers_of(act_ids=[blocking_id])[blocking_id]
    assert (said.court, said.case_number) == ("TA Cergy-Pontoise", "2612345")


@pytest.mark.parametrize("number", ["26 12345", "26\u00a012345", "2612345\u200b", "２６12345"])
def test_a_case_number_in_another_spelling_is_the_same_case(number: str) -> None:
    blocking_id = listed(5)
    act_id = filed(blocking_id, ago(3))
    assert filed(blocking_id, ago(2), case_number=number) == act_id


@pytest.mark.parametrize("number", ["", "\u200b"])
def test_without_a_case_number_the_same_filing_is_registered_once(number: str) -> None:
    blocking_id, at = listed(5), ago(3)
    act_id = filed(blocking_id, at, case_number=number)
    assert filed(blocking_id, at + timedelta(seconds=70), case_number=number) == act_id
    other = filed(blocking_id, at, case_number=number, filer=Filer.PROVIDER)
    later = filed(blocking_id, ago(2), case_number=number)
    numbered = filed(blocking_id, at, case_number="2612345")
    assert len({act_id, other, later, numbered}) == 4


def test_a_name_listed_while_its_removal_request_is_contested_is_in_doubt() -> None:
    at = ago(3)
    removal_id = received(at - 25 * HOUR)
    blocking_id = blockings.approved(blockings.drafted(removal_id, at - HOUR), at - HOUR)
    appeal_id = filed(removal_id, ago(2), contested=REMOVAL)
    blockings.take(blocking_id, "list", ago(0.01))
    act = blockings.act_of(blocking_id)
    assert (act.state, act.outcome, names()) == ("DOUBTED", "APPEAL", {HOST})
    blockings.take(blocking_id, "keep", ago(0), actor=COLLEAGUE)
    take(appeal_id, "rule", ago(0), outcome="ANNULLED", file=RULING)
    assert names() == set()


def test_a_name_listed_after_its_appeal_was_rejected_is_in_no_doubt() -> None:
    at = ago(3)
    removal_id = received(at - 25 * HOUR)
    blocking_id = blockings.approved(blockings.drafted(removal_id, at - HOUR), at - HOUR)
    appeal_id = filed(removal_id, ago(2), contested=REMOVAL)
    take(appeal_id, "rule", ago(1.5), outcome="REJECTED", file=RULING)
    blockings.take(blocking_id, "list", ago(1))
    assert blockings.act_of(blocking_id).state == "LISTED"


def test_the_same_case_against_the_same_measure_is_registered_once() -> None:
    blocking_id = listed(5)
    act_id = filed(blocking_id, ago(3))
    assert filed(blocking_id, ago(2)) == act_id
    assert filed(blocking_id, ago(2), case_number="2612346") != act_id
    take(act_id, "strike", ago(1), reason="typed twice")
    assert filed(blocking_id, ago(0.5)) != act_id


def test_a_measure_of_which_nobody_was_notified_cannot_be_contested() -> None:
    blocking_id = listed(5)
    draft = blockings.drafted(received(ago(3), "other.example"), ago(2), name="other.example")
    with pytest.raises(Refusal, match="NOT_SENT"):
        filed(draft, ago(1))
    with pytest.raises(ActUnknown):
        filed(UUID(int=7), ago(1))
    with pytest.raises(Refusal, match="EVENT_TOO_EARLY"):
        filed(blocking_id, ago(6))
    with pytest.raises(Refusal, match="KNOWN_WRONG"):
        filed(blocking_id, ago(3), known_at=ago(2))
    with pytest.raises(Refusal, match="NO_FILER"):
        filed(blocking_id, ago(3), filer=Filer.AUTHORITY)
    for actor in (ANALYST, OVERSEER, ELSEWHERE):
        with pytest.raises((Refused, ActUnknown)):
            filed(blocking_id, ago(3), actor=actor)


def test_a_ruling_needs_its_bytes_and_keeps_their_digest() -> None:
    act_id = filed(listed(5), ago(3))
    take(act_id, "hear", ago(2))
    assert refusal(act_id, "rule", ago(1), outcome="REJECTED") == "NO_RULING"
    take(act_id, "rule", ago(1), outcome="REJECTED", file=RULING)
    step = file_of(act_id).steps[-1]
    assert step.proof_digest == hashlib.sha256(RULING.content).hexdigest()
    assert step.file is not None
    _, content = open_proof(
        actor=OVERSEER,
        lifecycle=APPEAL,
        act_id=act_id,
        object_id=step.file.object_id,
        now=ago(0),
    )
    assert content == RULING.content


def test_a_rejected_appeal_leaves_the_measure_and_is_closed_after_ten_days() -> None:
    act_id = filed(listed(40), ago(39))
    take(act_id, "rule", ago(38), outcome="REJECTED", file=RULING)
    assert refusal(act_id, "close", ago(30)) == "NOT_FINAL"
    take(act_id, "close", ago(20))
    assert view(act_id).act.state == "CLOSED"


def test_a_blocking_that_is_contested_stays_in_force_once_a_person_has_kept_it() -> None:
    blocking_id = listed(5)
    act_id = filed(blocking_id, ago(0))
    assert names() == {HOST}
    with pytest.raises(Refusal, match="OTHER_PERSON"):
        blockings.take(blocking_id, "keep", ago(0))
    blockings.take(blocking_id, "keep", ago(0), actor=blockings.COLLEAGUE)
    take(act_id, "rule", ago(0), outcome="REJECTED", file=RULING)
    assert names() == {HOST}


@pytest.mark.parametrize("heard", [False, True])
def test_an_annulled_blocking_leaves_the_list_with_the_ruling(heard: bool) -> None:
    blocking_id = listed(5)
    act_id = filed(blocking_id, ago(0))
    if heard:
        take(act_id, "hear", ago(0))
    assert names() == {HOST}
    take(act_id, "rule", ago(0), actor=SUPERVISOR, outcome="ANNULLED", file=RULING)
    assert names() == set()
    act, last = blockings.act_of(blocking_id), blockings.file_of(blocking_id).steps[-1]
    assert (act.state, act.outcome) == ("LIFTING", "ANNULLED")
    assert hashlib.sha256(RULING.content).hexdigest() in last.proof
    assert blockings.view(blocking_id).due_at == last.happened_at + DAY


def test_an_annulled_removal_lifts_what_rests_on_it() -> None:
    removal_id = received(ago(5))
    blocking_id = blockings.approved(blockings.drafted(removal_id, ago(3)), ago(3))
    blockings.take(blocking_id, "list", ago(3))
    other = dereferencings.approved(dereferencings.drafted(removal_id, ago(3)), ago(3))
    dereferencings.take(other, "notify", ago(3))
    act_id = filed(removal_id, ago(2), contested=REMOVAL, filer=Filer.PROVIDER)
    assert dereferencings.act_of(other).state == "DOUBTED"
    take(act_id, "rule", ago(1), outcome="ANNULLED", file=RULING)
    assert measure(removal_id).state == "ANNULLED"
    assert blockings.act_of(blocking_id).state == "LIFTING"
    assert dereferencings.act_of(other).state == "LIFTING"
    assert names() == set()


def test_an_annulled_dereferencing_is_lifted_alone() -> None:
    one = dereferencings.notified(4)
    act_id = filed(one, ago(3), contested=DEREFERENCING, filer=Filer.PERSON)
    take(act_id, "rule", ago(1), outcome="ANNULLED", file=RULING)
    assert dereferencings.act_of(one).state == "LIFTING"
    assert measure(dereferencings.view(one).removal_id).state == "RECEIVED"


def test_the_court_of_appeal_annuls_too_and_what_it_restores_takes_a_new_act() -> None:
    blocking_id = listed(40)
    act_id = filed(blocking_id, ago(39))
    take(act_id, "rule", ago(38), outcome="REJECTED", file=RULING)
    take(act_id, "contest", ago(37), outcome="EDITOR")
    assert view(act_id).due_at is not None
    take(act_id, "decide", ago(20), outcome="ANNULLED", file=RULING)
    assert names() == set()
    found = view(act_id)
    assert (found.ruling, found.final_ruling, found.standing) == (
        "REJECTED",
        "ANNULLED",
        "ANNULLED",
    )


def test_a_name_whose_blocking_was_annulled_is_not_listed_again_on_the_same_request() -> None:
    blocking_id = listed(40)
    removal_id = blockings.view(blocking_id).removal_id
    act_id = filed(blocking_id, ago(39))
    take(act_id, "rule", ago(38), outcome="ANNULLED", file=RULING)
    again = blockings.approved(blockings.drafted(removal_id, ago(37)), ago(37))
    with pytest.raises(Refusal, match="ANNULLED"):
        blockings.take(again, "list", ago(36))
    take(act_id, "contest", ago(36), outcome="AUTHORITY")
    take(act_id, "decide", ago(20), outcome="REJECTED", file=RULING)
    blockings.take(again, "list", ago(19))
    assert names() == {HOST}


def test_a_refused_ruling_lifts_nothing() -> None:
    blocking_id = listed(5)
    act_id = filed(blocking_id, ago(0))
    early = Event(happened_at=ago(1), outcome="ANNULLED", file=RULING)
    with pytest.raises(Refusal, match="EVENT_TOO_EARLY"):
        acts.record_appeal(actor=OFFICER, act_id=act_id, transition="rule", event=early, now=ago(0))
    with pytest.raises(TransitionRefused):
        take(act_id, "decide", ago(0), outcome="ANNULLED", file=RULING)
    with pytest.raises(Refused):
        take(act_id, "rule", ago(0), actor=ANALYST, outcome="ANNULLED", file=RULING)
    assert names() == {HOST}


def test_the_overseer_reads_every_appeal_and_another_desk_none() -> None:
    blocking_id = listed(5)
    act_id = filed(blocking_id, ago(3))
    report_id = blockings.act_of(blocking_id).subject_id
    for actor, expected in ((OVERSEER, [act_id]), (ANALYST, [act_id]), (ELSEWHERE, [])):
        found = views.appeals_against(
            actor=actor, report_id=report_id, contested_ids={blocking_id}, now=ago(0)
        )
        assert [one.act.id for one in found] == expected
    assert [one.act.id for one in views.list_appeals(actor=OVERSEER, now=ago(0))] == [act_id]
