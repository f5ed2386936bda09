"""A sign-in that waits for its second factor ends with the password, the factors or the account it began with."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import Client

from fanal.accounts.models import User
from fanal.accounts.operations.changes import close_account
from fanal.kernel.actors import Role
from fanal.web.account import devices
from tests.integration.accounts.people import PASSWORD, SYSTEM, Make, reset

pytestmark = [pytest.mark.django_db, pytest.mark.ignore_template_errors]
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
OTHER = "another long sentence that opens"
SIGN_IN = "/fr/login/"
CODE_PAGE = "/fr/account/second-factor/authenticate/"


def _code(steps: int = 0) -> str:
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30 + steps))


def _waiting(password: str = PASSWORD) -> Client:
    """A browser that gave the password and stands at the page of the code."""
    browser = Client(headers={"X-Forwarded-Proto": "https"})
    answer = browser.post(SIGN_IN, {"login": "ana", "password": password})
    assert answer["Location"] == CODE_PAGE
    return browser


def _own_change(_user: User) -> None:
    """The person changes their password in another browser."""
    browser = _waiting()
    assert browser.post(CODE_PAGE, {"code": _code()}).status_code == 302
    typed = {"oldpassword": PASSWORD, "password1": OTHER, "password2": OTHER}
    assert browser.post("/fr/account/password/", typed).status_code == 302


def _own_end(_user: User) -> None:
    """The person ends their sessions in another browser."""
    browser = _waiting()
    assert browser.post(CODE_PAGE, {"code": _code()}).status_code == 302
    assert browser.post("/fr/account/sessions/end/").status_code == 302


def _own_factor(_user: User) -> None:
    """The person makes new recovery codes in another browser."""
    browser = _waiting()
    assert browser.post(CODE_PAGE, {"code": _code()}).status_code == 302
    browser.post("/fr/account/again/", {"password": PASSWORD})
    made = browser.post("/fr/account/second-factor/recovery-codes/generate/")
    assert made.status_code == 302


def _closed(user: User) -> None:
    close_account(actor=SYSTEM, person_id=user.person_id, now=datetime.now(UTC))


CHANGES: list[Callable[[User], object]] = [
    reset,
    lambda user: reset(user, factors=True),
    _own_change,
    _own_end,
    _own_factor,
    _closed,
]


@pytest.fixture
def ana(make_user: Make) -> User:
    """An analyst with one-time codes, and the supervisor who confirms resets."""
    make_user("claire", Role.SUPERVISOR)
    user = make_user("ana", Role.ANALYST)
    TOTP.activate(user, SECRET)
    return user


@pytest.mark.parametrize("change", CHANGES)
def test_a_sign_in_begun_before_a_change_does_not_go_on(
    ana: User, change: Callable[[User], object]
) -> None:
    thief = _waiting()
    change(ana)
    answer = thief.post(CODE_PAGE, {"code": _code()})
    assert (answer.status_code, answer["Location"]) == (302, SIGN_IN)
    page = thief.get(SIGN_IN)
    assert page.status_code == 200
    assert "recommencez" in page.content.decode()
    assert thief.get("/fr/account/").status_code == 302
    assert thief.get("/fr/desk/").status_code == 302


def test_a_change_between_the_look_and_the_sign_in_counts_too(
    ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard has looked already when the change comes."""
    thief = _waiting()
    reset(ana)
    monkeypatch.setattr(devices, "end_stale", lambda _request: None)
    answer = thief.post(CODE_PAGE, {"code": _code()})
    assert (answer.status_code, answer["Location"]) == (302, SIGN_IN)
    assert thief.get("/fr/account/").status_code == 302


def test_whoever_waits_for_a_code_gets_out_when_the_factors_are_taken_away(ana: User) -> None:
    browser = _waiting()
    new = reset(ana, factors=True)
    answer = browser.get(CODE_PAGE)
    assert (answer.status_code, answer["Location"]) == (302, SIGN_IN)
    assert browser.get(SIGN_IN).status_code == 200
    signed_in = browser.post(SIGN_IN, {"login": "ana", "password": new})
    assert signed_in["Location"] == "/fr/home/"
    assert browser.get("/fr/account/").status_code == 200


def test_the_new_password_is_taken_in_the_browser_that_waits(ana: User) -> None:
    browser = _waiting()
    new = reset(ana)
    assert browser.post(SIGN_IN, {"login": "ana", "password": new})["Location"] == CODE_PAGE
    assert browser.post(CODE_PAGE, {"code": _code()}).status_code == 302
    assert "recommencez" not in browser.get("/fr/account/").content.decode()
    assert browser.get("/fr/desk/").status_code == 200


def test_factors_that_are_gone_without_a_reset_lock_nobody_in(ana: User) -> None:
    """As a restore or raw SQL may leave them: nothing counted the sessions up."""
    browser = _waiting()
    Authenticator.objects.filter(user=ana).delete()
    assert browser.get(CODE_PAGE)["Location"] == SIGN_IN
    assert browser.get(SIGN_IN).status_code == 200


def test_a_sign_in_that_nothing_changed_goes_on(ana: User) -> None:
    first, second = _waiting(), _waiting()
    assert first.post(CODE_PAGE, {"code": _code()}).status_code == 302
    assert first.get("/fr/desk/").status_code == 200
    assert second.get(CODE_PAGE).status_code == 200, "a sign-in elsewhere changes nothing"
    assert second.get(SIGN_IN)["Location"] == CODE_PAGE
    assert second.post(CODE_PAGE, {"code": _code(1)}).status_code == 302
    assert second.get("/fr/desk/").status_code == 200
