"""The home page and its tour in a real browser: numbers that lead to their lists, five steps by keyboard."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from fanal.accounts.models import User
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.integration.desk.story import Desk
from tests.integration.desk.work import decided

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]
TITLES = {"fr": "Ce qui vous attend est sur cette page", "en": "What waits for you is on this page"}
HELP = {"fr": "L’aide est à une touche", "en": "Help is one key away"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_home_of_each_role(open_as: OpenAs, axe: Axe, desk: Desk, lang: str) -> None:
    """It is accessible in every look, and a number opens a list of as many reports."""
    decided(desk, "material")
    User.objects.update(tour_seen=True)
    for name in ("claire", "elise"):
        page = open_as(name, f"/{lang}/home/")
        assert page.locator("#tour").count() == 0
        check(page, axe, lang)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page = open_as("claire", f"/{lang}/home/")
    number = page.locator(".fh-number[href*='holder=NOBODY']")
    shown = int(number.locator(".fh-figure").inner_text())
    number.click()
    page.wait_for_load_state()
    assert page.locator("[data-row]").count() == shown


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_tour_by_keyboard(open_as: OpenAs, axe: Axe, desk: Desk, lang: str) -> None:
    """Five steps, each read out as it comes; once left, it is offered no more, and taken again from help."""
    page = open_as("ana", f"/{lang}/home/")
    title = page.locator("#tour-title")
    expect(title).to_have_text(TITLES[lang])
    for _step in range(4):
        page.locator("#tour .btn-primary").focus()
        page.keyboard.press("Enter")
        expect(title).to_be_focused()
    expect(title).to_have_text(HELP[lang])
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.locator("#tour form button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#tour")).to_have_count(0)
    expect(page.locator(".fh-idle[role=status]")).to_be_focused()
    page.reload()
    expect(page.locator("#tour")).to_have_count(0)
    page.goto(page.url.replace("/home/", "/guides/"))
    page.click("main a[href$='tour/']")
    expect(title).to_have_text(TITLES[lang])
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_tour_without_scripts(open_as: OpenAs, desk: Desk, lang: str) -> None:
    """Each step is a page."""
    page = open_as("driss", f"/{lang}/home/", script=False, width=360)
    for _step in range(4):
        page.click("#tour .btn-primary")
    expect(page.locator("#tour-title")).to_have_text(HELP[lang])
    page.click("#tour form button")
    assert page.url.endswith(f"/{lang}/home/")
    expect(page.locator("#tour")).to_have_count(0)
