"""`?` opens the guide of the page, in its language and in a tab of its own, so that what is typed stays."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]


def asked(page: Page) -> Page:
    """Press `?` and return the page that opens."""
    with page.expect_popup() as opened:
        page.keyboard.press("?")
    opened.value.wait_for_load_state()
    return opened.value


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_guide_of_a_report_beside_a_decision_that_is_being_written(
    open_as: OpenAs, axe: Axe, desk: Desk, lang: str
) -> None:
    page = open_as("ana", f"/{lang}/desk/reports/{desk.reports['material']}/")
    go(page, ".fd-report-head [data-claim] button")
    page.fill("#reason", "Une phrase ?")
    page.locator("#reason").press("?")
    expect(page.locator("#reason")).to_have_value("Une phrase ??")
    page.locator("#reason").blur()
    guide = asked(page)
    assert guide.url.endswith(f"/{lang}/guides/analyst/#read-a-report")
    words = {"fr": "Lire un signalement", "en": "Read a report"}
    expect(guide.locator("#read-a-report")).to_have_text(words[lang])
    expect(guide.locator("#read-a-report")).to_be_in_viewport()
    assert page.locator("#reason").input_value() == "Une phrase ??"
    check(guide, axe, lang)


@pytest.mark.parametrize(
    ("name", "path", "guide"),
    [
        ("claire", "desk/team/", "supervisor/#share-the-work"),
        ("hugo", "desk/reference/", "statistician/"),
        ("hugo", "account/", "statistician/"),
    ],
)
def test_the_guide_of_a_page_or_of_the_role(
    open_as: OpenAs, name: str, path: str, guide: str
) -> None:
    page = open_as(name, f"/fr/{path}")
    assert asked(page).url.endswith(f"/fr/guides/{guide}")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_all_guides(open_as: OpenAs, axe: Axe, lang: str) -> None:
    """Each is accessible, leads to the others, and to the same section in the other language."""
    page = open_as("ana", f"/{lang}/guides/")
    check(page, axe, lang)
    links = page.locator("main .fd-guides a").evaluate_all("all => all.map(one => one.href)")
    assert len(links) >= 15
    for link in links:
        page.goto(link)
        assert page.evaluate("document.documentElement.lang") == lang
        assert axe(page) == []
    page.goto(next(link for link in links if link.endswith("/measures-officer/")))
    check(page, axe, lang)
    go(page, ".fd-guide a[href='../blocking/']")
    assert page.url.endswith(f"/{lang}/guides/blocking/")
