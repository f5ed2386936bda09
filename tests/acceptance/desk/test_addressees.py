"""The directory of addressees in a real browser: added, refused, confirmed by another person, found again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from fanal.kernel.actors import Role
from fanal.kernel.calendar import paris_day
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.desk.test_notices import shown
from tests.acceptance.steps import go
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = {
    "fr": ("point de contact des autorités", "À confirmer", "Confirmé"),
    "en": ("contact point for authorities", "To confirm", "Confirmed"),
}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_from_the_empty_directory_to_a_confirmed_address(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    unread, waits, confirmed = WORDS[lang]
    desk.users["marc"] = make_user("marc", Role.MEASURES_OFFICER, at=desk.now - timedelta(days=30))
    page = open_as("marc", f"/{lang}/desk/addressees/")
    check(page, axe, lang)
    go(page, "a[href$='/addressees/add/']")
    check(page, axe, lang)
    page.check("input[name=kind][value=HOST]")
    page.fill("#name", "Example Host")
    page.fill("#contact_point", "orders")
    page.fill("#domain", "host.example\npictures.example")
    page.fill("#prefix", "192.0.2.0/24")
    page.fill("#source", "Legal notice")
    page.fill("#source_date", str(paris_day(datetime.now(UTC))))
    go(page, "form.fd-form button[type=submit]")
    expect(page.locator("[role=alert]")).to_contain_text(unread)
    assert page.input_value("#domain") == "host.example\npictures.example"
    check(page, axe, lang)
    page.fill("#contact_point", "orders@host.example")
    go(page, "form.fd-form button[type=submit]")
    expect(page.locator(".fd-status")).to_contain_text(waits)
    check(page, axe, lang)
    address = page.url.partition(f"/{lang}/")[2]
    page = open_as("claire", f"/{lang}/{address}")
    go(page, "form[action$='/confirm/'] button")
    expect(page.locator(".fd-status")).to_contain_text(confirmed)
    check(page, axe, lang)
    shown(page, f"addressee-{lang}")
    page = open_as("ana", f"/{lang}/desk/addressees/?q=pictures.example")
    expect(page.locator("table")).to_contain_text("Example Host")
    check(page, axe, lang)
    shown(page, f"addressees-{lang}")
