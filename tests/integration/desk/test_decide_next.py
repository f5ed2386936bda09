"""Deciding and going on to the next report: the person's place is kept, and the last act can be undone."""

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client

from fanal.casework.models import Act
from fanal.casework.operations import deciding
from fanal.kernel import clock
from fanal.orient import queries as oriented
from fanal.orient.domain.records import QueueFilter, QueueView
from fanal.orient.domain.states import CaseState
from fanal.orient.queue.operations import CaseTaken, claim_case
from fanal.orient.queue.queries import list_queue
from fanal.web.desk.report.proposals import REASONS
from tests.integration.desk.story import MATERIAL, Desk, add_reports

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
VIEW = {"view": "OPEN", "kind": "ABUSE_MATERIAL"}


@pytest.fixture
def pages(desk: Desk) -> list[UUID]:
    """Five reports of one kind, in the order of the queue."""
    add_reports(
        desk,
        [
            (
                f"page-{n}",
                60 + n,
                MATERIAL
                | {
                    "urls": [f"https://pages-{n}.example/album/{n}"],
                    "files": [],
                    "persons": [],
                    "description": f"Une page de cartes postales, numéro {n}.",
                },
            )
            for n in range(5)
        ],
    )
    page = list_queue(
        actor=desk.actor("ana"),
        view=QueueView.OPEN,
        filters=QueueFilter(kind="ABUSE_MATERIAL"),
        now=clock.now(),
    )
    return [case.report_id for case in page.cases]


def token(desk: Desk, report_id: UUID) -> int:
    case = oriented.get_case(actor=desk.actor("ana"), report_id=report_id)
    assert case is not None
    return case.claim_token


def state(desk: Desk, report_id: UUID) -> CaseState:
    case = oriented.get_case(actor=desk.actor("ana"), report_id=report_id)
    assert case is not None
    return case.state


def decide(web: Client, desk: Desk, report_id: UUID, **more: object) -> HttpResponse:
    form = {
        "token": token(desk, report_id),
        "way": "MEASURES",
        "basis": ["CP 227-23"],
        "reason": "Read.",
        **more,
    }
    return web.post(f"/en/desk/reports/{report_id}/decide/?view=OPEN&kind=ABUSE_MATERIAL", form)


@pytest.mark.parametrize("query", ["?view=OPEN&kind=ABUSE_MATERIAL", "?kind=ABUSE_MATERIAL"])
def test_every_way_from_the_queue_to_a_report_keeps_the_filter(
    pages: list[UUID], sign_in: SignIn, query: str
) -> None:
    """The row and its preview, by link or by claim; also where only a kind was chosen and no view."""
    web = sign_in("ana")
    row = web.get(f"/en/desk/{query}").content.decode()
    shown = re.search(rf'hx-get="(/en/desk/preview/{pages[0]}/[^"]*)"', row)
    assert shown is not None
    preview = web.get(shown[1].replace("&amp;", "&")).content.decode()
    for html in (row, preview):
        links = re.findall(rf'(?:href|action)="(/en/desk/reports/{pages[0]}/[^"]*)"', html)
        assert len(links) == 2
        for link in links:
            assert parse_qs(urlsplit(link.replace("&amp;", "&")).query)["kind"] == [
                "ABUSE_MATERIAL"
            ]
    claimed = web.post(f"/en/desk/reports/{pages[0]}/claim/{query}")
    assert parse_qs(urlsplit(claimed["Location"]).query) == {k: [v] for k, v in VIEW.items()}


def go_on(web: Client, **form: object) -> HttpResponse:
    return web.post("/en/desk/next/?view=OPEN&kind=ABUSE_MATERIAL", form)


def reached(answer: HttpResponse) -> UUID:
    """Return the report that an answer leads to, in the same view and with its filter."""
    assert answer.status_code == 302
    parts = urlsplit(answer["Location"])
    assert {name: values[0] for name, values in parse_qs(parts.query).items()} == VIEW
    return UUID(parts.path.rstrip("/").rpartition("/")[2])


