"""An appeal in a real browser: registered on a blocking, heard, ruled with its file; the name leaves the list."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fanal.measures.blocking.register import entries_in_force
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.desk.test_notices import shown
from tests.acceptance.steps import go
from tests.integration.desk.story import Desk
from tests.integration.measures.blockings import act_of, listed
from tests.known import habilitated

pytestmark = pytest.mark.django_db(transaction=True)
RULING = b"%PDF-1.7 The blocking is annulled."
WORDS = {
    "fr": ("Déposé", "Mis en doute", "Audience tenue", "Joignez le fichier", "Jugé", "annulée"),
    "en": ("Filed", "In doubt", "Hearing held", "Attach the file", "Ruled", "annulled"),
}


def step(page: Page, move: str, *, outcome: str = "", file: Path | None = None) -> None:
    """Record a step on the page of the appeal."""
    page.select_option("#move", move)
    if outcome:
        page.select_option("#outcome", outcome)
    page.fill("#proof", "registry 12")
    if file is not None:
        page.set_input_files("#proof-file", file)
    go(page, "section[aria-labelledby=record] button.btn-primary")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_from_the_registration_to_the_annulment(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, tmp_path: Path, lang: str
) -> None:
    filed, doubt, heard, attach, ruled, annulled = WORDS[lang]
    habilitated()
    blocking_id = listed(0.02)
    page = open_as("elise", f"/{lang}/desk/blockings/{blocking_id}/")
    page.click("section[aria-labelledby=appeals] summary")
    page.select_option("#filer", "EDITOR")
    page.fill("#court", "TA Cergy-Pontoise")
    page.fill("#case-number", "2612345")
    page.fill("#claims", "The pages are lawful.")
    check(page, axe, lang)
    go(page, "form[action$='/appeal/'] button")
    expect(page.locator("[role=alert]")).to_have_count(1)  # no proof
    assert page.input_value("#case-number") == "2612345"
    check(page, axe, lang)
    page.fill("#appeal-proof", "notice of the registry")
    go(page, "form[action$='/appeal/'] button")
    expect(page.locator(".fd-status")).to_contain_text(doubt)
    expect(page.locator("section[aria-labelledby=appeals]")).to_contain_text(filed)
    check(page, axe, lang)
    shown(page, f"blocking-contested-{lang}")

    go(page, "section[aria-labelledby=appeals] li a")
    expect(page.locator("section[aria-labelledby=terms]")).to_contain_text("LCEN 6-1 II")
    check(page, axe, lang)
    shown(page, f"appeal-{lang}")
    step(page, "hear")
    expect(page.locator(".fd-status")).to_contain_text(heard)
    step(page, "rule", outcome="ANNULLED")
    expect(page.locator("[role=alert]")).to_contain_text(attach)
    assert [entry.name for entry in entries_in_force(now=datetime.now(UTC))]
    ruling = tmp_path / "ruling.pdf"
    ruling.write_bytes(RULING)
    step(page, "rule", outcome="ANNULLED", file=ruling)
    expect(page.locator(".fd-status")).to_contain_text(ruled)
    expect(page.locator(".fd-status")).to_contain_text(annulled)
    expect(page.locator(".fd-proof-digest")).to_contain_text(hashlib.sha256(RULING).hexdigest())
    check(page, axe, lang)
    shown(page, f"appeal-ruled-{lang}")
    assert entries_in_force(now=datetime.now(UTC)) == ()
    assert act_of(blocking_id).state == "LIFTING"

    place = page.url.rpartition("/desk/")[2]
    page = open_as("elise", f"/{lang}/desk/appeals/")
    check(page, axe, lang)
    shown(page, f"appeals-{lang}")
    page = open_as("gabrielle", f"/{lang}/desk/appeals/")
    go(page, "table a")
    assert page.url.endswith(place)
    assert page.locator("form[action*='/appeals/']").count() == 0
    check(page, axe, lang)
