"""A page that is older than the erasure of its report: what would be written on it is refused in words."""

from collections.abc import Callable

import pytest
from django.test import Client

from fanal.db import sql
from fanal.kernel import clock
from fanal.worker.expiry import erase_reports
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
