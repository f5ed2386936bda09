"""Payments at the desk: scored payers, one payer, and the sheet that a person sends; each read in the ledger."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import pytest
from django.test import Client

from fanal.casework import queries as acts
from fanal.casework.domain.records import Event
from fanal.casework.operations.acts import take_step
from fanal.judicial import operations, queries
from fanal.judicial.domain.kinds import SHEET
from fanal.judicial.domain.records import SHEET_STATES, SheetState
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.states import TransitionRefused
from fanal.ledger import queries as ledger
from tests.integration.desk.operator import bring_in, payer_named
from tests.integration.desk.story import Desk, add_reports
from tests.integration.desk.work import send
from tests.integration.statistics.test_yearly import outline

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
SYSTEM = system_actor("test")
HEAD = "/en/desk"


@pytest.fixture
def paid(desk: Desk) -> Desk:
    bring_in(desk)
    return desk


@pytest.fixture
def sheet(paid: Desk, sign_in: SignIn) -> UUID:
    payer = payer_named(paid, "Cyril Patron")
    answer = sign_in("claire").post(f"{HEAD}/payments/{payer}/sheet/", {"body": "TRACFIN"})
    assert answer.status_code == 302
    (found,) = acts.list_acts(actor=paid.actor("driss"), lifecycle=SHEET)
    return found.id


def verbs_of(object_id: UUID) -> list[str]:
    return [e.action for e in ledger.entries_of(actor=SYSTEM, object_id=object_id, limit=50)]


def test_payers_stand_by_score_and_are_filtered(paid: Desk, sign_in: SignIn) -> None:
    client = sign_in("ana")
    page = client.get(f"{HEAD}/payments/")
    scores = [line.score for line, _name in page.context["rows"]]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) >= 10
    names = {name for _line, name in page.context["rows"]}
    assert {"Cyril Patron", "Gaëlle Esquisse"} <= names
    reached = client.get(f"{HEAD}/payments/?suspected=yes&typology=SEXTORTION")
    assert [name for _line, name in reached.context["rows"]] == ["Florian Épure"]
    none = client.get(f"{HEAD}/payments/?country=zz&indicator=PAYMENT_TRAVEL")
    assert b"No payer matches these filters" in none.content
    odd = client.get(f"{HEAD}/payments/?suspected=perhaps&typology=x&indicator=y&country=1&page=99")
    assert odd.status_code == 200
    for line, _name in page.context["rows"]:
        assert "payer.list" in verbs_of(line.report_id)


def test_a_payer_is_explained_with_transfers_and_links(paid: Desk, sign_in: SignIn) -> None:
    payer = payer_named(paid, "Cyril Patron")
    page = sign_in("ana").get(f"{HEAD}/payments/{payer}/")
    body = page.content.decode()
    assert "Common beneficiary" in body
    assert "UNCHECKED" in body
    for point in page.context["points"]:
        assert point.numbers
        assert all(f'id="t-{number}"' in body for number in point.numbers)
    assert paid.reports["shows"] in {report.report_id for report in page.context["linked"]}
    assert f"{HEAD}/reports/{paid.reports['shows']}/" in body
    assert verbs_of(payer) == ["payer.read"]
    assert "payer.read" in verbs_of(paid.reports["shows"])
    assert len(page.context["chart"]["labels"]) == len(page.context["rows"])


def test_innocent_payers_get_no_sheet(paid: Desk, sign_in: SignIn) -> None:
    payer = payer_named(paid, "Gaëlle Esquisse")
    client = sign_in("ana")
    assert b"Draft a sheet" not in client.get(f"{HEAD}/payments/{payer}/").content
    answer = client.post(f"{HEAD}/payments/{payer}/sheet/", {"body": "TRACFIN"})
    assert answer.status_code == 409
    assert b"No typology reaches its threshold" in answer.content
    suspected = payer_named(paid, "Cyril Patron")
    answer = client.post(f"{HEAD}/payments/{suspected}/sheet/", {"body": "POLICE_17"})
    assert answer.status_code == 409
    assert acts.list_acts(actor=paid.actor("driss"), lifecycle=SHEET) == ()


def test_other_desks_and_strangers_see_nothing(paid: Desk, sign_in: SignIn, sheet: UUID) -> None:
    payer = payer_named(paid, "Cyril Patron")
    far = sign_in("yann")
    assert far.get(f"{HEAD}/payments/{payer}/").status_code == 404
    assert b"Cyril Patron" not in far.get(f"{HEAD}/payments/").content
    assert sign_in("hugo").get(f"{HEAD}/payments/").status_code == 403
    analyst = sign_in("ana")
    for way in ("", "pdf/", "json/"):
        assert analyst.get(f"{HEAD}/sheets/{sheet}/{way}").status_code == 403
    assert far.post(f"{HEAD}/payments/{payer}/sheet/", {"body": "TRACFIN"}).status_code == 404


def test_a_sheet_leaves_only_by_an_officer_with_an_assessment(
    paid: Desk, sign_in: SignIn, sheet: UUID
) -> None:
    officer = sign_in("driss")
    page = f"{HEAD}/sheets/{sheet}/"
    assert send(officer, page, "move", {"move": "send", "proof": "p"}).status_code == 409
    early = send(officer, page, "move", {"move": "prepare"})
    assert (early.status_code, b"Write your assessment first" in early.content) == (409, True)
    words = {"body": "PROSECUTOR_OF_PARIS", "summary": "Read and compared. *No* markup."}
    assert send(officer, page, "amend", words).status_code == 302
    assert send(sign_in("claire"), page, "move", {"move": "prepare"}).status_code == 403
    assert send(officer, page, "move", {"move": "prepare"}).status_code == 302
    assert send(officer, page, "move", {"move": "send"}).status_code == 409
    for never in ("never", "0001-01-01T00:00", "1999-12-31T23:00", "0001-01-01T00:00+14:00"):
        answer = send(officer, page, "move", {"move": "send", "at": never, "proof": "p"})
        assert (answer.status_code, b"cannot be read" in answer.content) == (409, True)
    assert send(officer, page, "move", {"move": "send", "proof": "Receipt 12"}).status_code == 302
    assert send(officer, page, "amend", words).status_code == 409
    found = queries.get_sheet(actor=paid.actor("driss"), sheet_id=sheet)
    assert found is not None
    assert (found.sheet.state, found.sheet.body) == (SheetState.SENT, "PROSECUTOR_OF_PARIS")
    assert [step.transition for step in found.steps] == ["amend", "prepare", "send"]
    assert {"sheet.draft", "sheet.step", "sheet.send"} <= set(verbs_of(sheet))
    assert b"Receipt 12" in officer.get(f"{HEAD}/sheets/{sheet}/").content


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_pdf_is_accessible_and_holds_every_point(
    sign_in: SignIn, sheet: UUID, lang: str
) -> None:
    answer = sign_in("driss").get(f"/{lang}/desk/sheets/{sheet}/pdf/")
    pdf = answer.content
    assert answer["Content-Type"] == "application/pdf"
    assert f"-{lang}.pdf" in answer["Content-Disposition"]
    assert pdf.startswith(b"%PDF-")
    assert b"pdfuaid:part>1<" in pdf
    assert b"/Marked true" in pdf
    assert f"/Lang({lang})".encode() in pdf
    titles = {"fr": {"Indices", "Virements"}, "en": {"Indicators", "Transfers"}}[lang]
    assert titles <= set(outline(pdf))
    assert verbs_of(sheet).count("sheet.export") == 1


def test_the_json_says_everything_in_both_languages(
    paid: Desk, sign_in: SignIn, sheet: UUID
) -> None:
    told = json.loads(sign_in("driss").get(f"{HEAD}/sheets/{sheet}/json/").content)
    assert (told["format"], told["sheet"], told["state"]) == ("fanal-sheet/1", str(sheet), "DRAFT")
    assert told["addressee"] == "TRACFIN"
    ids = {transfer["id"] for transfer in told["transfers"]}
    assert len(ids) == 9
    for point in told["indicators"]:
        assert set(point["transfers"]) <= ids
        assert point["because"]["fr"] != point["because"]["en"]
        assert not re.search(r"[{}?]", point["because"]["fr"] + point["because"]["en"])
        assert point["source"]
    assert str(paid.reports["shows"]) in {report["report_id"] for report in told["linked"]}
    assert told["linked"][0]["reasons"]
    assert set(told["caveat"]) == {"fr", "en"}


def test_a_sheet_stays_as_it_was_drafted(paid: Desk, sign_in: SignIn, sheet: UUID) -> None:
    actor = paid.actor("driss")
    before = queries.get_sheet(actor=actor, sheet_id=sheet)
    later = {
        "amount": "35", "currency": "EUR", "sender": "payeur-2", "beneficiary": "guichet-31",
        "beneficiary_country": "PH", "operator": "Transferts Exemple", "at": "2026-11-20T22:00:00+01:00",
    }  # fmt: skip
    add_reports(paid, [("later", 5, {"kind": "OTHER", "payments": [later]})])
    page = sign_in("ana").get(f"{HEAD}/payments/{payer_named(paid, 'Cyril Patron')}/")
    assert len(page.context["rows"]) == 10
    assert queries.get_sheet(actor=actor, sheet_id=sheet) == before


def take(actor: Actor, sheet: UUID, transition: str, event: Event, now: datetime) -> None:
    take_step(
        actor=actor, lifecycle=SHEET, act_id=sheet, transition=transition, event=event, now=now
    )


def test_every_move_that_is_not_in_the_table_is_refused(paid: Desk, sheet: UUID) -> None:
    actor, event = paid.actor("driss"), Event(happened_at=paid.now, proof="p")
    operations.amend_sheet(
        actor=actor, sheet_id=sheet, body="TRACFIN", summary="Read.", now=paid.now
    )
    for move in ("send", "acknowledge", "amend_all", ""):
        with pytest.raises(TransitionRefused):
            take(actor, sheet, move, event, paid.now)
    take(actor, sheet, "withdraw", event, paid.now)
    assert SHEET_STATES.moves_from(SheetState.WITHDRAWN) == ()
