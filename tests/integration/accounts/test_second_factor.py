"""Second factors enrolled and used through the pages: one-time codes, and a key made of software."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from fanal.kernel.actors import Role
from fanal.ledger.domain import canonical
from fanal.web.account import second_factor
from tests.integration.accounts.keys import SoftwareKey, options_of
from tests.integration.accounts.people import PASSWORD, Make

pytestmark = [pytest.mark.django_db, pytest.mark.ignore_template_errors]

FACTORS = "/fr/account/second-factor/"


@pytest.fixture
def claire(web: Client, make_user: Make) -> Client:
    """A supervisor who has signed in, and given the password again as the page asks."""
    make_user("claire", Role.SUPERVISOR)
    web.post("/fr/login/", {"login": "claire", "password": PASSWORD})
    asked = web.get(f"{FACTORS}totp/activate/")
    assert asked["Location"].startswith("/fr/account/again/")
    web.post("/fr/account/again/", {"password": PASSWORD})
    return web


def _again(make_user: Make) -> tuple[Client, str]:
    browser = Client(headers={"X-Forwarded-Proto": "https", "Host": "testserver"})
    answer = browser.post("/fr/login/", {"login": "claire", "password": PASSWORD})
    return browser, answer["Location"]


def test_one_time_codes_from_enrolment_to_use(claire: Client, make_user: Make) -> None:
    page = claire.get(f"{FACTORS}totp/activate/").content.decode()
    secret = re.search(r'value="([A-Z2-7]{32})"', page)
    assert secret
    assert 'src="data:image/svg+xml' in page
    now = int(time.time()) // 30
    code = format_hotp_value(hotp_value(secret[1], now))
    done = claire.post(f"{FACTORS}totp/activate/", {"code": code})
    assert done.status_code == 302
    assert Authenticator.objects.filter(type="totp").count() == 1
    browser, step = _again(make_user)
    assert step == f"{FACTORS}authenticate/"
    code = format_hotp_value(hotp_value(secret[1], now + 1))
    assert browser.post(step, {"code": code}).status_code == 302
    assert browser.get("/fr/account/habilitations/").status_code == 200
    replayed, step = _again(make_user)
    assert replayed.post(step, {"code": code}).status_code == 200, "a code serves once"
    assert replayed.get("/fr/account/").status_code == 302


@pytest.mark.parametrize("page", ["", "totp/activate/", "webauthn/", "webauthn/add/"])
def test_no_browser_keeps_a_page_of_the_factors(claire: Client, page: str) -> None:
    """One of them shows the secret itself."""
    answer = claire.get(f"{FACTORS}{page}")
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


def test_a_machine_without_the_secret_says_so_to_who_has_a_second_factor(
    claire: Client, make_user: Make
) -> None:
    page = claire.get(f"{FACTORS}totp/activate/").content.decode()
    secret = re.search(r'value="([A-Z2-7]{32})"', page)
    assert secret
    now = int(time.time()) // 30
    enrolling, code = (format_hotp_value(hotp_value(secret[1], now + n)) for n in (0, 1))
    claire.post(f"{FACTORS}totp/activate/", {"code": enrolling})
    browser, step = _again(make_user)
    browser.raise_request_exception = False
    second_factor.install_key(secret="what a restore made anew, in place of the first")
    try:
        answer = browser.post(step, {"code": code})
    finally:
        second_factor.install_key(secret=settings.SECRET_KEY)
    assert answer.status_code == 503
    assert "secret_key" in answer.content.decode()
    assert browser.post(step, {"code": code}).status_code == 302


def test_a_security_key_from_enrolment_to_use(claire: Client, make_user: Make) -> None:
    key = SoftwareKey()
    page = claire.get(f"{FACTORS}webauthn/add/").content.decode()
    answer = key.register(options_of(page))
    added = claire.post(f"{FACTORS}webauthn/add/", {"name": "My key", "credential": answer})
    assert added.status_code == 302, added.content.decode()
    assert Authenticator.objects.filter(type="webauthn").count() == 1
    browser, step = _again(make_user)
    stranger = key.authenticate(
        options_of(browser.get(step).content.decode()), origin="https://evil.example"
    )
    assert browser.post(step, {"credential": stranger}).status_code == 200
    assert browser.get("/fr/account/").status_code == 302
    assert _refusals() == ["KEY"]
    right = key.authenticate(options_of(browser.get(step).content.decode()))
    assert browser.post(step, {"credential": right}).status_code == 302
    assert browser.get("/fr/account/habilitations/").status_code == 200
    replayed, step = _again(make_user)
    replayed.get(step)
    assert replayed.post(step, {"credential": right}).status_code == 200
    assert replayed.get("/fr/account/").status_code == 302
    again = reverse("mfa_reauthenticate_webauthn")
    browser.get(again)
    browser.post(again, {"credential": right})
    assert _refusals() == ["KEY"] * 3


def test_refused_keys_above_the_limit_add_no_rows(claire: Client, make_user: Make) -> None:
    page = claire.get(f"{FACTORS}webauthn/add/").content.decode()
    answer = SoftwareKey().register(options_of(page))
    claire.post(f"{FACTORS}webauthn/add/", {"name": "My key", "credential": answer})
    browser, step = _again(make_user)
    for credential in ("{}", "no JSON", "[]", "{}", "{}", "{}", "{}", "{}"):
        browser.get(step)
        assert browser.post(step, {"credential": credential}).status_code in {200, 429}
    assert _refusals() == ["KEY"] * 6


def _refusals() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT body FROM ledger_entry WHERE action = 'account.sign_in_refused' ORDER BY id"
        )
        return [canonical.decode(bytes(row[0])).detail["step"] for row in cursor.fetchall()]
