"""The sign-in library's pages speak the French of ours: one word for a thing, curly apostrophes."""

import re
from pathlib import Path

import allauth
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from babel.messages.pofile import read_po
from django.test import Client
from django.utils import translation
from django.utils.html import strip_tags

from fanal.kernel.actors import Role
from tests.integration.accounts.people import PASSWORD, Make

THEIRS = Path(allauth.__file__).parent / "locale/fr/LC_MESSAGES/django.po"
SHOWN = (
    "mfa/", "account/base_reauthenticate", "account/reauthenticate", "account/logout",
    "account/messages/logged", "account/password_change", "socialaccount/login_cancelled",
    "socialaccount/authentication_error",
)  # fmt: skip
"""Where the library writes what our mounted pages show, its mails left out."""
ODD = re.compile(
    r"\w'\w|deux facteurs|facteurs|récupération|authentificat|clé secrète|\(e\)|réseau social| [;:!?]",
    re.I,
)
FACTORS = "/fr/account/second-factor/"


def _messages() -> list[str]:
    with THEIRS.open("rb") as file:
        catalogue = read_po(file, locale="fr")
    return [
        message.id if isinstance(message.id, str) else message.id[0]
        for message in catalogue
        if message.id
        and any(
            any(part in place for part in SHOWN) and "/email/" not in place
            for place, _line in message.locations
        )
    ]


@pytest.mark.parametrize("message", _messages())
def test_each_message_is_in_our_words(message: str) -> None:
    with translation.override("fr"):
        assert not ODD.search(translation.gettext(message))


@pytest.mark.django_db
@pytest.mark.ignore_template_errors
def test_pages_of_the_factors(web: Client, make_user: Make) -> None:
    user = make_user("claire", Role.SUPERVISOR)
    web.post("/fr/login/", {"login": "claire", "password": PASSWORD})
    seen = {"again": web.get("/fr/account/again/")}
    web.post("/fr/account/again/", {"password": PASSWORD})
    for page in ("", "totp/activate/", "webauthn/", "webauthn/add/"):
        seen[page] = web.get(f"{FACTORS}{page}")
    TOTP.activate(user, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(user)
    assert Authenticator.objects.count() == 2
    later = Client(headers={"X-Forwarded-Proto": "https"})
    step = later.post("/fr/login/", {"login": "claire", "password": PASSWORD})["Location"]
    seen["code"], seen["wrong code"] = later.get(step), later.post(step, {"code": "000000"})
    seen["logout"] = web.get("/fr/logout/")
    for page, answer in seen.items():
        assert answer.status_code == 200, page
        body = answer.content.decode()
        text = strip_tags(re.sub(r"(?s)<(script|style|title)\b.*?</\1>", "", body))
        assert ODD.findall(text.replace("&#x27;", "'")) == [], page
