"""A reporter's answer in a real browser: seen in the queue, read on top of the report, gone once it is read."""

import re
from collections.abc import Callable

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from fanal.intake.domain import receipt
from fanal.intake.operations.follow import answer_desk, ask_reporter
from fanal.kernel import clock
from fanal.kernel.actors import public_actor
from fanal.orient.queue.operations import claim_case
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.integration.desk.story import Desk
from tests.integration.desk.work import decided
from tests.server import as_worker

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]
WORDS = {
    "fr": (
        "1 réponse non lue",
        "Réponse reçue",
        "1 avec réponse",
        "Sera marquée comme lue quand Ana",
    ),
    "en": (
        "1 unread answer",
        "Answer received",
        "1 with answer",
        "Will be marked as read once Ana",
    ),
}
TEXT = "He plays on Tuesdays."
ROW = ".fd-row .fn-chip-accent"
TOLD = ".fd-answers-held a"


def answer(desk: Desk, name: str = "game") -> None:
    """The desk asks the reporter of a report, who holds a code and answers."""
    actor, report_id, code = desk.actor("ana"), desk.reports[name], receipt.new_code()
    part = receipt.public_part(code)
    with as_worker(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE intake_receipt SET lookup_hash = %s, public_key = %s WHERE report_id = %s",
            [part.lookup_hash, part.public_key, report_id],
        )
    ask_reporter(actor=actor, report_id=report_id, text="Which day?", now=clock.now())
    answer_desk(actor=public_actor(), lookup_hash=part.lookup_hash, text=TEXT, now=clock.now())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_holder_reads_it_and_it_is_gone_for_everybody(
    open_as: OpenAs, axe: Axe, desk: Desk, lang: str
) -> None:
    report_id = desk.reports["game"]
    claim_case(actor=desk.actor("ana"), report_id=report_id, now=clock.now())
    answer(desk)
    mark, received, mine, waits = WORDS[lang]
    report = f"/{lang}/desk/reports/{report_id}/"
    other = open_as("bruno", report, lang=lang)
    expect(other.locator(".fd-unread")).to_contain_text(waits)
    expect(other.locator(".fd-unread form")).to_have_count(0)
    page = open_as("ana", f"/{lang}/desk/?view=ANSWERED", lang=lang)
    expect(page.locator(".fd-view-ANSWERED .fd-count")).to_have_text("1")
    expect(page.locator(".fd-view-MINE")).to_contain_text(mine)
    expect(page.locator(ROW)).to_contain_text(mark)
    expect(page.locator(TOLD)).to_have_attribute("href", re.compile("view=MINE"))
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click(".fd-row-link")
    panel = page.locator(".fd-unread")
    expect(panel).to_contain_text(received)
    expect(panel).to_contain_text(TEXT)
    expect(panel).to_contain_text("Which day?")
    expect(panel).to_be_in_viewport()
    check(page, axe, lang)
    expect(page.locator(TOLD)).to_have_count(0)
    other.goto(other.url)
    expect(other.locator(".fd-unread")).to_have_count(0)
    expect(other.locator(".fd-exchange")).to_contain_text(TEXT)


@pytest.mark.parametrize("script", [True, False])
def test_of_a_decided_report_who_reads_it_says_so(
    open_as: OpenAs, axe: Axe, desk: Desk, script: bool
) -> None:
    report_id = decided(desk)
    answer(desk, "material")
    page = open_as("ana", "/fr/desk/?view=ANSWERED", script=script)
    page.click(".fd-row-link")
    expect(page.locator(".fd-unread")).to_contain_text(TEXT)
    page.reload()
    expect(page.locator(".fd-unread")).to_be_visible()
    if script:
        check(page, axe, "fr")
        page.set_viewport_size({"width": 1440, "height": 900})
    expect(page.locator(TOLD)).to_have_count(0)
    page.click(".fd-unread form[action$=answers\\/] button")
    page.wait_for_url(f"**/reports/{report_id}/")
    expect(page.locator(".fd-unread")).to_have_count(0)
    page.goto(page.url.partition("/reports/")[0] + "/?view=ANSWERED")
    expect(page.locator(".fd-row")).to_have_count(0)


def test_a_decided_report_goes_back_to_the_queue(open_as: OpenAs, desk: Desk) -> None:
    report_id = decided(desk)
    answer(desk, "material")
    page = open_as("ana", f"/fr/desk/reports/{report_id}/")
    page.click(".fd-unread form[action$=reopen\\/] button")
    page.wait_for_url(f"**/reports/{report_id}/")
    expect(page.locator(".fd-unread")).to_contain_text(TEXT)
    expect(page.locator(".fd-status")).to_contain_text("À évaluer")


def test_who_holds_reports_is_told_and_finds_the_answer_after_a_danger(
    open_as: OpenAs, desk: Desk
) -> None:
    """A child in danger first, then the answered report, then one of a higher score."""
    for name in ("danger", "game", "material"):
        claim_case(actor=desk.actor("ana"), report_id=desk.reports[name], now=clock.now())
    page = open_as("ana", "/fr/desk/search/")
    page.clock.install()
    page.reload()
    expect(page.locator(TOLD)).to_have_count(0)
    answer(desk)
    page.clock.fast_forward("00:31")
    expect(page.locator(TOLD)).to_contain_text("a une nouvelle réponse")
    search = page.url
    page.goto(search.replace("search/", "?view=MINE"))
    for place, name in enumerate(("danger", "game", "material")):
        expect(page.locator(".fd-row-link").nth(place)).to_have_attribute(
            "href", re.compile(str(desk.reports[name]))
        )
    page.goto(search)
    page.click(TOLD)
    page.wait_for_url(f"**/reports/{desk.reports['game']}/")
    expect(page.locator(".fd-unread")).to_contain_text(TEXT)
