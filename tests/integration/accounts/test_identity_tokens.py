"""What a provider of single sign-on answers signs nobody in unless it is signed, ours, of now and of this browser."""

import json
import time
from collections.abc import Callable

import jwt
import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from fanal.kernel.actors import Role
from fanal.web.account.single_sign_on import link_subject
from tests.integration.accounts.people import Make
from tests.integration.accounts.provider import (
    CLIENT,
    SECRET,
    WELL_KNOWN,
    Provider,
    led_to,
    new_key,
)

pytestmark = [pytest.mark.django_db, pytest.mark.ignore_template_errors]
BEGIN = "/fr/login/with/oidc/login/"
UNAUTHORISED, AWAY = 401, 503
LATER = int(time.time()) + 9999


@pytest.fixture(autouse=True)
def linked(make_user: Make) -> None:
    """A supervisor who signs in as `subject-1`."""
    link_subject(user=make_user("claire", Role.SUPERVISOR), subject="subject-1")


def _whole(web: Client, provider: Provider) -> int:
    """Sign in by the provider; return the status of the last answer."""
    web.raise_request_exception = False
    begun = web.post(BEGIN)
    if not led_to(begun):
        return begun.status_code
    return web.get(provider.authorize(led_to(begun))).status_code


def _signed_in(web: Client) -> bool:
    return web.get("/fr/account/").status_code == 200


def test_an_honest_provider_signs_in(web: Client, provider: Provider) -> None:
    assert _whole(web, provider) == 302
    assert _signed_in(web)
    assert len(provider.asked[0]["nonce"]) >= 32


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": 1},
        {"exp": "soon"},
        {"iat": None},
        {"iat": LATER},
        {"nbf": LATER},
        {"iss": None},
        {"iss": "https://evil.example"},
        {"aud": None},
        {"aud": "another"},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"nonce": None},
        {"nonce": "of another browser"},
        {"nonce": ["x"]},
        {"sub": None},
        {"sub": ""},
        {"sub": " "},
        {"sub": 5},
        {"sub": ["subject-1"]},
        {"sub": "a\0b"},
        {"sub": "z" * 5000},
    ],
)
def test_a_token_that_lacks_something_is_refused(
    web: Client, provider: Provider, claims: dict[str, object]
) -> None:
    provider.claims = claims
    assert _whole(web, provider) == UNAUTHORISED
    assert not _signed_in(web)


SIGNERS: dict[str, Callable[[dict[str, object]], object]] = {
    "none": lambda c: jwt.encode(c, None, algorithm="none", headers={"kid": "1"}),
    "made-up secret": lambda c: jwt.encode(c, "x" * 32, algorithm="HS256", headers={"kid": "1"}),
    "client secret": lambda c: jwt.encode(c, SECRET * 2, algorithm="HS256", headers={"kid": "1"}),
    "other key": lambda c: jwt.encode(c, new_key(), algorithm="RS256", headers={"kid": "1"}),
    "unknown key": lambda c: jwt.encode(c, new_key(), algorithm="RS256", headers={"kid": "2"}),
    "missing": lambda _c: None,
    "empty": lambda _c: "",
    "number": lambda _c: 5,
    "no token": lambda _c: "garbage",
    "three parts": lambda _c: "a.b.c",
}


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_token_that_the_provider_did_not_sign_is_refused(
    web: Client, provider: Provider, signer: str
) -> None:
    provider.sign = SIGNERS[signer]
    assert _whole(web, provider) == UNAUTHORISED
    assert not _signed_in(web)


def test_a_key_that_is_not_for_signing_signs_nothing(web: Client, provider: Provider) -> None:
    provider.keys = [provider.public(provider.key, use="enc")]
    assert _whole(web, provider) == UNAUTHORISED
    assert not _signed_in(web)


def test_a_key_that_is_short_signs_nothing(web: Client, provider: Provider) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    provider.key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    provider.keys = [provider.public(provider.key)]
    assert _whole(web, provider) == UNAUTHORISED
    assert not _signed_in(web)


def test_keys_that_changed_are_taken_and_one_key_needs_no_name(
    web: Client, provider: Provider
) -> None:
    provider.key = new_key()
    entry = provider.public(provider.key)
    del entry["kid"], entry["alg"], entry["use"]
    provider.keys = [entry]
    provider.sign = lambda claims: jwt.encode(claims, provider.key, algorithm="RS256")
    assert _whole(web, provider) == 302
    assert _signed_in(web)


def test_a_token_serves_the_browser_that_asked(web: Client, provider: Provider) -> None:
    """A token that the provider made for another sign-in of the same person, put in its answer."""
    kept: list[object] = []
    honest = provider.sign
    provider.sign = lambda claims: kept.append(honest(claims)) or kept[-1]
    assert _whole(web, provider) == 302
    provider.sign = lambda _claims: kept[0]
    other = Client(headers={"X-Forwarded-Proto": "https"})
    assert _whole(other, provider) == UNAUTHORISED
    assert not _signed_in(other)


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/token", 200, b"<html>"),
        ("/token", 200, b"[1]"),
        ("/token", 200, b""),
        ("/token", 500, b"{}"),
        ("/jwks", 200, b"<html>"),
        ("/jwks", 200, b"[1]"),
        ("/jwks", 200, b'{"keys": [5]}'),
        ("/jwks", 200, b'{"keys": [{"kid": "1", "kty": "RSA"}]}'),
        ("/jwks", 500, b"{}"),
    ],
)
def test_an_odd_answer_is_refused(
    web: Client, provider: Provider, path: str, status: int, body: bytes
) -> None:
    provider.raw = {path: (status, body)}
    assert _whole(web, provider) == UNAUTHORISED
    assert not _signed_in(web)


