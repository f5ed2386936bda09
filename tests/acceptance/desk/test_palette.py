"""`Ctrl`+`K` in a real browser: pages, acts of the page and search by some letters, with the person's rights alone."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from fanal.casework.models import Act
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import arrive
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]


def opened(page: Page, words: str) -> list[str]:
    """Open the palette, type, and return what it offers."""
    page.keyboard.press("Control+k")
    expect(page.locator("#palette input")).to_be_focused()
    page.keyboard.type(words)
    return page.locator("#palette [role=option]").all_inner_texts()


def enter_to(page: Page, selector: str) -> None:
    """Choose what is selected, and wait for the page that it leads to."""
    with page.expect_navigation():
        page.keyboard.press("Enter")
    arrive(page, selector)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_page_an_act_and_a_search_by_some_letters(
    open_as: OpenAs, axe: Axe, desk: Desk, lang: str
) -> None:
    page = open_as("ana", f"/{lang}/desk/")
    expect(page.locator("#count-desk-queue")).to_contain_text(re.compile(r"\d"))
    page.keyboard.press("Control+k")
    page.keyboard.press("Enter")
    expect(page.locator("#palette [role=option][aria-selected=true]")).to_have_count(0)
    page.keyboard.press("ArrowDown")
    expect(page.locator("#palette [role=option][aria-selected=true]")).to_have_count(1)
    check(page, axe, lang)
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 1440, "height": 900})
    offered = opened(page, {"fr": "liens sug", "en": "SUGG links"}[lang])
    assert offered[0] == {"fr": "Liens suggérés", "en": "Suggested links"}[lang]
    enter_to(page, "main")
    assert page.url.endswith(f"/{lang}/desk/suggestions/")
    found = {
        "fr": "Chercher «\N{NO-BREAK SPACE}shadow king\N{NO-BREAK SPACE}»",
        "en": "Search for “shadow king”",
    }
    assert opened(page, "shadow king") == [found[lang]]
    enter_to(page, "#q")
    assert page.input_value("#q") == "shadow king"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_act_on_the_page_is_done_and_one_that_asks_is_gone_to(
    open_as: OpenAs, desk: Desk, lang: str
) -> None:
    """Claiming asks for nothing and is done; a decision asks for its way and reason: they have the focus."""
    page = open_as("ana", f"/{lang}/desk/reports/{desk.reports['material']}/")
    claim = page.locator(".fd-report-head [data-claim] button").inner_text()
    assert opened(page, claim)[0] == claim
    enter_to(page, "[data-decision]")
    record = page.locator("[data-decide-next]").inner_text().splitlines()[0]
    page.locator("#reason").focus()
    assert opened(page, record)[0].startswith(record)
    page.keyboard.press("Enter")
    expect(page.locator("#palette")).to_be_hidden()
    assert page.evaluate("document.activeElement.closest('form').hasAttribute('data-decision')")
    assert page.evaluate("document.activeElement.matches('input, textarea')")
    assert opened(page, "zzzz")[:-1] == []
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_hidden()


def test_it_offers_what_the_person_may(open_as: OpenAs, desk: Desk) -> None:
    """A statistician has neither the queue nor the search."""
    page = open_as("hugo", "/en/desk/statistics/")
    assert opened(page, "shadow") == []
    expect(page.locator("#palette [role=status]")).not_to_be_empty()
    page.keyboard.press("Escape")
    assert opened(page, "queue") == []
    page.keyboard.press("Escape")
    assert "Statistics" in opened(page, "stat")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_is_done_that_was_not_asked_for(open_as: OpenAs, desk: Desk, lang: str) -> None:
    """An alarm is taken, and the 17 called, by who presses there; letters of a page lead to the page."""
    page = open_as("ana", f"/{lang}/desk/reports/{desk.reports['stream']}/")
    take = page.locator("[data-alarms] .fd-alarm button").inner_text()
    assert take not in opened(page, "")
    call = page.locator("form[data-pressed-here] button").inner_text()
    for letters in ("a", "e", "p", "ur", {"fr": "appel", "en": "emerg"}[lang]):
        page.locator("#palette input").fill(letters)
        chosen = page.locator("#palette [data-group=here] [aria-selected=true]")
        assert chosen.count() == 0 or chosen.inner_text().casefold().startswith(letters)
        assert chosen.count() == 0 or chosen.inner_text() != call
    page.locator("#palette input").fill(call)
    page.keyboard.press("Enter")
    expect(page.locator("form[data-pressed-here]")).to_be_focused()
    assert Act.objects.filter(kind="emergency_call").count() == 0


def test_without_a_search_letters_that_an_act_holds_choose_nothing(
    open_as: OpenAs, desk: Desk
) -> None:
    page = open_as("gabrielle", "/fr/account/")
    assert opened(page, "") != []
    ends = page.locator("#palette [data-group=here] [role=option]").first.inner_text()
    page.locator("#palette input").fill(ends.split()[-1])
    expect(page.locator("#palette [data-group=here] [aria-selected=true]")).to_have_count(0)
