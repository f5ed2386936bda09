"""A dereferencing in a real browser: drafted, approved, notified, confirmed, ended alone, reviewed, restored."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.desk.test_blockings import record
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.desk.test_notices import shown
from tests.acceptance.steps import go
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
    go(page, "form[action$='/dereference/'] button")
    expect(page.locator("[role=alert]")).to_have_count(1)  # to nobody
    check(page, axe, lang)
    go(page, "[role=alert] a")
    page.click("section[aria-labelledby=dereference] summary")
    page.check("input[name=service][value=QWANT]")
    page.fill("#other-service", "Look Search")
    page.fill("#dereference-reasons", "The pages are found by their own words.")
    go(page, "form[action$='/dereference/'] button")
    page.wait_for_selector("table")
    expect(page.locator("table a[href*='/desk/dereferencings/']")).to_have_count(2)
    go(page, "table a:has-text('Look Search')")
    page.fill("#contact", "legal@look.example")
    check(page, axe, lang)
    shown(page, f"dereferencing-draft-{lang}")
    go(page, "form[action$='/amend/'] button")
    assert "pictures[.]example" in page.inner_text(".fd-letter >> nth=0")
    go(page, "form[action$='/propose/'] .btn-primary")
    expect(page.locator(".fd-status")).to_contain_text(waits)
    place = page.url.rpartition("/desk/")[2]

    page = open_as("elise", f"/{lang}/desk/second/")
    check(page, axe, lang)
    go(page, "table a[href*='/desk/dereferencings/']")
    go(page, "form[action$='/approve/'] button")
    expect(page.locator("a[href$='/message/']")).to_have_count(1)
    record(page, "notify", proof="mail 12")
    expect(page.locator(".fd-status")).to_contain_text(notified)
    check(page, axe, lang)
    record(page, "confirm", proof="capture of the results")
    expect(page.locator(".fd-status")).to_contain_text(force)
    check(page, axe, lang)
    shown(page, f"dereferencing-in-force-{lang}")

    page = open_as("ana", f"/{lang}/desk/{place}")
    page.fill("#free-reason", "The school says that it is their page.")
    go(page, "section[aria-labelledby=free] button")
    expect(page.locator(".fd-status")).to_contain_text(freed)
    check(page, axe, lang)
    shown(page, f"dereferencing-freed-{lang}")
    with page.expect_download() as taken:
        page.click("a[href$='/restoration/']")
    assert "Qwant" not in (message := taken.value.path().read_text())
    assert "legal@look.example" in message
    page.fill("#ask-proof", "mail 13")
    go(page, "section[aria-labelledby=ask] button")
    expect(page.locator(".fd-status")).to_contain_text(asked)
    page.fill("#review-reason", "Again.")
    go(page, "section[aria-labelledby=review] button")
    expect(page.locator("[role=alert]")).to_have_count(1)  # another person reviews

    page = open_as("elise", f"/{lang}/desk/dereferencings/")
    check(page, axe, lang)
    shown(page, f"dereferencings-{lang}")
    go(page, "table a:has-text('Look Search')")
    page.fill("#review-reason", "It was their page.")
    go(page, "section[aria-labelledby=review] button")
    record(page, "restore", proof="capture of the results")
    expect(page.locator(".fd-status")).to_contain_text(again)

    page = open_as("gabrielle", f"/{lang}/desk/{place}")
    assert page.locator("form[action*='/dereferencings/']").count() == 0
    check(page, axe, lang)
