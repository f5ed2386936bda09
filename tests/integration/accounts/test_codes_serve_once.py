"""A one-time code passes once for as long as the tolerance would accept it, wherever it is shown."""

import re
import time
from collections.abc import Callable

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client

from fanal.kernel.actors import Role
from fanal.web.account import second_factor
from tests.integration.accounts.people import PASSWORD, Make

pytestmark = [pytest.mark.django_db, pytest.mark.ignore_template_errors]
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PERIOD = 30
ACTIVATE = "/fr/account/second-factor/totp/activate/"
Show = Callable[[str], bool]


@pytest.fixture
def user(make_user: Make) -> AbstractBaseUser:
    made = make_user("claire", Role.SUPERVISOR)
    TOTP.activate(made, SECRET)
    return made


def _at_command(user: AbstractBaseUser) -> Show:
    return lambda code: second_factor.passes(user=user, code=code)


def _at_sign_in(_user: AbstractBaseUser) -> Show:
    """Each code in a browser of its own."""

    def show(code: str) -> bool:
        browser = Client()
        step = browser.post("/fr/login/", {"login": "claire", "password": PASSWORD})["Location"]
        browser.post(step, {"code": code})
        return browser.get("/fr/account/habilitations/").status_code == 200

    return show


def _at_step_up(_user: AbstractBaseUser) -> Show:
    """All codes in one browser, which has passed with the code of the period before."""
    browser = Client()
    step = browser.post("/fr/login/", {"login": "claire", "password": PASSWORD})["Location"]
    assert browser.post(step, {"code": _code(-1)}).status_code == 302
    return lambda code: (
        browser.post("/fr/account/second-factor/reauthenticate/", {"code": code}).status_code == 302
    )


def _code(steps: int) -> str:
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // PERIOD + steps))


@pytest.mark.parametrize("place", [_at_command, _at_sign_in, _at_step_up])
@pytest.mark.parametrize("later", [33, 61, 89])
def test_a_code_serves_once(
    user: AbstractBaseUser, place: Callable[[AbstractBaseUser], Show], later: int
) -> None:
    start = int(time.time()) // PERIOD * PERIOD
    with time_machine.travel(start, tick=False) as clock:
        show = place(user)
        code = _code(1)  # of a clock that is one period ahead: accepted for three of them
        assert show(code)
        clock.shift(2)
        assert not show(code)
        clock.shift(later - 2)
        assert not show(code), "it served already"
        assert not show(f"{code[:3]} {code[3:]}"), "nor in another spelling"
        assert show(_code(1)), "another code passes"


def test_the_code_that_enrols_a_factor_does_not_sign_in(make_user: Make) -> None:
    """Whoever saw it typed has the password's other half for a minute: RFC 6238 section 5.2 takes a code once."""
    make_user("claire", Role.SUPERVISOR)
    start = int(time.time()) // PERIOD * PERIOD
    with time_machine.travel(start, tick=False) as clock:
        own, other = Client(), Client()
        own.post("/fr/login/", {"login": "claire", "password": PASSWORD})
        own.post("/fr/account/again/", {"password": PASSWORD})
        page = own.get(ACTIVATE).content.decode()
        secret = re.findall(r"\b[A-Z2-7]{32}\b", page)[0]
        code = format_hotp_value(hotp_value(secret, start // PERIOD))
        assert own.post(ACTIVATE, {"code": code}).status_code == 302
        assert own.get("/fr/account/habilitations/").status_code == 200
        step = other.post("/fr/login/", {"login": "claire", "password": PASSWORD})["Location"]
        other.post(step, {"code": code})
        assert other.get("/fr/account/habilitations/").status_code == 302
        clock.shift(PERIOD)
        later = format_hotp_value(hotp_value(secret, start // PERIOD + 1))
        assert other.post(step, {"code": later}).status_code == 302
        assert other.get("/fr/account/habilitations/").status_code == 200
