"""Folded reports at the desk: one row, what each adds, taken out with a reason, decided one by one."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.test import Client

from fanal.kernel.actors import system_actor
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Case
from fanal.orient.domain.states import CaseState
from fanal.orient.folding.queries import list_folded
from fanal.web.desk.report import folds
from tests.integration.desk.folds import add_folded
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
READER = system_actor("test")


@pytest.fixture
def folded(desk: Desk) -> Desk:
    """The desk with three reports that are the same."""
    add_folded(desk)
    return desk


def case(desk: Desk, name: str) -> Case:
    found = oriented.get_case(actor=READER, report_id=desk.reports[name])
    assert found is not None
    return found


def page(web: Client, desk: Desk, name: str, lang: str = "fr") -> str:
    answer = web.get(f"/{lang}/desk/reports/{desk.reports[name]}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_queue_shows_one_row_and_the_report_what_each_adds(
    folded: Desk, sign_in: SignIn
) -> None:
    web = sign_in("ana")
    queue = web.get("/fr/desk/").content.decode()
    assert "REF-first" in queue
    assert "REF-second" not in queue
    assert "+2" in queue
    shown = page(web, folded, "first")
    for words in (
        "2 doublons regroupés avec ce signalement", "REF-second", "REF-third", "198.51.100.4",
        "203.0.113.77", "Le même fichier, vu depuis", "même fichier",
    ):  # fmt: skip
        assert words in shown
    hidden = page(web, folded, "second", "en")
    assert "Grouped with another report as a duplicate" in hidden
    assert "REF-first" in hidden
    assert "connection data:" in hidden


def test_one_is_taken_out_with_a_reason(folded: Desk, sign_in: SignIn) -> None:
    web = sign_in("ana")
    address = f"/fr/desk/reports/{folded.reports['second']}/unfold/"
    assert web.post(address, {"reason": " "}).status_code == 422
    assert case(folded, "second").state is CaseState.FOLDED
    assert web.post(address, {"reason": "Une autre adresse."}).status_code == 302
    assert case(folded, "second").state is CaseState.TO_ASSESS
    assert case(folded, "first").folded == 1
    shown = page(web, folded, "second")
    assert "Retiré d’un regroupement" in shown
    assert "Une autre adresse." in shown
    assert web.post(address, {"reason": "Encore."}).status_code == 302
    assert sign_in("yann").post(address, {"reason": "x"}).status_code == 404
    assert sign_in("hugo").post(address, {"reason": "x"}).status_code == 403


def test_a_decision_is_applied_to_those_that_are_ticked(folded: Desk, sign_in: SignIn) -> None:
    web = sign_in("ana")
    first = folded.reports["first"]
    web.post(f"/fr/desk/reports/{first}/claim/")
    shown = page(web, folded, "first")
    assert "Appliquer aussi aux signalements regroupés" in shown
    form = {
        "token": str(case(folded, "first").claim_token),
        "way": "NONE",
        "reason": "Déjà traité avec le premier.",
    }
    other = folded.reports["material"]
    refused = web.post(f"/fr/desk/reports/{first}/decide/", form | {"folded": [str(other)]})
    assert refused.status_code == 409
    assert case(folded, "first").state is CaseState.CLAIMED
    done = web.post(
        f"/fr/desk/reports/{first}/decide/", form | {"folded": [str(folded.reports["second"])]}
    )
    assert done.status_code == 302, done.content.decode()
    states = {name: case(folded, name).state for name in ("first", "second", "third")}
    assert states == {
        "first": CaseState.DECIDED,
        "second": CaseState.DECIDED,
        "third": CaseState.TO_ASSESS,
    }
    ids = [folded.reports[name] for name in ("first", "second")]
    decisions = oriented.decisions_of(actor=READER, report_ids=ids)
    assert {len(decisions[i]) for i in ids} == {1}
    assert decisions[ids[0]][0].id != decisions[ids[1]][0].id


def test_each_folded_report_is_reached_from_the_head_however_many_there_are(
    folded: Desk, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folds, "SHOWN", 1)
    web = sign_in("ana")
    first = folded.reports["first"]
    web.post(f"/fr/desk/reports/{first}/claim/")
    address = f"/fr/desk/reports/{first}/"
    pages = [web.get(address, {"folded": n}).content.decode() for n in ("1", "2", "9")]
    listed, _ = list_folded(actor=READER, head_id=first)
    boxes = [f'name="folded" value="{each.report_id}"' for each in listed]
    assert [[box in shown for box in boxes] for shown in pages] == [
        [True, False], [False, True], [False, True],
    ]  # fmt: skip
    assert "1–1 sur 2" in pages[0]
    assert 'href="?folded=2"' in pages[0]
    assert f"{first}/decide/?folded=2" in pages[1]
    left, chosen = (str(each.report_id) for each in listed)
    form = {"token": str(case(folded, "first").claim_token), "way": "NONE", "folded": [chosen]}
    refused = web.post(f"{address}decide/?folded=2", form)
    assert refused.status_code == 409
    assert f'value="{chosen}" checked' in refused.content.decode(), "what was ticked is kept"
    assert web.post(f"{address}decide/?folded=2", form | {"reason": "Lu."}).status_code == 302
    cases = oriented.get_cases(actor=READER, report_ids=[first, UUID(left), UUID(chosen)])
    assert cases[UUID(left)].state is CaseState.TO_ASSESS
    assert {cases[first].state, cases[UUID(chosen)].state} == {CaseState.DECIDED}
