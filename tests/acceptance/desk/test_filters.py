"""The filters of the queue in a browser: chips, one disclosure, keys, addresses, an empty view, saved views."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.public.test_look import assert_looks
from tests.integration.desk.story import GAME, Desk, add_reports

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]
FOUND = "REF-lyon"
_MORE = [
    (
        "lyon",
        45,
        GAME
        | {
            "language": "de",
            "description": "Nachts schreibt jemand einem Kind.",
            "place": {"country": "FR", "locality": "Lyon", "postcode": "69003"},
            "persons": [{"role": "VICTIM", "age": 14}],
        },
    ),
    (
        "lille",
        50,
        GAME
        | {
            "language": "de",
            "conversation": [],
            "description": "Jemand fragt ein Kind nach seiner Schule.",
            "place": {"country": "FR", "postcode": "59000"},
            "persons": [{"role": "VICTIM", "age": 9}],
        },
    ),
]


@pytest.fixture
def more(desk: Desk) -> Desk:
    add_reports(desk, _MORE)
    return desk


def arrive_at(page: Page, end: str) -> None:
    """Wait for the page whose address ends so; a page that has just loaded also enters its own address anew."""
    page.wait_for_url(lambda url: url.endswith(end))
    page.wait_for_load_state("load")


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_by_keyboard_with_chips_and_the_back_button(open_as: OpenAs, more: Desk, lang: str) -> None:
    """One key opens the filters; the address, the chips and the list say the same, and Back brings each state."""
    page = open_as("ana", f"/{lang}/desk/")
    rows, chips = page.locator("[data-row]"), page.locator("[data-chip]")
    whole = rows.count()
    expect(page.locator("#filter-language")).to_be_hidden()
    page.keyboard.press("f")
    expect(page.locator("#filter-kind")).to_be_focused()
    page.select_option("#filter-language", "DE")
    page.focus("#filter-until")
    page.keyboard.press("Enter")
    arrive_at(page, "?view=OPEN&language=DE")
    expect(rows).to_have_count(2)
    expect(chips).to_have_count(1)
    page.keyboard.press("f")
    page.select_option("#filter-age", "A13_14")
    page.select_option("#filter-conversation", "WITH")
    page.click("[data-sift] [type=submit]")
    arrive_at(page, "?view=OPEN&language=DE&age=A13_14&conversation=WITH")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(FOUND)
    expect(chips).to_have_count(3)
    chips.nth(1).focus()
    page.keyboard.press("Enter")  # the age is taken off
    arrive_at(page, "?view=OPEN&language=DE&conversation=WITH")
    expect(chips).to_have_count(2)
    page.go_back()
    expect(chips).to_have_count(3)
    expect(page.locator("#filter-age")).to_have_value("A13_14")
    page.go_back()
    expect(rows).to_have_count(2)
    page.go_back()
    expect(rows).to_have_count(whole)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_an_empty_view_says_which_filter_to_take_off(
    open_as: OpenAs, more: Desk, lang: str
) -> None:
    page = open_as("ana", f"/{lang}/desk/?view=OPEN&language=DE&departement=69&age=A0_5")
    expect(page.locator("[data-row]")).to_have_count(0)
    hints = page.locator("[data-without]")
    expect(hints).to_have_count(1)
    expect(hints).to_contain_text("1")
    hints.click()
    arrive_at(page, "?view=OPEN&departement=69&language=DE")
    expect(page.locator("[data-row]")).to_have_count(1)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_saved_view_keeps_filters_and_order_and_the_whole_of_it_is_selected(
    open_as: OpenAs, more: Desk, lang: str
) -> None:
    asked = "desk/?view=OPEN&language=DE&sort=OLDEST"
    page = open_as("ana", f"/{lang}/{asked}")
    expect(page.locator("[data-row]").first).to_contain_text("REF-lille")
    page.keyboard.press("s")
    arrive_at(page, asked.replace("/", "/views/"))
    page.fill("#name", "Allemand")
    page.click("form.fd-form .btn-primary")
    arrive_at(page, asked)
    page.goto(page.url.partition("?")[0])
    page.click(".fd-saved a >> nth=0")
    arrive_at(page, asked)
    expect(page.locator(".fd-saved a[aria-current]")).to_contain_text("2")
    page.check("[data-tick-page]")
    page.click("[data-selection] [data-act]")
    claims = page.locator("form[action*=claim]").first
    expect(claims).to_have_attribute("action", re.compile("language=DE&sort=OLDEST$"))


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_closed_open_and_empty_they_look_right(
    open_as: OpenAs, axe: Callable[..., list[str]], more: Desk, lang: str
) -> None:
    asked = "view=OPEN&kind=GROOMING&language=DE&departement=69&received=WEEK&sort=NEWEST"
    page = open_as("ana", f"/{lang}/desk/?{asked}")
    assert_looks(page, axe)
    page.keyboard.press("f")
    expect(page.locator("#filter-kind")).to_be_visible()
    assert_looks(page, axe)
    page.goto(page.url.replace("DE", "RU"))
    expect(page.locator("[data-without]")).to_be_visible()
    assert_looks(page, axe)
