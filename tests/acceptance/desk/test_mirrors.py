"""A mirror in a real browser: drafted from its report, with copy and evidence, approved, listed, freed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fanal.kernel.calendar import end_of_day
from fanal.measures.blocking.register import entries_in_force
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.desk.test_notices import shown
from tests.acceptance.steps import go
from tests.integration.desk.story import HOST, Desk
from tests.known import habilitated

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = {
    "fr": ("À valider", "Sur la liste", "Libéré", "a pris fin", "Joignez le fichier"),
    "en": ("Awaiting second", "Listed", "Freed", "has ended", "Attach the file"),
}


def fill(page: Page, *, ends: str) -> None:
    """Fill in the decision of the court."""
    page.fill("#service", "condemned.example")
    page.fill("#court", "TJ Paris")
    page.fill("#number", "RG 26/01234")
    page.fill("#ruled-on", "2026-01-15")
    page.fill("#enforceable-on", "2026-01-20")
    page.fill("#ends-on", ends)
    page.fill("#reasons", "The same pages, under another name.")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_from_the_report_to_the_freed_name(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, tmp_path: Path, lang: str
) -> None:
    waits, listed, freed, ended, attach = WORDS[lang]
    habilitated()
    last = (datetime.now(UTC) + timedelta(days=30)).date()
    page = open_as("ana", f"/{lang}/desk/reports/{desk.reports['mirror']}/")
    go(page, "a[href$='/mirror/']")
    assert page.input_value("#blocked") == HOST
    check(page, axe, lang)
    fill(page, ends="2026-02-01")
    go(page, "form[action$='/mirror/'] button")
    expect(page.locator("[role=alert]")).to_contain_text(ended)
    assert page.input_value("#court") == "TJ Paris"
    check(page, axe, lang)
    fill(page, ends=last.isoformat())
    go(page, "form[action$='/mirror/'] button")
    check(page, axe, lang)
    shown(page, f"mirror-draft-{lang}")
    page.fill("#enforce-proof", "registry 12")
    go(page, "section[aria-labelledby=enforce] button")
    expect(page.locator("[role=alert]")).to_contain_text(attach)
    copy = tmp_path / "decision.pdf"
    copy.write_bytes(b"%PDF-1.7 decision")
    page.set_input_files("#enforce-proof-file", copy)
    go(page, "section[aria-labelledby=enforce] button")
    expect(page.locator(".fd-proof-digest")).to_have_count(1)
    page.fill("#compare-proof", "captures 3 to 7")
    go(page, "section[aria-labelledby=compare] button")
    go(page, "form[action$='/propose/'] .btn-primary")
    expect(page.locator(".fd-status")).to_contain_text(waits)
    place = page.url.rpartition("/desk/")[2]

    page = open_as("elise", f"/{lang}/desk/second/")
    check(page, axe, lang)
    go(page, "table a[href*='/desk/mirrors/']")
    go(page, "form[action$='/approve/'] button")
    page.select_option("#move", "list")
    go(page, "section[aria-labelledby=record] button.btn-primary")
    expect(page.locator(".fd-status")).to_contain_text(listed)
    check(page, axe, lang)
    shown(page, f"mirror-listed-{lang}")
    (entry,) = entries_in_force(now=datetime.now(UTC))
    assert (entry.name, entry.expires) == (HOST, end_of_day(last))
    assert entries_in_force(now=end_of_day(last)) == ()

    page = open_as("elise", f"/{lang}/desk/mirrors/")
    check(page, axe, lang)
    shown(page, f"mirrors-{lang}")
    page = open_as("ana", f"/{lang}/desk/{place}")
    page.fill("#free-reason", "It is another site.")
    go(page, "section[aria-labelledby=free] button")
    expect(page.locator(".fd-status")).to_contain_text(freed)
    assert entries_in_force(now=datetime.now(UTC)) == ()

    page = open_as("gabrielle", f"/{lang}/desk/{place}")
    assert page.locator("form[action*='/mirrors/']").count() == 0
    check(page, axe, lang)
