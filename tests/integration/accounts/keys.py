"""A security key made of software, for tests: what a browser and a key answer, and what they should not."""

import json
import re

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import ES256
from fido2.utils import sha256, websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

ORIGIN = "https://testserver"


class SoftwareKey:
    """A security key of the test: one ES256 credential, no attestation.

    `origin` and `more` are what the browser says of the page, beside the challenge; `count` is the last count.
    """

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.identifier = b"test-credential"
        self.count = 0
        self.step = 1

    def register(self, options: dict[str, object], *, origin: str = ORIGIN, **more: object) -> str:
        """Answer `navigator.credentials.create`."""
        client = self._client(CollectedClientData.TYPE.CREATE, options["challenge"], origin, more)
        public = ES256.from_cryptography_key(self.key.public_key())
        attested = AttestedCredentialData.create(b"\0" * 16, self.identifier, public)
        data = self._data(options["rp"]["id"], AuthenticatorData.FLAG.AT, attested)
        response = {
            "clientDataJSON": websafe_encode(client),
            "attestationObject": websafe_encode(AttestationObject.create("none", data, {})),
        }
        return self.answer(response)

    def authenticate(
        self, options: dict[str, object], *, origin: str = ORIGIN, **more: object
    ) -> str:
        """Answer `navigator.credentials.get`."""
        client = self._client(CollectedClientData.TYPE.GET, options["challenge"], origin, more)
        data = self._data(options["rpId"], AuthenticatorData.FLAG(0), b"")
        signature = self.key.sign(data + sha256(client), ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": websafe_encode(client),
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(signature),
        }
        return self.answer(response)

    def answer(self, response: object) -> str:
        """Return what the page posts."""
        identifier = websafe_encode(self.identifier)
        return json.dumps(
            {
                "id": identifier,
                "rawId": identifier,
                "type": "public-key",
                "response": response,
                "clientExtensionResults": {},
            }
        )

    def _client(self, kind: str, challenge: object, origin: str, more: dict[str, object]) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}
        return json.dumps(said | more).encode()

    def _data(self, rp: str, flag: object, attested: bytes) -> bytes:
        self.count += self.step
        flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV | flag
        return AuthenticatorData.create(sha256(rp.encode()), flags, self.count, attested)


def options_of(page: str) -> dict[str, object]:
    """Return what a page asks the browser for."""
    found = re.search(r'<script id="js_data" type="application/json">(.*?)</script>', page, re.S)
    assert found
    data = json.loads(found[1])
    data = data.get("creation_options") or data.get("request_options") or data
    return data["publicKey"]
