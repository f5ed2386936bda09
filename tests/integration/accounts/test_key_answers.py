"""What comes in place of a security key's answer is refused, noted, and never more than refused."""

import json

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client
from fido2 import cbor
from fido2.utils import sha256, websafe_encode

from fanal.kernel.actors import Role
from fanal.ledger.domain import canonical
from tests.integration.accounts.keys import ORIGIN, SoftwareKey, options_of
from tests.integration.accounts.people import PASSWORD, Make

pytestmark = [pytest.mark.django_db, pytest.mark.ignore_template_errors]
ADD = "/fr/account/second-factor/webauthn/add/"
CODE_PAGE = "/fr/account/second-factor/authenticate/"
KEY = SoftwareKey()
FRAMES = {"crossOrigin": True}, {"topOrigin": "https://frame.example"}
ORIGINS = (
    "https://x.testserver",
    "https://testserver:8443",
    "http://testserver",
    "https://testserver.example",
    "https://evil.example",
)


def _said(value: object) -> str:
    return websafe_encode(json.dumps(value).encode())


def _signed(value: object, data: bytes = b"x" * 37) -> str:
    parts = {"clientDataJSON": _said(value), "authenticatorData": websafe_encode(data)}
    return KEY.answer({**parts, "signature": "AA"})


def _attested(attestation: bytes) -> str:
    said = {"type": "webauthn.create", "challenge": "x", "origin": ORIGIN}
    parts = {"clientDataJSON": _said(said), "attestationObject": websafe_encode(attestation)}
    return KEY.answer(parts)


ODD = [
    *("null", "1", '"x"', "[]", "[1]", "{}", "NaN", "1e999", '"\\u0000"', '"\\ud800"', "no JSON"),
    "[" * 100_000,
    '{"a":' * 5000 + "1" + "}" * 5000,
    json.dumps({"x" * 200_000: 1}),
    '{"id": 1}',
    '{"id": "x", "rawId": "x", "response": null}',
    '{"id": "x", "rawId": "x", "type": "public-key", "response": []}',
    '{"id": null, "rawId": null, "type": "public-key", "response": {"clientDataJSON": null}}',
    KEY.answer({"clientDataJSON": "é", "authenticatorData": "é", "signature": "é"}),
    KEY.answer({"clientDataJSON": "\ud800", "authenticatorData": "AA", "signature": "AA"}),
    KEY.answer({"clientDataJSON": websafe_encode(b"[" * 100_000), "authenticatorData": "AA"}),
    *(_signed(value) for value in (None, 5, [], {}, {"type": "webauthn.get"})),
    _signed({"type": "webauthn.get", "challenge": 5, "origin": 5}),
    _signed({"type": "webauthn.get", "challenge": "x", "origin": "https://["}),
    _signed({"type": "webauthn.get", "challenge": "²", "origin": None}),
    _signed({"type": "webauthn.get", "challenge": "x", "origin": 5}, sha256(b"testserver")),
    _signed({}, sha256(b"testserver") + b"\x81" + b"\0" * 4 + b"\x81" * 3000),
    _signed({}, sha256(b"testserver") + b"\x41" + b"\0" * 20 + b"\xff\xff"),
    *(_attested(value) for value in (b"", b"\xa0", b"\x81" * 3000, b"\xff")),
    _attested(cbor.encode({"fmt": "none", "attStmt": {}, "authData": b""})),
    _attested(cbor.encode({"fmt": "evil", "attStmt": 5, "authData": b"x" * 37})),
]


@pytest.fixture
def claire(web: Client, make_user: Make) -> Client:
    """A supervisor who has signed in and is about to add a key."""
    make_user("claire", Role.SUPERVISOR)
    web.post("/fr/login/", {"login": "claire", "password": PASSWORD})
    web.post("/fr/account/again/", {"password": PASSWORD})
    web.raise_request_exception = False
    return web


@pytest.fixture
def key(claire: Client) -> SoftwareKey:
    """Her key."""
    made = SoftwareKey()
    assert _add(claire, made) == 302
    return made


def _add(web: Client, key: SoftwareKey, **said: object) -> int:
    options = options_of(web.get(ADD).content.decode())
    return web.post(ADD, {"name": "k", "credential": key.register(options, **said)}).status_code


