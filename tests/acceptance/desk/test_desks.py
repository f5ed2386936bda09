"""An administrator opens a desk, changes it, and closes it, in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from fanal.accounts.operations.desks import edit_desk
from fanal.kernel.actors import Role
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go, twice
from tests.integration.accounts.people import SYSTEM, make_user
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_desk_from_opening_to_closing(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    edit_desk(
        actor=SYSTEM,
        desk_id=2,
        now=desk.now,
        name_en="West branch",
        territory="Bretagne, Normandie",
    )
    page = open_as("ines", f"/{lang}/account/desks/", width=360)
    assert page.locator("tbody tr").count() == 2
    check(page, axe, lang)
    go(page, "a.btn-primary")
    check(page, axe, lang)
    page.fill("#code", "WEST")
    page.fill("#name", "Antenne Est")
    go(page, "main button[type=submit].btn-primary")
    assert page.locator("[role=alert]").count() == 1
    assert page.input_value("#name") == "Antenne Est"
    check(page, axe, lang)
    page.fill("#code", "est-2")
    with page.expect_navigation():
        twice(page, "main button[type=submit].btn-primary")
    check(page, axe, lang)
    page.fill("#contact", "+33 1 99 00 00 00")
    go(page, "[aria-labelledby=details] button")
    assert page.input_value("#contact") == "+33 1 99 00 00 00"
    go(page, "[aria-labelledby=end] button")
    check(page, axe, lang)
    go(page, "[aria-labelledby=end] button")
    page.goto(page.url.replace("/3/", "/2/"))
    assert page.locator("[aria-labelledby=end] form").count() == 0, "somebody is there"
    assert "Yann" in page.inner_text("[aria-labelledby=people]")
    check(page, axe, lang)
