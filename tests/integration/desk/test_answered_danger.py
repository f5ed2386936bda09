"""A decided report whose child then writes of a danger is seen where dangers are, with the number to call."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client

from fanal.judicial.emergency_call.acts import calls_on
from fanal.kernel import clock
from fanal.orient.answers.operations import read_answers
from fanal.orient.answers.queries import unread_on
from fanal.orient.domain.records import QueueView
from fanal.orient.queue.queries import count_views
from tests.acceptance.desk.test_answers import answer
from tests.integration.desk.story import Desk
from tests.integration.desk.test_calls import seen
from tests.integration.desk.work import decided
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
CALL = "data-call>"


@pytest.fixture
def report_id(desk: Desk) -> UUID:
    """A decided report that an unread answer has raised to the level of a danger."""
    found = decided(desk)
    answer(desk, "material")
    with as_worker(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orient_case SET level = 'DANGER', rank = 1 WHERE report_id = %s", [found]
        )
    return found


def count(desk: Desk) -> int:
    counted = count_views(actor=desk.actor("bruno"), now=clock.now())
    return counted.views[QueueView.DANGER]


def test_it_is_in_the_view_of_dangers_until_somebody_has_read_the_answer(
    desk: Desk, sign_in: SignIn, report_id: UUID
) -> None:
    bruno, before = sign_in("bruno"), count(desk)
    view, page = "/fr/desk/?view=DANGER", f"/fr/desk/reports/{report_id}/"
    assert str(report_id) in bruno.get(view).content.decode()
    assert CALL in bruno.get(page).content.decode()
    actor = desk.actor("bruno")
    ids = unread_on(actor=actor, report_id=report_id)
    assert read_answers(actor=actor, report_id=report_id, message_ids=ids, now=clock.now())
    assert str(report_id) not in bruno.get(view).content.decode()
    assert CALL not in bruno.get(page).content.decode()
    assert count(desk) == before - 1


def test_a_call_from_before_the_answer_is_not_that_call(
    desk: Desk, sign_in: SignIn, report_id: UUID
) -> None:
    bruno, page = sign_in("bruno"), f"/fr/desk/reports/{report_id}/"
    call = {"move": "answer", "proof": "CIC 59", "at": ""}
    assert bruno.post(f"{page}call/", call | seen(bruno, report_id)).url == page
    assert CALL not in bruno.get(page).content.decode()
    answer(desk, "material")
    assert CALL in bruno.get(page).content.decode()
    assert bruno.post(f"{page}call/", call | seen(bruno, report_id)).url == page
    assert len(calls_on(actor=desk.actor("bruno"), report_id=report_id)) == 2
