"""Sensitive acts ask for a fresh second factor; nothing is recorded before, nothing typed is lost."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import Client

from fanal.accounts.models import Habilitation
from fanal.kernel.actors import Role
from fanal.web.account import second_factor
from tests.integration.accounts.people import PASSWORD, Make

pytestmark = [pytest.mark.django_db, pytest.mark.ignore_template_errors]
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def claire(web: Client, make_user: Make) -> Client:
    """A supervisor who has just passed her second factor."""
    user = make_user("claire", Role.SUPERVISOR)
    make_user("ana", Role.ANALYST, at=datetime.now(UTC) - timedelta(days=100))
    TOTP.activate(user, SECRET)
    step = web.post("/fr/login/", {"login": "claire", "password": PASSWORD})["Location"]
    assert web.post(step, {"code": _code(0)}).status_code == 302
    return web


def _code(steps: int) -> str:
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30 + steps))


def _age(web: Client, by: timedelta) -> None:
    """Make what the session has passed older."""
    session = web.session
    for record in session[AUTHENTICATION_METHODS_SESSION_KEY]:
        record["at"] -= by.total_seconds()
    session.save()


def _act(web: Client) -> object:
    held = Habilitation.objects.get(person__name="Ana")
    return web.post(f"/en/account/habilitations/{held.id}/revoke/", {"reason": "MOVED"})


def test_a_fresh_factor_serves(claire: Client) -> None:
    assert "requires a second factor" not in _form(claire)
    assert _act(claire).status_code == 302
    assert Habilitation.objects.get(person__name="Ana").revocation.reason_code == "MOVED"


def test_an_old_one_is_asked_again_and_what_was_typed_stays(claire: Client) -> None:
    _age(claire, second_factor.DEFAULT_FRESH + timedelta(seconds=5))
    assert "requires a second factor" in _form(claire)
    answer = _act(claire)
    assert answer.status_code == 403
    body = answer.content.decode()
    assert not hasattr(Habilitation.objects.get(person__name="Ana"), "revocation")
    assert '<input type="hidden" name="reason" value="MOVED">' in body
    assert body.count("csrfmiddlewaretoken") == 1
    assert "reason" not in str(dict(claire.session)), "nothing of it is kept on the server"
    again = re.search(r'href="(/en/account/second-factor/reauthenticate/\?next=[^"]+)"', body)
    assert again
    assert Authenticator.objects.filter(type="totp").count() == 1
    confirmed = claire.post(again[1], {"code": _code(1)})
    assert confirmed["Location"] == "/en/account/"
    assert _act(claire).status_code == 302


def test_pages_are_read_without_asking_again(claire: Client) -> None:
    _age(claire, timedelta(hours=3))
    assert claire.get("/en/account/habilitations/").status_code == 200
    assert claire.get("/en/desk/").status_code == 200


def test_a_program_of_the_page_gets_a_plain_refusal(claire: Client) -> None:
    _age(claire, timedelta(hours=3))
    held = Habilitation.objects.get(person__name="Ana")
    path = f"/en/account/habilitations/{held.id}/revoke/"
    answer = claire.post(path, {"reason": "MOVED"}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()) == (403, {"error": "second factor"})


def test_the_setting_says_how_old(claire: Client) -> None:
    second_factor.install(required=True, fresh=timedelta(hours=4))
    try:
        _age(claire, timedelta(hours=3))
        assert _act(claire).status_code == 302
    finally:
        second_factor.install(required=True)


def test_a_demo_asks_for_none(web: Client, make_user: Make, no_second_factor: None) -> None:
    make_user("claire", Role.SUPERVISOR)
    make_user("ana", Role.ANALYST)
    web.post("/fr/login/", {"login": "claire", "password": PASSWORD})
    assert _act(web).status_code == 302


def _form(web: Client) -> str:
    held = Habilitation.objects.get(person__name="Ana")
    return web.get(f"/en/account/habilitations/{held.id}/").content.decode()
