"""Warnings on a request, and the record of one that had left, as the pages of the desk and oversight show them."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
import time_machine
from django.test import Client

from fanal.casework.operations.deciding import record_decision
from fanal.harmonise import queries as harmonised
from fanal.intake.queries.envelopes import report_number
from fanal.kernel.calendar import PARIS
from fanal.measures import queries as measures
from fanal.measures.domain.records import Measure, MeasureState, WarningCode
from fanal.measures.domain.warnings import Asked
from fanal.orient.domain.records import Choice, Track
from fanal.orient.operations.decisions import reopen_case
from fanal.orient.queue.operations import claim_case
from tests.integration.desk.story import HOST, MATERIAL, Desk, add_reports
from tests.integration.desk.work import decided, send

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
LAWFUL = "Un autre signalement de la même adresse a été classé sans suite par le service."
SEEN = re.compile(r'name="seen" value="([0-9a-f ]+)"')


def no_action(desk: Desk, name: str, *, author: str = "ana") -> UUID:
    """A report is claimed and decided without further action."""
    actor, report_id = desk.actor(author), desk.reports[name]
    claim = claim_case(actor=actor, report_id=report_id, now=desk.now)
    record_decision(
        actor=actor,
        report=harmonised.get_records(actor=actor, report_ids=[report_id])[report_id],
        choice=Choice(tracks=(Track.NONE,), bases=(), reason="a lawful album"),
        claim_token=claim.token,
        now=desk.now,
    )
    return report_id


def measure_of(desk: Desk, name: str = "material") -> Measure:
    report_id = desk.reports[name]
    (found,) = measures.measures_of(actor=desk.actor("claire"), report_ids=[report_id])[report_id]
    return found


def standing(desk: Desk, name: str = "material") -> list[tuple[WarningCode, tuple[str, ...]]]:
    found = measure_of(desk, name)
    asked = Asked(desk_id=found.desk_id, report_id=found.report_id, request=found.request)
    said = measures.warnings_on(actor=desk.actor("claire"), asked=[asked])[found.id]
    return [(one.code, one.addresses) for one in said]


def page_of(desk: Desk, name: str = "material") -> str:
    return f"/fr/desk/measures/{measure_of(desk, name).id}/"


def seen_on(client: Client, page: str) -> str:
    """What the forms of a page send back of its warnings."""
    (tokens,) = set(SEEN.findall(client.get(page).content.decode()))
    return tokens


def body(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def test_an_address_that_was_found_lawful_is_said_to_both_and_to_the_overseer(
    desk: Desk, sign_in: SignIn
) -> None:
    mirror = no_action(desk, "mirror")  # the same page, with a tracking parameter
    decided(desk)
    ana, elise, page = sign_in("ana"), sign_in("elise"), page_of(desk)
    assert standing(desk) == [(WarningCode.DECIDED_LAWFUL, (f"https://{HOST}/album/12",))]
    first = body(ana.get(page))
    assert LAWFUL in first
    assert report_number(report_id=mirror) in first
    assert body(send(ana, page, "submit")).count("Un avertissement est apparu") == 1
    seen = seen_on(ana, page)
    unsaid = send(ana, page, "submit", {"seen": seen})
    assert (unsaid.status_code, "Le motif est obligatoire" in body(unsaid)) == (409, True)
    said = {"seen": seen, "reason": "L’album a changé depuis."}
    assert send(ana, page, "submit", said).status_code == 302

    assert "1 avertissement" in body(elise.get("/fr/desk/second/"))
    second = body(elise.get(page))
    assert LAWFUL in second
    assert "L’album a changé depuis." in second
    digest = measure_of(desk).digest.hex()
    blind = send(elise, page, "approve", {"digest": digest, "reason": "sans lire"})
    assert blind.status_code == 409
    assert LAWFUL in body(blind)
    given = {"digest": digest, "seen": seen_on(elise, page)}
    assert send(elise, page, "approve", given).status_code == 409
    assert measure_of(desk).state is MeasureState.TO_SECOND
    reason = {"reason": "Vu ce jour : deux images."}
    assert send(elise, page, "approve", given | reason).status_code == 302

    overseen = body(sign_in("gabrielle").get(page.replace("/desk/", "/oversight/")))
    for text in ("L’album a changé depuis.", "Vu ce jour : deux images.", LAWFUL):
        assert text in overseen
    assert report_number(report_id=mirror) not in overseen  # the overseer reads no report
    assert sign_in("yann").get(page).status_code == 404

    # Opened again, the other report warns of nothing; what stood at the signature stays with it.
    reopen_case(actor=desk.actor("ana"), report_id=mirror, now=desk.now)
    assert standing(desk) == []
    assert LAWFUL in body(sign_in("gabrielle").get(page.replace("/desk/", "/oversight/")))


def test_a_page_opened_before_the_warning_does_not_second(desk: Desk, sign_in: SignIn) -> None:
    decided(desk)
    elise, page = sign_in("elise"), page_of(desk)
    assert "À vérifier d’abord" not in body(elise.get(page))
    tab = {"digest": measure_of(desk).digest.hex()}
    no_action(desk, "mirror")
    late = send(elise, page, "approve", tab)
    assert late.status_code == 409
    assert "Un avertissement est apparu" in body(late)
    assert LAWFUL in body(late)
    assert measure_of(desk).state is MeasureState.TO_SECOND
    # Another tab, on which it is shown.
    tab |= {"seen": seen_on(elise, page), "reason": "Vu ce jour."}
    assert send(elise, page, "approve", tab).status_code == 302


def test_another_desk_s_verdict_is_said_with_whom_to_ask_only(desk: Desk, sign_in: SignIn) -> None:
    add_reports(desk, [("west", 60, MATERIAL | {"persons": []})], desk_id=2)
    west = no_action(desk, "west", author="yann")
    decided(desk)
    shown = body(sign_in("ana").get(page_of(desk)))
    assert "Un autre service a classé sans suite" in shown
    assert "Antenne Ouest" in shown
    assert report_number(report_id=west) not in shown
    assert str(west) not in shown


def test_a_whole_site_where_the_report_names_a_page(desk: Desk, sign_in: SignIn) -> None:
    both = {"urls": [f"https://{HOST}/", f"https://{HOST}/album/77"], "persons": []}
    add_reports(desk, [("site", 30, MATERIAL | both)])
    decided(desk, "site")
    assert standing(desk, "site") == [(WarningCode.PAGE_KNOWN, (f"https://{HOST}/",))]
    shown = body(sign_in("ana").get(page_of(desk, "site")))
    assert "donne une page précise." in shown
    assert "<code>hxxps[:]//pictures[.]example/album/77</code>" in shown


def test_a_change_is_kept_where_submitting_is_refused(desk: Desk, sign_in: SignIn) -> None:
    no_action(desk, "mirror")
    decided(desk)
    ana, page = sign_in("ana"), page_of(desk)
    form = {"name": "Autre hébergeur", "contact": "abuse@other.example", "submit": "1"}
    targets = list(measure_of(desk).request.targets)
    refused = send(ana, page, "amend", form | {"target": targets, "reason": "malgré tout"})
    assert refused.status_code == 409
    assert "gardée en brouillon" in body(refused)
    assert measure_of(desk).request.addressee.name == "Autre hébergeur"
    none = body(send(ana, page, "amend", form))
    assert "Rien n’a été enregistré" in none
    # The address that is warned of is left out: nothing more to explain.
    other = [address for address in targets if address.endswith("13")]
    assert send(ana, page, "amend", form | {"target": other}).status_code == 302
    assert measure_of(desk).state is MeasureState.TO_SECOND


def approved(desk: Desk, sign_in: SignIn) -> str:
    """A seconded measure whose host was informed a day before; return its page."""
    decided(desk)
    page, elise = page_of(desk), sign_in("elise")
    send(elise, page, "approve", {"digest": measure_of(desk).digest.hex()})
    send(elise, page, "contact", {"proof": "courriel", "at": local(desk.now - timedelta(days=1))})
    return page


def local(instant: datetime) -> str:
    """An instant as a form writes it."""
    return instant.astimezone(PARIS).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(25, "envoyée avant que son fondement ne cesse"), (40, "alors qu’elle ne pouvait plus")],
)
def test_what_had_left_is_recorded_and_shown_for_what_it_is(
    desk: Desk, sign_in: SignIn, minutes: int, words: str
) -> None:
    page = approved(desk, sign_in)
    minute = timedelta(minutes=1)
    with time_machine.travel(desk.now + 30 * minute, tick=False):
        sign_in("ana").post(f"/fr/desk/reports/{desk.reports['material']}/reopen/")
    with time_machine.travel(desk.now + 60 * minute, tick=False):
        elise = sign_in("elise")
        shown = body(elise.get(page))
        assert "A-t-elle déjà été envoyée" in shown
        assert '<option value="send">' not in shown
        assert "à envoyer :" not in shown  # no clock asks for what may not be sent
        usual = send(elise, page, "step", {"move": "send", "proof": "envoi 1"})
        assert usual.status_code == 409
        assert "n’est plus en vigueur" in body(usual)
        undated = send(elise, page, "step", {"move": "leave", "proof": "envoi 1"})
        assert "Indiquez quand la demande a été envoyée" in body(undated)
        left = {"move": "leave", "at": local(desk.now + minutes * minute), "proof": "envoi 1"}
        assert send(sign_in("ana"), page, "step", left).status_code == 403
        assert send(sign_in("yann"), page, "step", left).status_code in {403, 404}
        assert send(elise, page, "step", left).status_code == 302
        again = send(elise, page, "step", left)
        assert again.status_code == 409
        shown = body(elise.get(page))
        assert words in shown
        assert "Informez le destinataire" not in body(sign_in("gabrielle").get(page))
        assert 'href="#withdraw"' in body(sign_in("ana").get(page))
        overseer = sign_in("gabrielle")
        assert words in body(overseer.get(page.replace("/desk/", "/oversight/")))
        home = body(overseer.get("/fr/oversight/"))
        assert "Demandes envoyées dont le fondement" in home
        assert ("Envoyée après" in home) is (minutes == 40)
    assert measure_of(desk).state is MeasureState.SENT


def test_a_seconded_request_is_changed_by_who_says_that_it_has_not_left(
    desk: Desk, sign_in: SignIn
) -> None:
    page, ana = approved(desk, sign_in), sign_in("ana")
    assert 'name="unsent"' in body(ana.get(page))
    form = {"name": "Autre", "contact": "abuse@other.example", "submit": "0"}
    form |= {"target": list(measure_of(desk).request.targets)}
    refused = send(ana, page, "amend", form)
    assert refused.status_code == 409
    assert "confirmez qu’elle n’a pas été envoyée" in body(refused)
    assert measure_of(desk).state is MeasureState.APPROVED
    assert send(ana, page, "amend", form | {"unsent": "1"}).status_code == 302
    assert measure_of(desk).state is MeasureState.DRAFT
    assert 'name="unsent"' not in body(ana.get(page))


def test_nothing_left_is_no_panel_of_the_overseer(desk: Desk, sign_in: SignIn) -> None:
    approved(desk, sign_in)
    assert "Demandes envoyées dont le fondement" not in body(
        sign_in("gabrielle").get("/fr/oversight/")
    )
