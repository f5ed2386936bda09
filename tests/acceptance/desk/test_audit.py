"""The search of the ledger in a real browser, on a phone too."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from fanal.accounts.row_scope import across_desks
from fanal.db import numbering
from fanal.kernel.actors import Role
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_who_read_a_report(open_as: OpenAs, axe: Axe, desk: Desk, lang: str) -> None:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    desk.users["anatole"] = make_user("anatole", Role.ANALYST)
    report_id = next(iter(desk.reports.values()))
    for _ in range(60):
        ledger.record(
            actor=desk.actor("ana"),
            action="report.read",
            at=desk.now,
            objects=[ObjectRef(kind="report", id=report_id)],
        )
    page = open_as("ines", f"/{lang}/account/ledger/", width=360)
    check(page, axe, lang)
    page.fill("#object", "R-2026-999999")
    go(page, ".fd-filters button")
    assert page.locator(".fn-note-warn").count() == 1
    check(page, axe, lang)
    page.fill("#object", "")
    page.fill("#who", "an")
    page.select_option("#act", "report.read")
    go(page, ".fd-filters button")
    check(page, axe, lang)
    go(page, "main li a:text-is('Ana')")
    rows = page.locator(".fd-table tbody tr")
    assert rows.count() == 50
    with across_desks():
        number = numbering.numbers_of(numbering.REPORTS, [report_id])[report_id]
    assert number in rows.first.inner_text()
    check(page, axe, lang)
    page.set_viewport_size({"width": 360, "height": 800})
    go(page, "[rel=next]")
    assert rows.count() == 10
    check(page, axe, lang)
    go(page, f".fd-table tbody tr:first-child a:text-is('{number}')")
    assert page.input_value("#object") == number
    assert page.input_value("#act") == ""
