"""A blocking in a real browser: drafted, approved, vouched for, listed, confirmed, freed, reviewed, restored."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.desk.test_notices import shown
from tests.integration.desk.story import Desk
from tests.integration.measures.blockings import ago, received
from tests.known import habilitated

pytestmark = pytest.mark.django_db(transaction=True)
PROTECTED = "photos.gouv.fr"
WORDS = {
    "fr": ("À valider", "Un superviseur, troisième personne", "Sur la liste", "Bloqué", "Libéré", "accès rétabli"),
    "en": ("Awaiting second approval", "A supervisor, third person", "Listed", "Blocked", "Freed", "access restored"),
}  # fmt: skip


@pytest.mark.parametrize("lang", LANGUAGES)
def test_from_the_removal_request_to_the_restored_access(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    waits, third, listed, blocked, freed, restored = WORDS[lang]
    habilitated()
    removal_id = received(ago(1.1), PROTECTED)
    page = open_as("ana", f"/{lang}/desk/measures/{removal_id}/")
    page.click("#block + * summary, section[aria-labelledby=block] summary")
    page.fill("#blocked", "gouv.fr")
    page.fill("#block-reasons", "The pages are still there.")
    page.click("form[action$='/block/'] button")
    expect(page.locator("[role=alert]")).to_have_count(1)
    check(page, axe, lang)
    page.go_back()
    page.click("section[aria-labelledby=block] summary")
    check(page, axe, lang)
    page.fill("#blocked", PROTECTED)
    page.fill("#block-reasons", "The pages are still there.")
    page.click("form[action$='/block/'] button")
    page.wait_for_selector("#letter")
    assert "photos[.]gouv[.]fr" in page.inner_text("h1")
    check(page, axe, lang)
    shown(page, f"blocking-draft-{lang}")
    page.click("form[action$='/propose/'] .btn-primary")
    assert waits in page.inner_text(".fd-status")
    place = page.url.rpartition("/desk/")[2]

    page = open_as("elise", f"/{lang}/desk/second/")
    page.click("table a[href*='/desk/blockings/']")
    page.click("form[action$='/approve/'] button")
    assert third in page.inner_text(".fd-status")
    record(page, "list")
    expect(page.locator("[role=alert]")).to_have_count(1)  # a third person first

    page = open_as("claire", f"/{lang}/desk/second/")
    check(page, axe, lang)
    page.click("table a[href*='/desk/blockings/']")
    page.fill("#vouch-reason", "Looked at with the holder of the name.")
    check(page, axe, lang)
    page.click("form[action$='/vouch/'] button")

    page = open_as("elise", f"/{lang}/desk/{place}")
    record(page, "list")
    assert listed in page.inner_text(".fd-status")
    record(page, "confirm", proof="probe of four resolvers")
    assert blocked in page.inner_text(".fd-status")
    check(page, axe, lang)
    shown(page, f"blocking-in-force-{lang}")

    page = open_as("ana", f"/{lang}/desk/{place}")
    page.fill("#free-reason", "The school says that it is their page.")
    page.click("form[action$='/free/'] button")
    assert freed in page.inner_text(".fd-status")
    page.fill("#free-reason", "Again.")
    page.click("form[action$='/free/'] button")
    expect(page.locator("[role=alert]")).to_have_count(1)  # another person reviews

    page = open_as("elise", f"/{lang}/desk/blockings/")
    check(page, axe, lang)
    shown(page, f"blockings-{lang}")
    page.click("table a[href*='/desk/blockings/']")
    page.fill("#free-reason", "It was their page.")
    page.click("form[action$='/free/'] button")
    record(page, "restore", proof="probe of four resolvers")
    assert restored in page.inner_text(".fd-status")

    page = open_as("gabrielle", f"/{lang}/desk/{place}")
    assert page.locator("form[action*='/blockings/']").count() == 0
    check(page, axe, lang)


def record(page: Page, move: str, *, proof: str = "") -> None:
    """Record a step on the page of the act."""
    page.select_option("#move", move)
    page.fill("#proof", proof)
    page.click("form[action$='/move/'] button")