@pytest.mark.parametrize("answers", [{"expires_in": "abc"}, {"refresh_token": 5}])
def test_what_is_not_used_of_an_answer_is_not_read(
    web: Client, provider: Provider, answers: dict[str, object]
) -> None:
    provider.answers = answers
    assert _whole(web, provider) == 302
    assert _signed_in(web)


@pytest.mark.parametrize(
    "says",
    [
        {"jwks_uri": None},
        {"token_endpoint": None},
        {"authorization_endpoint": None},
        {"token_endpoint": 5},
        {"jwks_uri": "ftp://127.0.0.1/keys"},
        {"jwks_uri": "http://["},
        {"issuer": None},
        {"issuer": "http://127.0.0.1:1"},
    ],
)
def test_a_provider_that_says_too_little_begins_nothing(
    web: Client, provider: Provider, says: dict[str, object]
) -> None:
    provider.says = says
    assert _whole(web, provider) == UNAUTHORISED
    assert not provider.asked


@pytest.mark.parametrize("body", [b"[1]", b"<html>", b"5"])
def test_a_provider_that_says_nothing_readable_begins_nothing(
    web: Client, provider: Provider, body: bytes
) -> None:
    provider.raw = {WELL_KNOWN: (200, body)}
    assert _whole(web, provider) == UNAUTHORISED
    assert not provider.asked


def test_a_provider_that_is_away_is_waited_for(web: Client, provider: Provider) -> None:
    provider.raw = {WELL_KNOWN: (500, b"{}")}
    assert _whole(web, provider) == AWAY


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_an_address_that_others_read_is_not_used(
    web: Client, provider: Provider, name: str
) -> None:
    """Plain http to what is not this machine; the server behind it would answer."""
    path = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
    provider.says = {name: f"{provider.in_clear}/{path[name]}"}
    assert _whole(web, provider) == UNAUTHORISED
    assert not provider.token_calls
    assert not _signed_in(web)


@pytest.mark.parametrize("path", ["/token", "/jwks", WELL_KNOWN])
def test_nothing_follows_a_provider_elsewhere(web: Client, provider: Provider, path: str) -> None:
    """The code, its proof and the secret would go wherever the answer leads, in clear too."""
    provider.moved = {path: f"{provider.in_clear}/elsewhere"}
    assert _whole(web, provider) in {UNAUTHORISED, AWAY}
    assert not [form for form in provider.token_calls if path == "/token"]
    assert not _signed_in(web)


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "a\x00b@mail.example"},
        {"email": "\ud800@mail.example"},
        {"email": ["a@mail.example"]},
        {"picture": "\x00"},
        {"name": {"given": ["x"]}},
        {"other": json.loads("[" * 100 + "]" * 100)},
    ],
)
def test_what_else_a_token_says_is_left_in_it(
    web: Client, provider: Provider, claims: dict[str, object]
) -> None:
    provider.claims = claims
    assert _whole(web, provider) == 302
    assert _signed_in(web)
    kept = str(SocialAccount.objects.get().extra_data)
    assert not any(name in kept for name in claims)


def test_what_cannot_be_read_is_refused_in_words(web: Client, provider: Provider) -> None:
    provider.claims = {"nonce": "\ud800"}
    assert _whole(web, provider) == UNAUTHORISED
    provider.raw = {"/token": (200, b"[" * 100_000)}
    assert _whole(web, provider) == UNAUTHORISED
    assert not _signed_in(web)
    assert web.get("/fr/login/with/%00/login/").status_code == 404


def test_a_form_adds_nothing_to_what_the_provider_is_asked(web: Client, provider: Provider) -> None:
    begun = web.post(f"{BEGIN}?auth_params=nonce%3Dx%26prompt%3Dnone&scope=offline_access")
    provider.authorize(led_to(begun))
    assert "prompt" not in provider.asked[0]
    assert provider.asked[0]["nonce"] != "x"
    assert set(provider.asked[0]["scope"].split()) == {"openid", "profile", "email"}


@pytest.mark.parametrize("way", ["login/", "login/callback/", "login/callback/?code=x&state=y"])
def test_a_provider_that_nobody_set_up_is_not_there(web: Client, way: str) -> None:
    for name in ("oidc", "unknown"):
        assert web.get(f"/fr/login/with/{name}/{way}").status_code == 404
        assert web.post(f"/fr/login/with/{name}/{way}").status_code == 404


def test_a_return_that_nobody_began_signs_nobody_in(web: Client, provider: Provider) -> None:
    for query in ("", "?code=x", "?state=x&code=y", "?error=access_denied", "?state=%00&code=%00"):
        answer = web.get(f"{BEGIN}callback/{query}")
        assert answer.status_code in {302, UNAUTHORISED}, query
    assert not provider.token_calls
    assert not _signed_in(web)
