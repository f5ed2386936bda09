"""The form for a report told to the desk, in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_call_is_entered_from_the_menu(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    page = open_as("ana", f"/{lang}/desk/")
    go(page, f"nav a[href='/{lang}/desk/entry/']")
    check(page, axe, lang)
    go(page, "#report button[type=submit]")
    assert page.locator("#errors").evaluate("node => node === document.activeElement")
    check(page, axe, lang)
    for name, code in (
        ("whom", "CHILD"), ("way", "PHONE"), ("danger", "YES"), ("kind", "SEXTORTION"), ("contact", "ANONYMOUS"),
    ):  # fmt: skip
        page.check(f"input[name={name}][value={code}]")
    page.fill("#description", "Told on the telephone.")
    go(page, "#report button[type=submit]")
    assert page.locator(".fd-entry-code code").count() == 1
    check(page, axe, lang)
