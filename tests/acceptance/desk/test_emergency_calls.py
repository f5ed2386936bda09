"""The call to the emergency services in a real browser: from the alarm to the recorded call, in two clicks."""

import os
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from fanal.intake.queries.envelopes import report_number
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]
WORDS = {
    "fr": ("appel au 17 non enregistré", "12 ans", "Personne n’a répondu", "CIC 69, poste 4"),
    "en": ("call to the 17 not recorded", "aged 12", "Nobody answered", "CIC 69, desk 4"),
}
LINE, CALL = "[data-alarms] .fd-alarm", "section[data-call]"


def take(page: Page) -> None:
    """Take the alarm of the line; what has just come takes no click."""
    page.wait_for_timeout(800)
    go(page, f"{LINE} button")


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_from_the_alarm_to_the_recorded_call(
    open_as: OpenAs, axe: Axe, desk: Desk, lang: str, width: int
) -> None:
    missing, age, nobody, service = WORDS[lang]
    page = open_as("ana", f"/{lang}/desk/", width=width)
    if width == 1440:
        expect(page.locator(LINE)).to_contain_text(missing)
    take(page)
    panel = page.locator(CALL)
    expect(panel.locator(".fd-call-first")).to_have_text("17")
    expect(panel.locator(".fd-call-first")).to_be_in_viewport()
    assert panel.locator(".fd-call-first").bounding_box()["height"] > 60
    for fact in (age, "Lyon", "renard_77", report_number(report_id=desk.reports["danger"])):
        expect(panel.locator("dl").first).to_contain_text(fact)
    if width == 1440:
        expect(panel.locator("button[value=answer]")).to_be_in_viewport()
    expect(page.locator(f"{LINE}[data-calls]")).to_be_visible()
    assert page.locator("[data-alarm]").count() == 0  # no sound
    check(page, axe, lang)
    shown(page, f"report-{lang}-{width}", width)

    go(page, f"{CALL} button[value=miss]")
    expect(page.locator(CALL)).to_contain_text(re.compile(nobody, re.I))
    expect(page.locator(f"{LINE}[data-calls]")).to_be_visible()
    check(page, axe, lang)
    shown(page, f"missed-{lang}-{width}", width)
    page.fill("#answered-by", service)
    go(page, f"{CALL} button[value=answer]")
    page.wait_for_url(f"**/{lang}/desk/reports/{desk.reports['danger']}/")
    expect(page.locator(LINE)).to_have_count(0)
    expect(page.locator("[data-called]")).to_contain_text(service)
    check(page, axe, lang)
    shown(page, f"recorded-{lang}-{width}", width)
    go(page, "[data-called] a")
    expect(page.locator("main")).to_contain_text(service)
    check(page, axe, lang)
    shown(page, f"act-{lang}-{width}", width)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_who_answered_is_asked_and_the_call_stays_first(
    open_as: OpenAs, axe: Axe, desk: Desk, lang: str
) -> None:
    page = open_as("ana", f"/{lang}/desk/")
    take(page)
    page.fill("#call-at", "2026-01-01T09:00")
    go(page, f"{CALL} button[value=answer]")
    expect(page.locator(".fd-refused")).to_be_visible()
    assert page.input_value("#call-at") == "2026-01-01T09:00"
    check(page, axe, lang)
    for name, place in (("driss", "referrals"), ("ana", "notices"), ("ana", "calls")):
        page = open_as(name, f"/{lang}/desk/{place}/")
        first = page.locator("main a[href*='/desk/calls/']").first
        expect(first).to_be_visible()
        check(page, axe, lang)
        shown(page, f"inbox-{place}-{lang}")
    page.click("[data-alarms] summary")
    expect(page.locator("[data-call-row]")).to_contain_text(re.compile(WORDS[lang][0], re.I))
    shown(page, f"drawer-{lang}")
    go(page, "main table a[href*='/desk/calls/']")
    page.click(".fd-call-none summary")
    page.fill("#no-call", "The child is home.")
    go(page, ".fd-call-none button")
    expect(page.locator(LINE)).to_have_count(0)
    expect(page.locator("[data-called]")).to_contain_text("The child is home.")


def test_who_opens_the_report_before_the_alarm_sees_the_number_too(
    open_as: OpenAs, desk: Desk
) -> None:
    page = open_as("ana", f"/fr/desk/reports/{desk.reports['danger']}/")
    expect(page.locator(".fd-call-first")).to_have_text("17")
    go(page, f"{CALL} button[value=answer]")
    expect(page.locator(".fd-refused")).to_be_visible()
    page.fill("#answered-by", "CIC 69")
    go(page, f"{CALL} button[value=answer]")
    expect(page.locator("[data-called]")).to_contain_text("CIC 69")
    expect(page.locator(LINE)).to_have_count(0)


def test_a_person_calls_without_an_alarm(open_as: OpenAs, desk: Desk) -> None:
    page = open_as("ana", f"/fr/desk/reports/{desk.reports['game']}/")
    go(page, "form[action$='/call/'] button")
    expect(page.locator(".fd-call-first")).to_have_text("17")
    expect(page.locator(CALL)).to_contain_text("12 ans")


def shown(page: Page, name: str, width: int = 1440) -> None:
    folder = os.environ.get("SHOTS")
    if folder:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=f"{folder}/{name}-{scheme}.png", full_page=True)
        page.emulate_media(color_scheme="light")
