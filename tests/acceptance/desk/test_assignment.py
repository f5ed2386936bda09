"""Assignment in a real browser: handed over with a note, seen, assigned in bulk, undone; the notification centre."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from fanal import pipeline
from fanal.intake.queries.envelopes import report_number
from fanal.kernel import clock
from fanal.orient.assignment.operations import assign_report
from fanal.orient.assignment.queries import assignments_of
from fanal.orient.operations.notes import note_report
from fanal.orient.queue.operations import claim_case
from tests.acceptance.desk.test_answers import TEXT, answer
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.integration.desk.story import Desk
from tests.server import as_worker

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]
NOTE = "Le parent rappelle à 18 h : demander le nom du salon."
WORDS = {
    "fr": {
        "given": "Bruno a maintenant ce signalement en charge",
        "told": "Un signalement vous est confié",
        "answered": "L’auteur du signalement a répondu",
        "named": "Vous êtes cité dans une note",
        "race": "Entre-temps, Bruno a ce signalement en charge",
        "bulk": "2 signalements attribués",
        "undone": "L’attribution de 2 signalements est annulée",
        "saved": "Votre choix est enregistré",
    },
    "en": {
        "given": "Bruno has this report in charge now",
        "told": "A report was handed over to you",
        "answered": "The reporter has answered",
        "named": "You are named in a note",
        "race": "Meanwhile Bruno has this report in charge",
        "bulk": "2 reports assigned",
        "undone": "The assignment of 2 reports is undone",
        "saved": "Your choice is recorded",
    },
}
BELL = ".fd-bell .fd-nav-count"


def in_charge(desk: Desk, report_id: object) -> object:
    found = assignments_of(actor=desk.actor("claire"), report_ids=[report_id])
    return found[report_id].person_id if report_id in found else None


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_report_is_handed_over_with_a_note_and_its_new_person_told(
    open_as: OpenAs, axe: Axe, desk: Desk, lang: str
) -> None:
    said, report_id = WORDS[lang], desk.reports["game"]
    claim_case(actor=desk.actor("ana"), report_id=report_id, now=clock.now())
    page = open_as("ana", f"/{lang}/desk/reports/{report_id}/", lang=lang)
    page.click(".fd-give > summary")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.select_option("#give-to", str(desk.actor("bruno").person_id))
    page.fill("#give-note", NOTE)
    page.click(".fd-give button")
    expect(page.locator(".fd-messages")).to_contain_text(said["given"])
    expect(page.locator(".fd-undo")).to_be_visible()
    other = open_as("bruno", f"/{lang}/desk/", lang=lang)
    expect(other.locator(BELL)).to_contain_text("1")
    other.click(".fd-bell")
    line = other.locator(".fd-notifications li")
    expect(line).to_contain_text(said["told"])
    expect(line).to_contain_text(report_number(report_id=report_id))
    expect(line).to_contain_text("Ana")
    check(other, axe, lang)
    other.set_viewport_size({"width": 1440, "height": 900})
    line.locator("a").click()
    other.wait_for_url(f"**/reports/{report_id}/")
    expect(other.locator("section:has(#charge)")).to_contain_text(NOTE)
    expect(other.locator(BELL)).not_to_contain_text("1")
    check(other, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_answers_and_mentions_come_to_the_centre(
    open_as: OpenAs, axe: Axe, desk: Desk, lang: str
) -> None:
    """Each once; the page marks them as seen, and keeps the choice of mails."""
    said = WORDS[lang]
    give = {"to": desk.actor("ana").person_id, "now": clock.now()}
    assign_report(actor=desk.actor("claire"), report_id=desk.reports["game"], **give)
    answer(desk)
    note_report(
        actor=desk.actor("bruno"),
        report_id=desk.reports["stream"],
        words="Même compte, @ana : vois-tu ?",
        now=clock.now(),
    )
    with as_worker():
        while pipeline.weigh_answers(now=clock.now()):
            continue
    page = open_as("ana", f"/{lang}/desk/notifications/", lang=lang)
    expect(page.locator(".fd-unseen")).to_have_count(3)
    for kind in ("answered", "named"):
        expect(page.locator(".fd-notifications", has_text=said[kind])).to_be_visible()
    assert TEXT not in page.content()
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.locator(".fd-unseen button").first.click()
    expect(page.locator(".fd-unseen")).to_have_count(2)
    page.click(".fd-head-actions button")
    expect(page.locator(".fd-unseen")).to_have_count(0)
    page.check("input[value=DAILY]")
    page.click("section:has(#mail) button")
    expect(page.locator(".fd-messages")).to_contain_text(said["saved"])
    expect(page.locator("input[value=DAILY]")).to_be_checked()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_supervisor_assigns_several_at_once_and_undoes_it(
    open_as: OpenAs, axe: Axe, desk: Desk, lang: str
) -> None:
    said = WORDS[lang]
    page = open_as("claire", f"/{lang}/desk/?kind=GROOMING", lang=lang, width=1440)
    for name in ("game", "again"):
        page.check(f"[data-tick][value='{desk.reports[name]}']")
    page.keyboard.press("e")
    page.wait_for_selector("#assign-to")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.select_option("#assign-to", str(desk.actor("ana").person_id))
    page.click("section:has(#act-ASSIGN) button[type=submit]")
    expect(page.locator(".fd-messages")).to_contain_text(said["bulk"])
    assert in_charge(desk, desk.reports["again"]) == desk.actor("ana").person_id
    page.keyboard.press("z")
    expect(page.locator(".fd-messages")).to_contain_text(said["undone"])
    assert in_charge(desk, desk.reports["again"]) is None


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_team(open_as: OpenAs, axe: Axe, desk: Desk, lang: str) -> None:
    give = {"to": desk.actor("ana").person_id, "now": clock.now()}
    for name in ("danger", "travel"):
        assign_report(actor=desk.actor("claire"), report_id=desk.reports[name], **give)
    page = open_as("bruno", f"/{lang}/desk/team/", lang=lang)
    check(page, axe, lang)
    row = page.locator("tr", has=page.locator("th", has_text=re.compile("^Ana")))
    expect(row.locator("td").first).to_have_text("2")
    row.locator("summary").click()
    expect(row).to_contain_text(report_number(report_id=desk.reports["danger"]))
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_who_was_slower_is_told_and_keeps_the_note(
    open_as: OpenAs, axe: Axe, desk: Desk, lang: str
) -> None:
    report_id = desk.reports["game"]
    page = open_as("claire", f"/{lang}/desk/reports/{report_id}/", lang=lang)
    claim_case(actor=desk.actor("bruno"), report_id=report_id, now=clock.now())
    page.click(".fd-give > summary")
    page.select_option("#give-to", str(desk.actor("ana").person_id))
    page.fill("#give-note", NOTE)
    page.click(".fd-give button")
    expect(page.locator("#charge-refused")).to_contain_text(WORDS[lang]["race"])
    assert page.input_value("#give-note") == NOTE
    check(page, axe, lang)
