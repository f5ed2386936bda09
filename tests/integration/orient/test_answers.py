"""Reporters' answers: counted while nobody has read them, read once, by somebody with an entry in the ledger."""

from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection

from fanal.intake.domain import receipt
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.follow import answer_desk
from fanal.intake.operations.receive import receive_reports
from fanal.kernel import clock
from fanal.kernel.actors import Role, public_actor
from fanal.kernel.refusal import Refusal
from fanal.ledger import queries as entries
from fanal.ledger.queries import SoughtEntries
from fanal.orient.answers.operations import forget_answers, read_answers
from fanal.orient.answers.queries import count_unread, held_with_answers, unread_on
from fanal.orient.domain.records import QueueFilter, QueueView
from fanal.orient.operations.batch import orient_batch
from fanal.orient.queue.operations import claim_case
from fanal.orient.queue.queries import count_views, list_queue
from tests.integration.orient.people import WORKER, person
from tests.refusals import CHECK, KEPT, NO_RIGHT, database_refuses
from tests.server import as_worker
from tests.unit.orient.items import item

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("installed_keys")]
ANALYST = person(Role.ANALYST)
ELSEWHERE = person(Role.ANALYST, desk=3)


def answered(*, count: int = 1, is_test: bool = False) -> UUID:
    """Receive a report of the public form, whose reporter then writes to the desk; return its id."""
    submission = Submission(
        arrival=Arrival.FORM,
        format=Format.FORM,
        body=b"{}",
        canonical=uuid4().bytes,
        desk_id=1,
        is_test=is_test,
    )
    [taken] = receive_reports(actor=public_actor(), submissions=[submission], now=clock.now())
    for number in range(count):
        code = receipt.lookup_hash(taken.code)
        answer_desk(actor=public_actor(), lookup_hash=code, text=f"word {number}", now=clock.now())
    return taken.report_id


def test_an_answer_is_unread_until_somebody_of_the_desk_reads_it() -> None:
    report_id, other = answered(count=2), answered()
    ids = [report_id, other]
    assert count_unread(actor=ANALYST, report_ids=ids) == {report_id: 2, other: 1}
    assert count_unread(actor=ELSEWHERE, report_ids=ids) == {}
    assert unread_on(actor=ELSEWHERE, report_id=report_id) == frozenset()
    first, later = sorted(unread_on(actor=ANALYST, report_id=report_id))
    asked = {"report_id": report_id, "message_ids": [first, uuid4()], "now": clock.now()}
    assert read_answers(actor=ELSEWHERE, **asked) == 0
    assert read_answers(actor=ANALYST, **asked) == 1
    assert read_answers(actor=ANALYST, **asked) == 0
    assert unread_on(actor=ANALYST, report_id=report_id) == {later}
    [entry] = entries.list_entries(actor=WORKER, sought=SoughtEntries(action="message.acknowledge"))
    assert entry.actor_id == ANALYST.person_id
    with as_worker():
        forget_answers(actor=WORKER, report_ids=ids)
    assert count_unread(actor=ANALYST, report_ids=ids) == {}


def test_a_test_report_has_none() -> None:
    assert count_unread(actor=ANALYST, report_ids=[answered(is_test=True)]) == {}


@pytest.mark.parametrize(
    "change",
    [
        "read_at = now(), read_by = gen_random_uuid()",
        "read_at = now()",
        "read_at = now() + interval '1 minute', read_by = gen_random_uuid()",
        "came_at = came_at - interval '1 day'",
        "report_id = gen_random_uuid()",
        "weighed_at = now()",
    ],
)
def test_nobody_marks_one_by_hand(change: str) -> None:
    report_id = answered()
    with database_refuses(CHECK, KEPT, NO_RIGHT), connection.cursor() as cursor:
        cursor.execute(f"UPDATE orient_answer SET {change} WHERE report_id = %s", [report_id])
    assert count_unread(actor=ANALYST, report_ids=[report_id]) == {report_id: 1}


def test_what_was_read_stays_read() -> None:
    report_id = answered()
    ids = unread_on(actor=ANALYST, report_id=report_id)
    read_answers(actor=ANALYST, report_id=report_id, message_ids=ids, now=clock.now())
    for change in ("read_at = NULL, read_by = NULL", "read_by = gen_random_uuid()"):
        with database_refuses(KEPT), connection.cursor() as cursor:
            cursor.execute(f"UPDATE orient_answer SET {change} WHERE report_id = %s", [report_id])


def test_nobody_marks_what_somebody_else_holds() -> None:
    report_id = answered()
    now = clock.now()
    orient_batch(actor=WORKER, items=[item(report_id=report_id, at=now)], now=now)
    holder = person(Role.ANALYST)
    claim_case(actor=holder, report_id=report_id, now=now)
    asked = {"report_id": report_id, "message_ids": unread_on(actor=ANALYST, report_id=report_id)}
    assert held_with_answers(actor=holder) == [report_id]
    assert held_with_answers(actor=ANALYST) == []
    assert read_answers(actor=ANALYST, **asked, now=now) == 0
    assert read_answers(actor=holder, **asked, now=now) == 1
    assert held_with_answers(actor=holder) == []


@pytest.mark.role("intake")
def test_it_comes_through_a_public_node(as_role: Callable[[str], psycopg.Connection]) -> None:
    found = as_role("owner").execute(
        "SELECT desk_id, read_at FROM orient_answer WHERE report_id = %s", [answered()]
    )
    assert found.fetchall() == [(1, None)]


def test_a_reporter_does_not_wait_for_who_holds_the_queue(
    as_role: Callable[[str], psycopg.Connection],
) -> None:
    owner = as_role("owner")
    with owner.transaction():
        owner.execute("LOCK TABLE orient_case IN ACCESS EXCLUSIVE MODE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '1s'")
            try:
                report_id = answered()
            finally:
                cursor.execute("SET lock_timeout = DEFAULT")
    assert count_unread(actor=ANALYST, report_ids=[report_id]) == {report_id: 1}


def test_a_flood_of_answers_on_one_report_hides_no_other(
    as_role: Callable[[str], psycopg.Connection],
) -> None:
    """The view counts reports, not answers: one person had filled it with five thousand."""
    flooded, child = answered(), answered()
    now = clock.now()
    items = [item(report_id=flooded, at=now), item(report_id=child, at=now, score=99)]
    orient_batch(actor=WORKER, items=items, now=now)
    as_role("owner").execute(
        "INSERT INTO orient_answer (message_id, report_id, desk_id, came_at)"
        " SELECT gen_random_uuid(), %s, 1, now() - interval '1 hour' FROM generate_series(1, 5100)",
        [flooded],
    )
    page = list_queue(actor=ANALYST, view=QueueView.ANSWERED, filters=QueueFilter(), now=now)
    assert [case.report_id for case in page.cases] == [child, flooded]
    assert count_views(actor=ANALYST, now=now).views[QueueView.ANSWERED] == 2


@pytest.mark.parametrize("text", ["", " \n", "\u200b\u2060", "\u00ad\u3164"])
def test_an_answer_without_a_visible_character_is_none(text: str) -> None:
    submission = Submission(
        arrival=Arrival.FORM, format=Format.FORM, body=b"{}", canonical=uuid4().bytes, desk_id=1
    )
    [taken] = receive_reports(actor=public_actor(), submissions=[submission], now=clock.now())
    code = receipt.lookup_hash(taken.code)
    with pytest.raises(Refusal, match="WORDS"):
        answer_desk(actor=public_actor(), lookup_hash=code, text=text, now=clock.now())
    assert count_unread(actor=ANALYST, report_ids=[taken.report_id]) == {}
