"""A supervisor places a legal hold, keeps it at its review and lifts it, in a real browser."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page

from fanal.intake.operations.holds import place_hold
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.calendar import paris_day
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go, twice
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_hold_from_its_placing_to_its_end(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    before = desk.now - timedelta(days=200)
    desk.users["olga"] = make_user("olga", Role.SUPERVISOR, at=before)
    place_hold(
        actor=desk.actor("olga"),
        report_id=desk.reports["stream"],
        motive="Procédure 2026/114.",
        now=before,
        review_on=paris_day(desk.now) - timedelta(days=3),
    )
    report_id = desk.reports["game"]
    facts = get_reports(actor=system_actor("test"), report_ids=[report_id])
    page = open_as("claire", f"/{lang}/desk/holds/", width=360)
    assert page.locator("tbody tr").count() == 1
    check(page, axe, lang)
    page.fill("#report", facts[report_id].called)
    go(page, "main form button")
    check(page, axe, lang)
    page.fill("#motive", "Réquisition du 1er décembre.")
    with page.expect_navigation():
        twice(page, "[aria-labelledby=place] button")
    page.wait_for_selector("[aria-labelledby=h-1]")
    assert page.locator("[aria-labelledby^=h-]").count() == 1, "pressed twice, placed once"
    page.goto(page.url)
    check(page, axe, lang)
    page.fill("#motive-1", "L’affaire est en cours.")
    go(page, "[aria-labelledby=h-1] button.btn-primary")
    check(page, axe, lang)
    page.fill("#motive-1", "Jugement définitif.")
    go(page, "[aria-labelledby=h-1] button.btn-outline-danger")
    assert page.locator("[aria-labelledby^=h-]").count() == 0
    assert "Jugement définitif." in page.inner_text("[aria-labelledby=lifted]")
    check(page, axe, lang)
    page.goto(page.url.partition("/holds/")[0] + "/holds/?due=1")
    assert page.locator("tbody tr").count() == 1
    check(page, axe, lang)
