"""A reset of a person's sign-in in real browsers: proposed by one person, confirmed by another, typed by a third."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from fanal.kernel.actors import Role
from tests.acceptance.conftest import Visit
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_two_people_reset_a_sign_in(
    open_as: OpenAs, visit: Visit, axe: Axe, desk: Desk, lang: str
) -> None:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    page = open_as("ines", f"/{lang}/account/people/", width=360)
    check(page, axe, lang)
    page.fill("#q", "ana")
    go(page, ".fd-filters button")
    go(page, ".fd-table tbody a")
    check(page, axe, lang)
    page.check("[name=factors][value='1']")
    page.select_option("#reason", "LOST")
    go(page, "form[action$='/reset/'] button")
    first = page.inner_text("[data-half]")
    check(page, axe, lang)
    assert page.locator("form[action$='/confirm/']").count() == 0, "nobody confirms their own"
    second_page = open_as("claire", f"/{lang}/account/resets/")
    go(second_page, ".fd-table tbody a")
    go(second_page, "form[action$='/confirm/'] button")
    second = second_page.inner_text("[data-half]")
    check(second_page, axe, lang)
    hers = visit(f"/{lang}/login/")
    hers.fill("[name=login]", "ana")
    hers.fill("[name=password]", f"{first}-{second}")
    go(hers, "main form button[type=submit]")
    assert "/home/" in hers.url
