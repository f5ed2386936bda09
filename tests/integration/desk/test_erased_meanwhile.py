"""A page that is older than the erasure of its report: what would be written on it is refused in words."""

from collections.abc import Callable

import pytest
from django.test import Client

from fanal.db import sql
from fanal.kernel import clock
from fanal.vault.operations import erase as vault
from fanal.worker.expiry import erase_reports
from tests.acceptance.desk.test_answers import answer
from tests.integration.desk.story import WORKER, Desk
from tests.integration.desk.test_assignment import shown
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
WORDS = "Her mother calls at six."


def erase(desk: Desk, name: str) -> None:
    with as_worker():
        erase_reports(actor=WORKER, report_ids=[desk.reports[name]], now=clock.now())


def written() -> list[tuple[object, ...]]:
    """The numbers of notes and reviews."""
    tables = ("orient_note", "intake_review", "intake_review_second")
    return [sql.one(f"SELECT count(*) FROM {table}") for table in tables]


@pytest.mark.parametrize(
    ("act", "said", "told"),
    [
        ("reports/{}/note/", {"words": WORDS}, "This report is erased: it takes no more notes."),
        ("reports/{}/assign/", {"words": WORDS}, "This report is erased: it takes no more notes."),
        ("reviews/{}/", {"verdict": "keep", "motive": "x"}, "This report is erased already."),
        ("reviews/{}/", {"verdict": "end", "motive": "x"}, "This report is erased already."),
    ],
)
def test_nothing_is_written_on_an_erased_report(
    desk: Desk, sign_in: SignIn, act: str, said: dict[str, str], told: str
) -> None:
    web, report_id = sign_in("claire"), desk.reports["travel"]
    giving = {"to": str(desk.actor("ana").person_id), "shown": shown(desk, report_id)}
    erase(desk, "travel")
    before = written()
    answer = web.post(f"/en/desk/{act.format(report_id)}", giving | said, follow=True)
    page = answer.content.decode()

    assert told in page
    assert "words" not in said or WORDS in page, "what was typed is there to copy"
    assert written() == before


def test_a_page_opened_while_its_conversation_is_erased_says_so(
    desk: Desk, sign_in: SignIn
) -> None:
    """The rows of the messages are still there: the page has read them, or a restore brought them back."""
    report_id = desk.reports["material"]
    answer(desk, "material")
    with as_worker():
        vault.erase(actor=WORKER, owner_ids=[report_id], now=clock.now(), kinds=["message"])
    page = sign_in("ana").get(f"/en/desk/reports/{report_id}/")
    assert page.status_code == 200
    assert "This message is erased." in page.content.decode()
