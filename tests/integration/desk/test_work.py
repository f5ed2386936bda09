"""Claim, decide, second, follow: the work of the desk over HTTP, and what each person is told."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from django.test import Client

from fanal.judicial import queries as judicial
from fanal.measures import queries as measures
from fanal.measures.domain.records import MeasureState
from fanal.orient import queries as oriented
from fanal.orient.queue.operations import LEASE
from fanal.web.desk.acts import measures as measure_pages
from tests.integration.desk.story import Desk
from tests.integration.desk.work import send

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
BASIS = "CP 227-23"
REASON = "Deux adresses ouvertes, contenu classé."


def claim(web: Client, report_id: UUID) -> str:
    """Take a report and return the address of its page."""
    answer = web.post(f"/fr/desk/reports/{report_id}/claim/")
    assert answer.status_code == 302
    return answer["Location"]


def token(desk: Desk, report_id: UUID) -> int:
    """The fencing token of whoever holds a report."""
    case = oriented.get_case(actor=desk.actor("claire"), report_id=report_id)
    assert case is not None
    return case.claim_token


def decide(desk: Desk, web: Client, report_id: UUID, **changes: object) -> object:
    """Claim and decide: both tracks, unless changed."""
    page = claim(web, report_id)
    form = {"token": token(desk, report_id), "way": "BOTH", "basis": [BASIS], "reason": REASON}
    return web.post(f"{page}decide/", form | changes)


def measure_of(desk: Desk, report_id: UUID) -> object:
    """The one measure of a report."""
    found = measures.measures_of(actor=desk.actor("claire"), report_ids=[report_id])
    (measure,) = found[report_id]
    return measure


def test_of_two_who_claim_one_wins_and_the_other_is_told(desk: Desk, sign_in: SignIn) -> None:
    report_id = desk.reports["material"]
    ana, bruno = sign_in("ana"), sign_in("bruno")
    page = claim(ana, report_id)
    assert "Votre décision" in ana.get(page).content.decode()
    told = bruno.post(f"{page}claim/", follow=True).content.decode()
    assert "Ana a pris ce signalement en charge avant vous" in told
    assert "Votre décision" not in told
    assert "Ana</span>" in bruno.get("/fr/desk/").content.decode()


def test_the_lease_is_renewed_given_back_and_lost(desk: Desk, sign_in: SignIn) -> None:
    report_id = desk.reports["material"]
    ana, bruno = sign_in("ana"), sign_in("bruno")
    page = claim(ana, report_id)
    held = {"token": token(desk, report_id)}
    assert ana.post(f"{page}renew/", held).json()["held"] is True
    assert bruno.post(f"{page}renew/", held).status_code == 409
    ana.post(f"{page}release/", held)
    assert ana.post(f"{page}renew/", held).status_code == 409
    claim(bruno, report_id)
    lost = ana.post(f"{page}renew/", held)
    assert (lost.status_code, lost.json()["holder"]) == (409, "Bruno")
    assert sign_in("yann").post(f"{page}renew/", held).status_code == 404


def test_a_decision_after_the_lease_was_lost_keeps_what_was_typed(
    desk: Desk, sign_in: SignIn
) -> None:
    report_id = desk.reports["material"]
    ana, bruno = sign_in("ana"), sign_in("bruno")
    page = claim(ana, report_id)
    form = {"token": token(desk, report_id), "way": "BOTH", "basis": [BASIS], "reason": REASON}
    later = desk.now + LEASE + timedelta(minutes=1)
    with time_machine.travel(later, tick=False):
        claim(bruno, report_id)
        answer = ana.post(f"{page}decide/", form)
    assert answer.status_code == 409
    body = answer.content.decode()
    assert REASON in body
    assert "Rien n’a été enregistré" in body
    assert measures.measures_of(actor=desk.actor("claire"), report_ids=[report_id]) == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"way": ""}, "Choisissez au moins une voie"),
        ({"basis": []}, "au moins un fondement"),
        ({"reason": "  "}, "Le motif est obligatoire"),
        ({"basis": ["CP 227-22"]}, "Aucun des fondements choisis"),
        ({"body": "NOBODY"}, "Organisme inconnu"),
    ],
)
def test_a_refused_decision_says_why_and_keeps_the_form(
    desk: Desk, sign_in: SignIn, changes: dict[str, object], words: str
) -> None:
    answer = decide(desk, sign_in("ana"), desk.reports["material"], **changes)
    assert answer.status_code == 409
    body = answer.content.decode()
    assert words in body
    assert "conservé ci-dessous" in body


def test_a_decision_opens_drafts_that_a_second_person_approves(
    desk: Desk, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_id = desk.reports["material"]
    claire, elise = sign_in("claire"), sign_in("elise")
    told = decide(desk, claire, report_id)
    assert told.status_code == 302
    body = claire.get(told["Location"]).content.decode()
    assert "seconde personne, qui ne peut pas être vous" in body
    assert REASON in body
    measure = measure_of(desk, report_id)
    page = f"/fr/desk/measures/{measure.id}/"
    unfinished = send(claire, page, "submit")
    assert "nom et le point de contact" in unfinished.content.decode()
    addressee = {"name": "Hébergeur Exemple", "contact": "abuse@hosting.example", "language": "fr"}
    form = addressee | {"target": list(measure.request.targets), "submit": "1"}
    assert send(claire, page, "amend", form).status_code == 302

    digest = measure_of(desk, report_id).digest.hex()
    own = send(claire, page, "approve", {"digest": digest})
    assert own.status_code == 403
    assert "une autre personne doit la valider" in own.content.decode()
    assert send(sign_in("ana"), page, "approve", {"digest": digest}).status_code == 403

    second = elise.get("/fr/desk/second/").content.decode()
    assert "pictures[.]example" in second
    assert "column=TO_SECOND" not in second
    with monkeypatch.context() as few:
        few.setattr(measure_pages, "_ALONE", 0)
        second = elise.get("/fr/desk/second/").content.decode()
        assert "1 autre demande de retrait est à valider" in second
    assert "valider" in claire.get("/fr/desk/second/").content.decode()
    letter = elise.get(page).content.decode()
    for text in ("Demande de retrait", digest, "Hébergeur Exemple", REASON):
        assert text in letter
    assert send(elise, page, "approve", {"digest": "00" * 32}).status_code == 409
    assert send(elise, page, "approve", {"digest": digest}).status_code == 302
    assert measure_of(desk, report_id).state is MeasureState.APPROVED
    board = elise.get("/fr/desk/measures/").content.decode()
    assert "Validée, à envoyer" in board


def test_a_refusal_returns_to_the_first_person_with_its_reason(desk: Desk, sign_in: SignIn) -> None:
    page = submitted(desk, sign_in)
    elise = sign_in("elise")
    digest = measure_of(desk, desk.reports["material"]).digest.hex()
    assert send(elise, page, "refuse", {"digest": digest}).status_code == 409
    send(elise, page, "refuse", {"digest": digest, "reason": "Un album est vide."})
    body = sign_in("ana").get(page).content.decode()
    assert "Un album est vide." in body
    assert "a refusé cette version" in body


def submitted(desk: Desk, sign_in: SignIn) -> str:
    """A measure of Ana's that waits for its second person; return its page."""
    ana = sign_in("ana")
    decide(desk, ana, desk.reports["material"])
    measure = measure_of(desk, desk.reports["material"])
    page = f"/fr/desk/measures/{measure.id}/"
    form = {"name": "Hôte", "contact": "abuse@hosting.example", "submit": "1"}
    send(ana, page, "amend", form | {"target": list(measure.request.targets)})
    return page