def test_the_next_report_of_the_same_view_comes_claimed(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    web = sign_in("ana")
    first, second, third = pages[:3]
    assert reached(go_on(web)) == first
    claim_case(actor=desk.actor("bruno"), report_id=second, now=clock.now())
    answer = decide(web, desk, first, then="next")
    assert reached(answer) == third  # another person holds the second
    assert state(desk, first) == CaseState.TO_SECOND
    assert state(desk, third) == CaseState.CLAIMED
    body = web.get(answer["Location"]).content.decode()
    assert "data-decision" in body
    assert f'action="/en/desk/reports/{third}/decide/?view=OPEN&amp;kind=ABUSE_MATERIAL"' in body


def test_a_call_to_the_17_still_to_be_made_keeps_the_report(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    web = sign_in("ana")
    go_on(web)
    web.post(f"/en/desk/reports/{pages[0]}/call/")
    answer = decide(web, desk, pages[0], then="next")
    assert reached(answer) == pages[0]
    assert "still not recorded" in web.get(answer["Location"]).content.decode()


def test_without_a_next_the_report_itself_is_shown(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    web = sign_in("ana")
    go_on(web)
    assert reached(decide(web, desk, pages[0])) == pages[0]


def test_who_passes_a_report_gives_it_back_and_may_take_it_again(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    web = sign_in("ana")
    go_on(web)
    answer = go_on(web, after=pages[0], token=token(desk, pages[0]))
    assert reached(answer) == pages[1]
    assert state(desk, pages[0]) == CaseState.TO_ASSESS
    body = web.get(answer["Location"]).content.decode()
    assert f"/en/desk/reports/{pages[0]}/claim/?view=OPEN" in body
    assert "data-undo" in body


def test_after_the_last_row_comes_the_first_and_then_the_view(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    web = sign_in("ana")
    assert reached(go_on(web, after=pages[-1])) == pages[0]
    for report_id in pages[1:]:
        claim_case(actor=desk.actor("bruno"), report_id=report_id, now=clock.now())
    answer = decide(web, desk, pages[0], then="next")
    assert answer["Location"] == "/en/desk/?view=OPEN&kind=ABUSE_MATERIAL"
    assert "No other report of this view is free." in web.get(answer["Location"]).content.decode()


@pytest.mark.parametrize("after", ["x", "00000000-0000-7000-8000-000000000000"])
def test_an_unknown_report_before_is_not_found(desk: Desk, sign_in: SignIn, after: str) -> None:
    assert go_on(sign_in("ana"), after=after).status_code == 404


def test_a_decision_undone_takes_its_drafts_with_it(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    web = sign_in("ana")
    go_on(web)
    following = web.get(decide(web, desk, pages[0], then="next")["Location"]).content.decode()
    undo = f"/en/desk/reports/{pages[0]}/undo/?view=OPEN&amp;kind=ABUSE_MATERIAL"
    assert f'action="{undo}"' in following
    acts = Act.objects.filter(subject_id=pages[0])
    assert acts.count() == 1
    answer = web.post(undo.replace("&amp;", "&"))
    assert reached(answer) == pages[0]
    assert state(desk, pages[0]) == CaseState.CLAIMED
    assert {act.state for act in acts} == {"WITHDRAWN"}
    body = web.get(answer["Location"]).content.decode()
    assert "its draft is withdrawn" in body
    assert "data-undo" not in body
    assert "Withdrawn: nobody has sent it yet" in body
    act = sign_in("elise").get(f"/en/desk/measures/{acts.get().id}/").content.decode()
    assert "undone right after" in act
    decisions = oriented.decisions_of(actor=desk.actor("ana"), report_ids=[pages[0]])
    assert len(decisions[pages[0]]) == 1  # it stays written down
    assert decide(web, desk, pages[0]).status_code == 302


def test_a_decision_sent_twice_is_answered_twice(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    """Two presses of the key: the page of the second one offers to undo, as that of the first."""
    web = sign_in("ana")
    go_on(web)
    assert decide(web, desk, pages[0]).status_code == 302
    again = decide(web, desk, pages[0])
    assert again.status_code == 302
    assert "data-undo" in web.get(again["Location"]).content.decode()
    decisions = oriented.decisions_of(actor=desk.actor("ana"), report_ids=[pages[0]])
    assert len(decisions[pages[0]]) == 1
    others = (
        {"reason": "Read otherwise."},
        {"way": "NONE"},
        {"token": 77},
        {"basis": ["CP 227-23", "CP 227-22-1"]},
        {"body": "PROSECUTOR_OF_PARIS"},
    )
    for other in others:
        assert decide(web, desk, pages[0], **other).status_code == 409


def test_a_decision_sent_again_later_offers_no_undoing_of_what_is_settled(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    web, made = sign_in("ana"), clock.now()
    with time_machine.travel(made, tick=False) as now:
        go_on(web)
        assert decide(web, desk, pages[0]).status_code == 302
        now.shift(62)
        again = decide(web, desk, pages[0])
        assert again.status_code == 302
        page = web.get(again["Location"]).content.decode()
    assert "The decision is recorded" in page
    assert "data-undo" not in page


def test_an_undone_decision_is_claimed_in_the_same_transaction(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    """Nobody else claims the report in between."""
    web = sign_in("ana")
    go_on(web)
    decide(web, desk, pages[0])
    deciding.undo_decision(actor=desk.actor("ana"), report_id=pages[0], now=clock.now())
    with pytest.raises(CaseTaken):
        claim_case(actor=desk.actor("bruno"), report_id=pages[0], now=clock.now())
    assert decide(web, desk, pages[0]).status_code == 302
    assert state(desk, pages[0]) == CaseState.TO_SECOND


def test_nobody_undoes_what_is_old_or_another_s(
    desk: Desk, sign_in: SignIn, pages: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    web = sign_in("ana")
    go_on(web)
    decide(web, desk, pages[0])
    sign_in("bruno").post(f"/en/desk/reports/{pages[0]}/undo/")
    assert state(desk, pages[0]) == CaseState.TO_SECOND
    monkeypatch.setattr(deciding, "UNDO_WITHIN", timedelta(0))
    answer = web.post(f"/en/desk/reports/{pages[0]}/undo/", follow=True)
    assert "can no longer be undone this way" in answer.content.decode()
    assert state(desk, pages[0]) == CaseState.TO_SECOND
    assert web.post(f"/en/desk/reports/{pages[1]}/undo/").status_code == 302  # nothing was decided
    assert state(desk, pages[1]) == CaseState.TO_ASSESS


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_templates_of_a_reason_are_offered(
    desk: Desk, sign_in: SignIn, pages: list[UUID], language: str
) -> None:
    web = sign_in("ana")
    go_on(web)
    body = web.get(f"/{language}/desk/reports/{pages[0]}/").content.decode()
    assert body.count("data-reason=") == len(REASONS)
    assert "PROPOSAL_FITS" not in body
