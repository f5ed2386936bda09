"""A report without a reference of its sender has a number that is shown, searched and said."""

import json
from collections.abc import Callable
from uuid import UUID

import msgspec
import pytest
from django.test import Client

from fanal.cli.report import show
from fanal.intake.domain.number import desk_number
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.envelopes import find_desk_number
from tests.integration.desk.story import WORKER, Desk, run_stages

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]


@pytest.fixture
def told(desk: Desk) -> UUID:
    """A report of the public form."""
    body = msgspec.json.encode({"kind": "GROOMING", "description": "Somebody writes to my child."})
    submission = Submission(
        arrival=Arrival.FORM, format=Format.FORM, body=body, canonical=body, desk_id=1
    )
    (answer,) = receive_reports(actor=WORKER, submissions=[submission], now=desk.now)
    run_stages(desk.now)
    assert answer.report_id is not None
    return answer.report_id


def test_the_number_stands_in_queue_and_page_and_is_found(
    desk: Desk, told: UUID, sign_in: SignIn, capsys: pytest.CaptureFixture[str]
) -> None:
    number, ana = desk_number(told), sign_in("ana")
    assert number in ana.get("/fr/desk/").content.decode()
    page = ana.get(f"/fr/desk/reports/{told}/").content.decode()
    assert f"data-number>{number}<" in page
    assert f">{told}<" not in page
    for said in (number, number.lower().replace("-", " ")):
        assert number in ana.get("/fr/desk/search/", {"q": said}).content.decode()
    show.callback.__wrapped__(  # type: ignore[union-attr]
        (number,), as_json=True, lang="fr", reveal_reporter=False, motive="", code=None,
        as_user=desk.users["ana"].username,
    )  # fmt: skip
    shown = json.loads(capsys.readouterr().out)
    assert (shown["id"], shown["number"]) == (str(told), number)


def test_a_partners_reference_stays_and_has_a_number_beside(desk: Desk, sign_in: SignIn) -> None:
    report_id = desk.reports["material"]
    page = sign_in("ana").get(f"/fr/desk/reports/{report_id}/").content.decode()
    assert "REF-material" in page
    assert desk_number(report_id) in page
    assert "REF-material" in sign_in("ana").get("/fr/desk/").content.decode()


def test_a_number_finds_nothing_out_of_reach(desk: Desk, told: UUID) -> None:
    number = desk_number(told)
    assert find_desk_number(actor=desk.actor("ana"), number=number) == [told]
    assert find_desk_number(actor=desk.actor("ana"), number=number[:-1] + "?") == []
    assert find_desk_number(actor=desk.actor("hugo"), number=number) == []
