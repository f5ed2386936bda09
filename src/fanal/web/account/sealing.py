"""Encryption of second-factor secrets in the database: a database dump alone does not allow sign-in."""

import base64
import logging
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12
_PURPOSE = b"fanal.web.account.second-factor"
_key: bytes | None = None
log = logging.getLogger("fanal.web")


class SecretUnopenable(OSError):
    """Error: a secret was altered, or this machine lacks the key with which its database encrypted it."""


def install(*, secret: str) -> None:
    """Derive the encryption key from the installation's secret (HKDF); called once by `config.wiring`."""
    global _key  # noqa: PLW0603 - the one registry of this module
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE)
    _key = hkdf.derive(secret.encode())


def seal(text: str) -> str:
    """Return `text` encrypted with AES-256-GCM, in base64."""
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(_installed()).encrypt(nonce, text.encode(), _PURPOSE)
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(text: str) -> str:
    """Return the text that `seal` encrypted.

    Raises:
        SecretUnopenable: it was changed, or encrypted with another secret.
        RuntimeError: no key is installed.
    """
    key = _installed()
    try:
        raw = base64.urlsafe_b64decode(text)
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], _PURPOSE).decode()
    except (InvalidTag, ValueError):  # of base64 too, and of a nonce that is cut
        log.error("a second factor does not open: keys/secret_key is not that of this database")
        raise SecretUnopenable("a second factor does not open") from None


def _installed() -> bytes:
    if _key is None:
        raise RuntimeError("no key: config.wiring installs it at start")
    return _key
