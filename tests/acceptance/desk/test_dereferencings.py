"""A dereferencing in a real browser: drafted, approved, notified, confirmed, ended alone, reviewed, restored."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.acceptance.desk.test_blockings import record
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.desk.test_notices import shown
from tests.integration.desk.story import Desk
from tests.integration.measures.blockings import ago, received
from tests.known import habilitated

pytestmark = pytest.mark.django_db(transaction=True)
HOST = "pictures.example"
WORDS = {
    "fr": ("À valider", "Notifié", "En vigueur", "Fin décidée", "demandé, à constater", "rétabli"),
    "en": ("Awaiting second", "Notified", "In force", "Ended by one", "asked for, to be", "again"),
}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_from_the_removal_request_to_the_results_listed_again(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    waits, notified, force, freed, asked, again = WORDS[lang]
    habilitated()
    removal_id = received(ago(0.1), HOST)
    page = open_as("ana", f"/{lang}/desk/measures/{removal_id}/")
    page.click("section[aria-labelledby=dereference] summary")
    check(page, axe, lang)
    page.fill("#dereference-reasons", "The pages are found by their own words.")
    page.click("form[action$='/dereference/'] button")
    assert page.locator("[role=alert]").count() == 1  # to nobody
    check(page, axe, lang)
    page.click("[role=alert] a")
    page.click("section[aria-labelledby=dereference] summary")
    page.check("input[name=service][value=QWANT]")
    page.fill("#other-service", "Look Search")
    page.fill("#dereference-reasons", "The pages are found by their own words.")
    page.click("form[action$='/dereference/'] button")
    page.wait_for_selector("table")
    assert page.locator("table a[href*='/desk/dereferencings/']").count() == 2
    page.click("table a:has-text('Look Search')")
    page.fill("#contact", "legal@look.example")
    check(page, axe, lang)
    shown(page, f"dereferencing-draft-{lang}")
    page.click("form[action$='/amend/'] button")
    assert "pictures[.]example" in page.inner_text(".fd-letter >> nth=0")
    page.click("form[action$='/propose/'] .btn-primary")
    assert waits in page.inner_text(".fd-status")
    place = page.url.rpartition("/desk/")[2]

    page = open_as("elise", f"/{lang}/desk/second/")
    check(page, axe, lang)
    page.click("table a[href*='/desk/dereferencings/']")
    page.click("form[action$='/approve/'] button")
    assert page.locator("a[href$='/message/']").count() == 1
    record(page, "notify", proof="mail 12")
    assert notified in page.inner_text(".fd-status")
    check(page, axe, lang)
    record(page, "confirm", proof="capture of the results")
    assert force in page.inner_text(".fd-status")
    check(page, axe, lang)
    shown(page, f"dereferencing-in-force-{lang}")

    page = open_as("ana", f"/{lang}/desk/{place}")
    page.fill("#free-reason", "The school says that it is their page.")
    page.click("section[aria-labelledby=free] button")
    assert freed in page.inner_text(".fd-status")
    check(page, axe, lang)
    shown(page, f"dereferencing-freed-{lang}")
    with page.expect_download() as taken:
        page.click("a[href$='/restoration/']")
    assert "Qwant" not in (message := taken.value.path().read_text())
    assert "legal@look.example" in message
    page.fill("#ask-proof", "mail 13")
    page.click("section[aria-labelledby=ask] button")
    assert asked in page.inner_text(".fd-status")
    page.fill("#review-reason", "Again.")
    page.click("section[aria-labelledby=review] button")
    assert page.locator("[role=alert]").count() == 1  # another person reviews

    page = open_as("elise", f"/{lang}/desk/dereferencings/")
    check(page, axe, lang)
    shown(page, f"dereferencings-{lang}")
    page.click("table a:has-text('Look Search')")
    page.fill("#review-reason", "It was their page.")
    page.click("section[aria-labelledby=review] button")
    record(page, "restore", proof="capture of the results")
    assert again in page.inner_text(".fd-status")

    page = open_as("gabrielle", f"/{lang}/desk/{place}")
    assert page.locator("form[action*='/dereferencings/']").count() == 0
    check(page, axe, lang)
