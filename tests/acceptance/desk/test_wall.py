"""The wall board in a real browser: renewed by itself, full screen at a press, and said to be old once it is."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from fanal.orient.alarms.operations.alarms import acknowledge_alarm
from fanal.orient.alarms.queries import waiting_alarms
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_board_renews_itself(open_as: OpenAs, axe: Axe, desk: Desk, lang: str) -> None:
    page = open_as("claire", f"/{lang}/desk/wall/")
    alerts = page.locator(".fd-wall-tile").first.locator(".fd-wall-number")
    assert alerts.inner_text() == "1"
    assert "Lyon" not in page.inner_text("body")
    expect(page.locator("[data-alarms] .fd-alarm button")).to_be_visible()
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    actor = desk.actor("claire")
    (ringing,) = waiting_alarms(actor=actor).alarms
    acknowledge_alarm(actor=actor, alarm_id=ringing.alarm.id, now=desk.now)
    expect(alerts).to_have_text("0")
    page.click("[data-full-screen]")
    expect(page.locator(".fd-bar")).to_be_hidden()
    assert page.locator(".fd-wall").evaluate("node => node.offsetWidth > 1200")


def test_figures_that_are_no_longer_renewed_say_so(open_as: OpenAs, desk: Desk) -> None:
    page = open_as("claire", "/en/desk/wall/")
    stale = page.locator("[data-wall-stale]")
    expect(stale).to_have_attribute("data-shown", re.compile("."))
    page.evaluate("document.querySelector('[data-wall-stale]').dataset.shown = Date.now() - 36000")
    expect(stale).to_be_visible()
    expect(stale).to_be_hidden()
