"""Accounts of two people that may be one human: name, address, subject of single sign-on, security key."""

from datetime import UTC, datetime

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from fanal.accounts.domain.records import AlikeAccount, Likeness, NewAccount
from fanal.accounts.models import User
from fanal.accounts.operations.people import create_account
from fanal.accounts.queries.likeness import likenesses
from fanal.kernel.actors import Role
from fanal.web.account.single_sign_on import link_subject
from tests.integration.accounts.keys import SoftwareKey, options_of
from tests.integration.accounts.people import PASSWORD, SYSTEM, Make
from tests.integration.accounts.test_second_factor import FACTORS
from tests.refusals import UNIQUE, database_refuses

pytestmark = [pytest.mark.django_db, pytest.mark.ignore_template_errors]


def add(login: str, *, email: str = "") -> User:
    create_account(
        actor=SYSTEM,
        account=NewAccount(username=login, name=f"Name of {login}", email=email, password=PASSWORD),
        now=datetime.now(UTC),
    )
    return User.objects.get(username=login)


def alike(user: User) -> tuple[AlikeAccount, ...]:
    return likenesses(person_ids=[user.person_id]).get(user.person_id, ())


def register(login: str, key: SoftwareKey) -> None:
    """Register a key as its person does, on the page."""
    browser = Client(headers={"X-Forwarded-Proto": "https", "Host": "testserver"})
    browser.post("/fr/login/", {"login": login, "password": PASSWORD})
    browser.get(f"{FACTORS}webauthn/add/")
    browser.post("/fr/account/again/", {"password": PASSWORD})
    page = browser.get(f"{FACTORS}webauthn/add/").content.decode()
    answer = key.register(options_of(page))
    done = browser.post(f"{FACTORS}webauthn/add/", {"name": "k", "credential": answer})
    assert done.status_code == 302, done.content.decode()


def test_nothing_shared_is_nothing_alike() -> None:
    one, two = add("zita", email="zita@a.example"), add("yann", email="yann@a.example")
    link_subject(user=one, subject="sub-1")
    link_subject(user=two, subject="sub-2")
    assert alike(one) == alike(two) == ()


def test_one_address_in_other_letters_is_alike() -> None:
    one, two = add("zita", email="Zita@a.example"), add("yann", email="zita@A.example")
    assert alike(one) == (AlikeAccount(login="yann", by=(Likeness.ADDRESS,)),)
    assert alike(two) == (AlikeAccount(login="zita", by=(Likeness.ADDRESS,)),)


@pytest.mark.parametrize("other", ["SUB-1", " sub-1", "sub-1"])
def test_one_subject_in_another_spelling_or_under_another_provider_is_alike(other: str) -> None:
    """The same pair of provider and subject is refused by the library's own constraint."""
    one, two = add("zita"), add("yann")
    link_subject(user=one, subject="sub-1")
    with database_refuses(UNIQUE):
        SocialAccount.objects.create(user=two, provider="oidc", uid="sub-1")
    provider = "oidc" if other != "sub-1" else "oidc-before"
    SocialAccount.objects.create(user=two, provider=provider, uid=other)
    assert alike(one) == (AlikeAccount(login="yann", by=(Likeness.SUBJECT,)),)


def test_one_security_key_on_two_accounts_is_alike(make_user: Make) -> None:
    claire, nino, zoe = (make_user(name, Role.SUPERVISOR) for name in ("claire", "nino", "zoe"))
    key, other = SoftwareKey(), SoftwareKey()
    other.identifier = b"another credential"
    register("claire", key)
    register("zoe", other)
    assert alike(claire) == ()
    register("nino", key)
    assert Authenticator.objects.filter(type="webauthn").count() == 3
    assert alike(claire) == (AlikeAccount(login="nino", by=(Likeness.KEY,)),)
    assert alike(nino) == (AlikeAccount(login="claire", by=(Likeness.KEY,)),)
    assert alike(zoe) == ()


@pytest.mark.parametrize("shared", ["identifier", "key"])
def test_either_half_of_a_key_is_enough(make_user: Make, shared: str) -> None:
    """Its public key under another credential, or its credential with another public key."""
    claire = make_user("claire", Role.SUPERVISOR)
    make_user("nino", Role.SUPERVISOR)
    key, other = SoftwareKey(), SoftwareKey()
    other.identifier = b"another credential"
    setattr(other, shared, getattr(key, shared))
    register("claire", key)
    register("nino", other)
    assert [one.by for one in alike(claire)] == [(Likeness.KEY,)]
