"""From an operator's file to a sheet, in both languages: the payer explained, linked reports, a sheet that is sent."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from fanal.casework import queries as acts
from fanal.judicial import queries as judicial
from fanal.judicial.domain.kinds import SHEET
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go
from tests.integration.desk.operator import bring_in
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = {
    "fr": {
        "common": "Bénéficiaire commun",
        "said": "Lu et rapproché.",
        "typology": "Live payant",
    },
    "en": {
        "common": "Common beneficiary",
        "said": "Read and compared.",
        "typology": "Paid live-streaming",
    },
}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_operators_file_leads_to_a_sheet(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str, tmp_path: Path
) -> None:
    bring_in(desk)
    words = WORDS[lang]
    page = open_as("claire", f"/{lang}/desk/payments/?suspected=yes")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click("a:has-text('Cyril Patron')")
    page.wait_for_selector("canvas[data-chart]")
    assert words["common"] in page.locator("section:has(#why)").inner_text()
    # Every point leads to the transfers that it saw, by keyboard.
    seen = page.locator("section:has(#why) a[href^='#t-']").first
    seen.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("tr:target")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    assert page.locator(f"section:has(#linked) a[href$='{desk.reports['shows']}/']").count() == 1
    page.select_option("#body", "TRACFIN")
    page.click("form[action$='/sheet/'] button")
    page.wait_for_selector("h1:has-text('Cyril Patron')")
    assert words["typology"] in page.locator(".fd-status").inner_text()
    (sheet,) = acts.list_acts(actor=desk.actor("driss"), lifecycle=SHEET)
    sent(open_as("driss", f"/{lang}/desk/sheets/"), axe, lang, tmp_path)
    found = judicial.get_sheet(actor=desk.actor("driss"), sheet_id=sheet.id)
    assert found is not None
    assert (found.sheet.state, found.summary) == ("SENT", words["said"])


def sent(page: Page, axe: Axe, lang: str, folder: Path) -> None:
    """As the officer: read, assess, take the files away, and record that it was sent."""
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    go(page, "tbody a")
    page.fill("#summary", WORDS[lang]["said"])
    go(page, "form[action$='/amend/'] button")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    with page.expect_download() as taken:
        page.locator(f"a[hreflang={lang}][href$='/pdf/']").click()
    taken.value.save_as(folder / "sheet.pdf")
    assert (folder / "sheet.pdf").read_bytes().startswith(b"%PDF-")
    with page.expect_download() as taken:
        page.locator("a[href$='/json/']").click()
    taken.value.save_as(folder / "sheet.json")
    told = json.loads((folder / "sheet.json").read_bytes())
    assert told["linked"]
    assert told["assessment"] == WORDS[lang]["said"]
    for move, proof in (("prepare", ""), ("send", "Bordereau 7")):
        page.select_option("#move", move)
        page.fill("#proof", proof)
        go(page, "form[action$='/move/'] button")
    page.wait_for_selector(".fd-history >> text=Bordereau 7")
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_pages_without_payments(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    check(open_as("driss", f"/{lang}/desk/sheets/"), axe, lang)
    check(open_as("ana", f"/{lang}/desk/payments/?country=ZZ"), axe, lang)
