"""Second factors are added and removed with a fresh one; other sessions end, and people are told."""

import email
import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from email import policy
from pathlib import Path

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.db import connection
from django.test import Client

from fanal.accounts.models import User
from fanal.accounts.operations.desks import ensure_desk
from fanal.connectors import mail
from fanal.kernel.actors import Role
from fanal.ledger.domain import canonical
from fanal.web.account import second_factor
from fanal.worker import sends
from tests.integration.accounts.people import PASSWORD, SYSTEM, Make

pytestmark = [pytest.mark.django_db, pytest.mark.ignore_template_errors]
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
FACTORS = "/fr/account/second-factor/"
AGAIN = "/fr/account/again/"
CHANGES = (
    "totp/activate/",
    "totp/deactivate/",
    "recovery-codes/generate/",
    "recovery-codes/",
    "recovery-codes/download/",
    "webauthn/add/",
)


@pytest.fixture
def mail_folder(tmp_path: Path) -> Iterator[Path]:
    """Where letters are left as files."""
    before = mail.current()
    mail.install(mail.Mailer(url="", sender="a@b.test", duty=("c@b.test",), folder=tmp_path))
    yield tmp_path
    mail.install(before)


def _browser() -> Client:
    return Client(headers={"X-Forwarded-Proto": "https"})


def _signed_in(login: str) -> Client:
    browser = _browser()
    browser.post("/fr/login/", {"login": login, "password": PASSWORD})
    return browser


def _code(secret: str, steps: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def _enrol(browser: Client) -> str:
    """Set up one-time codes through the pages; return the secret."""
    browser.post(AGAIN, {"password": PASSWORD})
    page = browser.get(f"{FACTORS}totp/activate/").content.decode()
    found = re.search(r'value="([A-Z2-7]{32})"', page)
    assert found
    done = browser.post(f"{FACTORS}totp/activate/", {"code": _code(found[1])})
    assert done.status_code == 302
    return found[1]


def _with_factor(make_user: Make) -> Client:
    """A supervisor's session that passed her second factor, and her password again."""
    TOTP.activate(make_user("claire", Role.SUPERVISOR), SECRET)
    browser = _browser()
    step = browser.post("/fr/login/", {"login": "claire", "password": PASSWORD})["Location"]
    assert browser.post(step, {"code": _code(SECRET)}).status_code == 302
    browser.post(AGAIN, {"password": PASSWORD})
    return browser


def _age(browser: Client) -> None:
    """Make the second factor of the session old; the password stays fresh."""
    session = browser.session
    for record in session[AUTHENTICATION_METHODS_SESSION_KEY]:
        if record["method"] == "mfa":
            record["at"] -= (second_factor.DEFAULT_FRESH + timedelta(minutes=1)).total_seconds()
    session.save()


def _entries() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT action, body FROM ledger_entry WHERE action LIKE 'account.factor%%' ORDER BY id"
        )
        return [(a, canonical.decode(bytes(b)).detail["factor"]) for a, b in cursor.fetchall()]


def test_enrolment_ends_every_other_session(make_user: Make) -> None:
    make_user("claire", Role.SUPERVISOR)
    stolen = _signed_in("claire")
    own = _signed_in("claire")
    _enrol(own)
    assert stolen.get("/fr/account/").status_code == 302, "the session of the password is over"
    assert own.get("/fr/account/").status_code == 200, "whoever enrolled stays"
    assert ("account.factor_added", "totp") in _entries()


def test_a_password_alone_manages_no_factor(make_user: Make) -> None:
    """A session without the second factor, however it lives on, reaches none of its pages."""
    user = make_user("claire", Role.SUPERVISOR)
    stolen = _signed_in("claire")
    TOTP.activate(user, SECRET)  # by another node: the epoch is as it was
    stolen.post(AGAIN, {"password": PASSWORD})
    for path in CHANGES:
        answer = stolen.get(FACTORS + path)
        assert answer.status_code == 302, path
        assert answer["Location"].startswith(f"{FACTORS}reauthenticate/"), path
        assert stolen.post(FACTORS + path).status_code == 403, path
    assert list(Authenticator.objects.values_list("type", flat=True)) == ["totp"]


