"""Rows of the queue in a browser: compact ones, accessible, twenty on a screen of 1440 by 900."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.public.test_look import assert_looks
from tests.integration.desk.story import GAME, Desk, add_reports

pytestmark = pytest.mark.django_db(transaction=True)
WHOLE = """rows => rows.filter(row => {
  const at = row.getBoundingClientRect();
  return at.top >= 0 && at.bottom <= innerHeight;
}).length"""
OVER = """rows => rows.filter(row => {
  const right = node => node.getBoundingClientRect().right;
  const clock = row.querySelector(".fd-row-first > :last-child").getBoundingClientRect();
  return row.scrollWidth > row.clientWidth || right(row.querySelector(".fd-row-facts")) > clock.left;
}).length"""


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_twenty_compact_rows_stand_on_a_screen(
    open_as: Callable[..., Page], axe: Callable[..., list[str]], desk: Desk, lang: str
) -> None:
    """The choice is kept; nothing of a compact row is cut off but the ends of its words."""
    more = [(f"more{number}", 60 + number, GAME | {"conversation": []}) for number in range(16)]
    distinct = [
        (
            name,
            age,
            body | {"description": f"Soir {name}.", "persons": [{"role": "VICTIM", "age": 8}]},
        )
        for name, age, body in more
    ]
    add_reports(desk, distinct)
    page = open_as("ana", f"/{lang}/desk/", width=1440)
    assert page.locator(".fd-row-said q").count() >= 20
    assert_looks(page, axe)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click(".fd-density button")
    expect(page.locator(".fd-work-dense")).to_be_visible()
    assert page.locator(".fd-alarm").is_visible()
    assert page.locator("[data-row]").evaluate_all(WHOLE) >= 20
    assert page.locator("[data-row]").evaluate_all(OVER) == 0
    assert_looks(page, axe)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.wait_for_url("**/reports/**")
    page.goto(page.url.partition("reports/")[0])
    page.click(".fd-density button")
    expect(page.locator(".fd-work-dense")).to_have_count(0)