def test_what_follows_an_approval_is_recorded_with_proofs(desk: Desk, sign_in: SignIn) -> None:
    page = submitted(desk, sign_in)
    elise, report_id = sign_in("elise"), desk.reports["material"]
    send(elise, page, "approve", {"digest": measure_of(desk, report_id).digest.hex()})
    early = send(elise, page, "step", {"move": "send"})
    assert "informez-le d’abord" in early.content.decode()
    send(elise, page, "contact", {"proof": "courriel du 24"})
    with time_machine.travel(desk.now + timedelta(hours=13), tick=False):
        elise = sign_in("elise")  # a session does not last the night
        send(elise, page, "step", {"move": "send", "proof": "envoi 1"})
        assert send(elise, page, "step", {"move": "receive"}).status_code == 409
        send(elise, page, "step", {"move": "receive", "proof": "accusé 7"})
        body = elise.get(page).content.decode()
        assert "accusé 7" in body
        assert "délai légal" in body
        assert send(elise, page, "step", {"move": "nothing"}).status_code == 409
        bad = send(elise, page, "step", {"move": "suspend", "at": "demain", "cause": "x"})
        assert bad.status_code == 409
        send(elise, page, "step", {"move": "execute", "proof": "constat 3"})
    assert measure_of(desk, report_id).state is MeasureState.EXECUTED
    assert send(sign_in("ana"), page, "step", {"move": "lift"}).status_code == 403
    assert sign_in("gabrielle").get(page).status_code == 200
    assert sign_in("yann").get(page).status_code == 404


