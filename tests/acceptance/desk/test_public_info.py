"""An administrator checks the numbers and sets the hours of the public pages, in a real browser."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from fanal.kernel.actors import Role
from fanal.web.components.public_info import forget
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go, twice
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def read_again() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_numbers_and_hours(open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str) -> None:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    page = open_as("ines", f"/{lang}/account/public/", width=360)
    assert page.locator("[aria-labelledby=numbers] tbody tr").count() == 5
    assert page.locator("[value=HIDDEN]").count() == 2
    check(page, axe, lang)
    _open(page, 0)
    page.fill("#source-17", "service-public.fr, 2 December 2026")
    with page.expect_navigation():
        twice(page, "[aria-labelledby=numbers] tbody tr:first-child button")
    assert "service-public.fr" in page.inner_text("[aria-labelledby=numbers] tbody tr:first-child")
    check(page, axe, lang)
    _open(page, 4)
    go(page, "[aria-labelledby=numbers] tbody tr:last-child .btn-outline-danger")
    assert page.locator("[value=HIDDEN]").count() == 1
    page.fill("#opens0", "09:00")
    page.fill("#closes0", "08:00")
    page.fill("#closed", "25/12/2026")
    go(page, "[aria-labelledby=hours] button[type=submit]")
    assert page.locator("[role=alert]").count() == 1
    assert page.input_value("#opens0") == "09:00"
    check(page, axe, lang)
    for number in range(5):
        page.fill(f"#opens{number}", "09:00")
        page.fill(f"#closes{number}", "18:30")
    page.check("[name=shown]")
    go(page, "[aria-labelledby=hours] button[type=submit]")
    assert page.input_value("#closed") == "25/12/2026"
    check(page, axe, lang)
    page.goto(page.url.split(f"/{lang}/")[0] + f"/{lang}/")
    assert page.locator("[href='tel:3018']").count() == 0
    assert "18" in page.inner_text(".fp-hours")
    check(page, axe, lang)


def _open(page: Page, row: int) -> None:
    page.locator("[aria-labelledby=numbers] tbody summary").nth(row).click()
