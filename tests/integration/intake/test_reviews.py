"""Reviews of what is kept: a list that people work through; two people end a report before its date."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection

from fanal.accounts.domain.policy import Refused
from fanal.intake.domain.records import Arrival, Format, ReviewState, Submission
from fanal.intake.operations import holds, lifecycle
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.reviews import list_reviews, review_before
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.worker.expiry import erase_again, expire
from tests.actors import desk_actor
from tests.known import habilitated, known
from tests.refusals import CHECK, database_refuses

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SYSTEM = system_actor("test")
ONE = known(desk_actor(person_id=uuid4(), roles={Role.SUPERVISOR}, desks={1}))
OTHER = known(desk_actor(person_id=uuid4(), roles={Role.SUPERVISOR}, desks={1}))
ELSEWHERE = known(desk_actor(person_id=uuid4(), roles={Role.SUPERVISOR}, desks={2}))
ANALYST = known(desk_actor(person_id=uuid4(), roles={Role.ANALYST}, desks={1}))
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("installed_keys"),
]


@pytest.fixture(autouse=True)
def people(transactional_db: None) -> None:
    """The actors hold their roles in the database too."""
    habilitated()


def deposit(months: int) -> UUID:
    body = f'{{"months": {months}}}'.encode()
    submission = Submission(
        arrival=Arrival.FORM, format=Format.FORM, body=body, canonical=body, desk_id=1
    )
    received_at = NOW - timedelta(days=31 * months)
    [answer] = receive_reports(actor=SYSTEM, submissions=[submission], now=received_at)
    return answer.report_id


def due(actor=ONE, now: datetime = NOW) -> dict[UUID, ReviewState]:
    found = list_reviews(actor=actor, before=review_before(now=now))
    return {one.report_id: one.state for one in found}


def review(report_id: UUID, *, end: bool, actor=ONE) -> UUID:
    return lifecycle.review_report(
        actor=actor, report_id=report_id, end=end, motive="file 12", now=NOW
    )


def answer(review_id: UUID, *, agreed: bool, actor=OTHER) -> None:
    lifecycle.second_review(actor=actor, review_id=review_id, agreed=agreed, motive="read", now=NOW)


def test_what_was_kept_for_its_months_is_listed_until_somebody_says_why() -> None:
    old, _young = deposit(25), deposit(23)
    assert due() == {old: ReviewState.DUE}
    assert due(ELSEWHERE) == due(ANALYST) == {}
    review(old, end=False)
    assert due() == {}
    assert old in due(now=NOW + timedelta(days=31 * 25))


def test_a_report_ends_early_when_another_person_agrees_and_a_restore_ends_it_again() -> None:
    old = deposit(25)
    made = review(old, end=True)
    assert due() == {old: ReviewState.END_PROPOSED}
    with pytest.raises(TransitionRefused):
        review(old, end=True)
    assert expire(actor=SYSTEM, now=NOW)["reports"] == 0
    answer(made, agreed=True)
    assert due() == {}
    assert expire(actor=SYSTEM, now=NOW)["reports"] == 1
    with connection.cursor() as cursor:
        cursor.execute("UPDATE intake_report SET erased_at = NULL WHERE id = %s", [old])
    assert erase_again(actor=SYSTEM, report_ids=[old], now=NOW) == 1
    assert erase_again(actor=SYSTEM, report_ids=[old], now=NOW) == 0


def test_nobody_agrees_with_themselves_or_from_another_desk() -> None:
    made = review(deposit(25), end=True)
    for actor, refusal in (
        (ONE, (Refused, Refusal)),
        (ELSEWHERE, Refused),
        (ANALYST, Refused),
    ):
        with pytest.raises(refusal):
            answer(made, agreed=True, actor=actor)
    statement = (
        "INSERT INTO intake_review_second (review_id, person_id, second_id, agreed, decided_at)"
        " VALUES (%s, %s, %s, true, now())"
    )
    for other in (ONE.person_id, ELSEWHERE.person_id, ANALYST.person_id, uuid4()):
        with database_refuses(CHECK), connection.cursor() as cursor:
            cursor.execute(statement, [made, ONE.person_id, other])
    with connection.cursor() as cursor:
        cursor.execute(statement, [made, ONE.person_id, OTHER.person_id])


def test_a_review_is_of_a_supervisor_of_the_desk() -> None:
    report_id = deposit(25)
    statement = (
        "INSERT INTO intake_review (id, report_id, verdict, person_id, decided_at)"
        " VALUES (gen_random_uuid(), %s, 'END', %s, now())"
    )
    for other in (ELSEWHERE.person_id, ANALYST.person_id, uuid4()):
        with database_refuses(CHECK), connection.cursor() as cursor:
            cursor.execute(statement, [report_id, other])
    with connection.cursor() as cursor:
        cursor.execute(statement, [report_id, ONE.person_id])


def test_a_refusal_keeps_the_report_and_is_the_last_word_on_that_review() -> None:
    old = deposit(25)
    made = review(old, end=True)
    answer(made, agreed=False)
    assert due() == {}
    with pytest.raises(Refusal):
        answer(made, agreed=True)
    assert expire(actor=SYSTEM, now=NOW)["reports"] == 0


def test_a_hold_beats_the_end_that_two_people_agreed_to() -> None:
    old = deposit(25)
    answer(review(old, end=True), agreed=True)
    holds.place_hold(actor=ONE, report_id=old, motive="file 13", now=NOW)
    assert expire(actor=SYSTEM, now=NOW)["reports"] == 0


def test_a_review_without_a_motive_is_none() -> None:
    old = deposit(25)
    with pytest.raises(ValueError, match="motive"):
        lifecycle.review_report(actor=ONE, report_id=old, end=False, motive=" ", now=NOW)