def test_a_referral_is_amended_and_moved(desk: Desk, sign_in: SignIn) -> None:
    report_id = desk.reports["material"]
    decide(desk, sign_in("ana"), report_id, way="JUDICIAL")
    found = judicial.referrals_of(actor=desk.actor("driss"), report_ids=[report_id])
    (referral,) = found[report_id]
    driss, page = sign_in("driss"), f"/fr/desk/referrals/{referral.id}/"
    assert str(referral.id) in driss.get("/fr/desk/referrals/").content.decode()
    send(driss, page, "amend", {"body": "PHAROS", "summary": "Exposé neutre des faits."})
    body = driss.get(page).content.decode()
    assert "Exposé neutre des faits." in body
    assert "PHAROS" in body
    assert send(driss, page, "amend", {"body": "NOBODY"}).status_code == 409
    assert send(driss, page, "move", {"move": "prepare"}).status_code == 302
    assert send(driss, page, "move", {"move": "send"}).status_code == 409
    assert send(driss, page, "move", {"move": "send", "proof": "bordereau 12"}).status_code == 302
    assert "bordereau 12" in driss.get(page).content.decode()
    assert send(driss, page, "move", {"move": "prepare"}).status_code == 409
    assert sign_in("claire").get(page).status_code == 200
    assert send(sign_in("claire"), page, "move", {"move": "close"}).status_code == 403
    assert sign_in("ana").get(page).status_code == 403


def test_a_decided_report_is_reopened_or_closed(desk: Desk, sign_in: SignIn) -> None:
    report_id, ana = desk.reports["empty"], sign_in("ana")
    decide(desk, ana, report_id, way="NONE", basis=[])
    page = f"/fr/desk/reports/{report_id}/"
    assert "Sans suite" in ana.get(page).content.decode()
    ana.post(f"{page}reopen/")
    assert "REF-empty" in ana.get("/fr/desk/").content.decode()
    again = ana.post(f"{page}close/", follow=True).content.decode()
    assert "a évolué" in again
    decide(desk, ana, report_id, way="NONE", basis=[])
    ana.post(f"{page}close/")
    assert "REF-empty" in ana.get("/fr/desk/?view=DECIDED").content.decode()


def test_a_question_to_a_reporter_without_code_is_not_found(desk: Desk, sign_in: SignIn) -> None:
    page = f"/fr/desk/reports/{desk.reports['empty']}/question/"
    assert sign_in("ana").post(page, {"text": "Où ?"}).status_code == 404