def _waiting() -> Client:
    browser = Client(
        headers={"X-Forwarded-Proto": "https", "Host": "testserver"}, raise_request_exception=False
    )
    browser.post("/fr/login/", {"login": "claire", "password": PASSWORD})
    return browser


def _use(browser: Client, key: SoftwareKey, **said: object) -> int:
    options = options_of(browser.get(CODE_PAGE).content.decode())
    answer = key.authenticate(options, **said)
    return browser.post(CODE_PAGE, {"credential": answer}).status_code


def _refusals() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM ledger_entry WHERE action = 'account.sign_in_refused'")
        return [canonical.decode(bytes(row[0])).detail["step"] for row in cursor.fetchall()]


def test_an_odd_answer_at_sign_in_is_refused_and_noted(key: SoftwareKey) -> None:
    browser = _waiting()
    for odd in ODD:
        before = len(_refusals())
        browser.get(CODE_PAGE)
        assert browser.post(CODE_PAGE, {"credential": odd}).status_code == 200, odd[:80]
        assert len(_refusals()) == min(before + 1, 6), odd[:80]
    assert _refusals() == ["KEY"] * 6
    assert browser.get("/fr/account/").status_code == 302
    assert _use(browser, key) == 302, "refused ones close nothing"


def test_an_odd_answer_adds_no_key(claire: Client) -> None:
    for odd in ODD:
        claire.get(ADD)
        answer = claire.post(ADD, {"name": "k", "credential": odd})
        assert answer.status_code == 200, odd[:80]
        assert len(answer.content) < 100_000, "what was posted is not shown again"
    assert not Authenticator.objects.exists()
    assert _add(claire, SoftwareKey()) == 302


def test_what_is_kept_of_an_answer_is_what_is_looked_at(claire: Client) -> None:
    answer = json.loads(SoftwareKey().register(options_of(claire.get(ADD).content.decode())))
    answer["clientExtensionResults"] = {"credProps": {"rk": True}, "other": ["x"]}
    answer["extra"] = answer["response"]["extra"] = {"deep": ["x"]}
    assert claire.post(ADD, {"name": "k", "credential": json.dumps(answer)}).status_code == 302
    kept = Authenticator.objects.get(type="webauthn").data["credential"]
    assert set(kept) == {"id", "rawId", "type", "response", "clientExtensionResults"}
    assert set(kept["response"]) == {"clientDataJSON", "attestationObject"}
    assert kept["clientExtensionResults"] == {"credProps": {"rk": True}}


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_key_answers_this_very_page(key: SoftwareKey, claire: Client, origin: str) -> None:
    browser = _waiting()
    assert _use(browser, key, origin=origin) == 200
    assert _refusals() == ["KEY"]
    assert _use(browser, key) == 302
    assert _add(claire, SoftwareKey(), origin=origin) == 200


@pytest.mark.parametrize("frame", FRAMES)
def test_a_key_answers_no_frame_of_another_page(
    key: SoftwareKey, claire: Client, frame: dict[str, object]
) -> None:
    browser = _waiting()
    assert _use(browser, key, **frame) == 200
    assert _use(browser, key) == 302
    assert _add(claire, SoftwareKey(), **frame) == 200


def test_a_count_that_goes_back_or_stands_is_a_copy(key: SoftwareKey) -> None:
    key.count = 40
    assert _use(_waiting(), key) == 302
    copy = _waiting()
    for count in (40, 11, -1):
        key.count = count
        assert _use(copy, key) == 200, count + 1
    assert _refusals() == ["KEY"] * 3
    assert copy.get("/fr/account/").status_code == 302
    key.count = 41
    assert _use(copy, key) == 302


def test_a_count_starts_with_the_registration(key: SoftwareKey) -> None:
    key.count = 0
    assert _use(_waiting(), key) == 200


def test_a_key_that_never_counts_is_taken(claire: Client) -> None:
    """As passkeys that are kept in several devices do."""
    silent = SoftwareKey()
    silent.step = 0
    assert _add(claire, silent) == 302
    for _ in range(2):
        assert _use(_waiting(), silent) == 302
