"""Marks in the charts of the statistics, their list, and a supervisor who writes one, in a real browser."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page

from fanal.kernel import clock
from fanal.kernel.calendar import paris_day
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go, twice
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_annotation_is_written_seen_and_removed(
    open_as: OpenAs, axe: Axe, desk: Desk, lang: str
) -> None:
    page = open_as("claire", f"/{lang}/desk/statistics/", width=360)
    before = page.locator("#annotations .fs-marks li").count()
    check(page, axe, lang)
    day = paris_day(clock.now()) - timedelta(days=1)
    page.click("#annotations .fd-panel-body > details > summary")
    page.fill("#annotation-words", "Panne du réseau")
    page.fill("#annotation-first", day.isoformat())
    page.fill("#annotation-last", (day - timedelta(days=1)).isoformat())
    go(page, "#annotations form.fd-narrow button")
    assert page.locator("[role=alert]").count() == 1
    assert page.input_value("#annotation-words") == "Panne du réseau"
    check(page, axe, lang)
    page.fill("#annotation-last", "")
    page.select_option("#annotation-kind", "OUTAGE")
    with page.expect_navigation():
        twice(page, "main form.fd-narrow button")
    assert "/statistics/#annotations" in page.url
    assert page.locator("#annotations .fs-marks li").count() == before + 1
    assert "Panne du réseau" in page.inner_text("#annotations .fs-marks")
    assert page.evaluate(
        "JSON.parse(document.getElementById('received-months-data').textContent).marks.length"
    )
    check(page, axe, lang)
    for path in ("statistics/trends/",):
        page.goto(page.url.split("/desk/")[0] + f"/desk/{path}")
        assert page.locator("#annotations").count() == 1
        check(page, axe, lang)
    page.goto(page.url.replace("trends/", ""))
    row = page.locator("#annotations .fs-marks li", has_text="Panne du réseau")
    row.locator("summary").click()
    with page.expect_navigation():
        row.locator("button").click()
    assert page.locator("#annotations .fs-marks li").count() == before


@pytest.mark.parametrize("lang", LANGUAGES)
def test_others_read_the_list(open_as: OpenAs, axe: Axe, desk: Desk, lang: str) -> None:
    page = open_as("ana", f"/{lang}/desk/statistics/", width=1440)
    assert page.locator("#annotations").count() == 1
    assert page.locator("#annotations form").count() == 0
    check(page, axe, lang)