def test_an_old_factor_is_asked_again(make_user: Make) -> None:
    browser = _with_factor(make_user)
    assert browser.get(f"{FACTORS}totp/deactivate/").status_code == 200
    _age(browser)
    for path in CHANGES:
        assert browser.get(FACTORS + path)["Location"].startswith(f"{FACTORS}reauthenticate/")
        assert browser.post(FACTORS + path).status_code == 403, path
    assert browser.get("/fr/account/password/")["Location"].startswith(f"{FACTORS}reauthenticate/")
    assert Authenticator.objects.filter(type="totp").exists()
    assert browser.get(FACTORS).status_code == 200, "the list itself is read"


@pytest.mark.parametrize("old", [True, False])
def test_what_waited_for_the_password_is_asked_anew(make_user: Make, old: bool) -> None:
    """The library keeps a form until the password is given: whoever gives it then does what it says."""
    browser = _with_factor(make_user)
    session = browser.session
    for record in session[AUTHENTICATION_METHODS_SESSION_KEY]:
        record.pop("reauthenticated", None)
    session.save()
    again = browser.post(f"{FACTORS}totp/deactivate/")["Location"]
    assert again.startswith(AGAIN)
    if old:
        _age(browser)
    answer = browser.post(again, {"password": PASSWORD})
    assert answer["Location"] == f"{FACTORS}totp/deactivate/"
    assert Authenticator.objects.filter(type="totp").exists()
    assert browser.get(answer["Location"]).status_code == (302 if old else 200)
    asked = browser.post(answer["Location"]).status_code
    assert (asked, Authenticator.objects.filter(type="totp").exists()) == (
        (403, True) if old else (302, False)
    )


def test_removal_is_recorded_and_ends_the_other_sessions(make_user: Make) -> None:
    browser = _with_factor(make_user)
    other = _browser()
    step = other.post("/fr/login/", {"login": "claire", "password": PASSWORD})["Location"]
    assert other.post(step, {"code": _code(SECRET, 1)}).status_code == 302
    assert other.get("/fr/account/").status_code == 200
    assert browser.post(f"{FACTORS}totp/deactivate/").status_code == 302
    assert other.get("/fr/account/").status_code == 302
    assert browser.get("/fr/account/").status_code == 200
    assert ("account.factor_removed", "totp") in _entries()


def _letters() -> list[dict[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT args::text FROM procrastinate_jobs WHERE task_name = 'tell_factor' ORDER BY id"
        )
        return [json.loads(row[0]) for row in cursor.fetchall()]


def test_a_changed_password_is_recorded_told_and_ends_the_other_sessions(
    make_user: Make, mail_folder: Path
) -> None:
    user = make_user("ana", Role.ANALYST)
    User.objects.filter(pk=user.pk).update(email="ana@desk.example")
    browser, other = _signed_in("ana"), _signed_in("ana")
    new = "another long sentence that opens"
    typed = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert browser.post("/fr/account/password/", typed).status_code == 302
    assert browser.get("/fr/account/").status_code == 200
    assert other.get("/fr/account/").status_code == 302
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM ledger_entry WHERE action = 'account.change'")
        [(entry,)] = cursor.fetchall()
    assert canonical.decode(bytes(entry)).detail == {"changed": "PASSWORD"}
    [job] = _letters()
    sends.tell_factor(**job)
    (letter,) = mail_folder.iterdir()
    message = email.message_from_bytes(letter.read_bytes(), policy=policy.default)
    assert message["To"] == "ana@desk.example"
    assert "Le mot de passe du compte de Ana vient d’être changé" in message.get_content()


def test_the_person_and_their_supervisors_are_told(make_user: Make, mail_folder: Path) -> None:
    ensure_desk(actor=SYSTEM, desk_id=2, code="WEST", name="West")
    for login, role, desk in (
        ("ana", Role.ANALYST, 1),
        ("claire", Role.SUPERVISOR, 1),
        ("else", Role.SUPERVISOR, 2),
    ):
        user = make_user(login, role, desk=desk)
        User.objects.filter(pk=user.pk).update(email=f"{login}@desk.example")
    _enrol(_signed_in("ana"))
    jobs = _letters()
    assert [job["factor"] for job in jobs] == ["totp"], "one letter for one enrolment"
    sends.tell_factor(**jobs[0])
    (letter,) = mail_folder.iterdir()
    message = email.message_from_bytes(letter.read_bytes(), policy=policy.default)
    assert sorted(message["To"].split(", ")) == ["ana@desk.example", "claire@desk.example"]
    assert "Ana" in message.get_content()
