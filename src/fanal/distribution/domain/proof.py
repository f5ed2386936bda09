"""Ed25519 signatures of packages and acknowledgements. Pure.

A package is signed, then encrypted. The encrypted content begins with a header of 174 bytes: `MAGIC`, the
sender's public key (32), the recipient's age key as text (62), the signature (64). The signature covers a
domain prefix, both keys and the rest. A recipient therefore cannot re-encrypt a package for somebody else:
the recipient's key inside would not match. The rest is not parsed before the signature is verified.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from fanal.kernel.refusal import Refusal

MAGIC: Final = b"fanal-package/2\n"
_UNSIGNED: Final = b"PK\x03\x04"
_PACKAGE: Final = b"fanal-package/2 signed\x00"
_ANSWER: Final = b"fanal-answer/2 signed\x00"
_FINGERPRINT: Final = b"fanal key\x00"
KEY, _RECIPIENT, _SIGNATURE = 32, 62, 64
HEAD: Final = len(MAGIC) + KEY + _RECIPIENT + _SIGNATURE
AHEAD: Final = timedelta(minutes=10)
"""Tolerance for a difference between another desk's clock and ours."""


class SealHead(Struct, frozen=True, kw_only=True):
    """The header of a signed package of reports.

    `key` is the sender's public signing key (Ed25519), `recipient` the age public key of the intended
    recipient, `signature` that of both keys and the archive. It is not trusted before `check_package`.
    """

    key: bytes
    recipient: str
    signature: bytes


class SenderKey(Struct, frozen=True, kw_only=True):
    """A registered Ed25519 public key with which the desk `code` signs packages and acknowledgements.

    It is valid from `since` (None: from the beginning) to `until` (None: not replaced). `revoked_at` is when
    its theft was recorded: from then on its signatures of any date are refused.
    """

    code: str
    public_key: bytes
    since: datetime | None
    until: datetime | None
    revoked_at: datetime | None


def signed_package(inner: bytes, *, recipient: str, signer: Ed25519PrivateKey) -> bytes:
    """Sign a package with `signer`: return its header followed by the archive `inner`, ready for encryption.

    `recipient` is the recipient's age public key as text.
    """
    key = signer.public_key().public_bytes_raw()
    signature = signer.sign(_PACKAGE + key + recipient.encode() + inner)
    return MAGIC + key + recipient.encode() + signature + inner


def split(plain: bytes) -> tuple[SealHead | None, bytes]:
    """Split a decrypted package (`plain`) into its header and its ZIP archive.

    The header is None in the unsigned format of earlier versions.

    Raises:
        Refusal: NO_PACKAGE, another format, or a truncated or invalid header.
    """
    if plain.startswith(_UNSIGNED):
        return None, plain
    if not plain.startswith(MAGIC):  # `zipfile` would skip any bytes before an archive
        raise Refusal("package", "NO_PACKAGE")
    key = plain[len(MAGIC) :][:KEY]
    recipient = plain[len(MAGIC) + KEY :][:_RECIPIENT]
    signature = plain[HEAD - _SIGNATURE : HEAD]
    if len(plain) < HEAD or not recipient.isascii():
        raise Refusal("package", "NO_PACKAGE")
    return SealHead(key=key, recipient=recipient.decode("ascii"), signature=signature), plain[HEAD:]


def check_package(head: SealHead, inner: bytes) -> None:
    """Verify that the key in a package's header signed the archive `inner`; not whose key it is.

    Raises:
        Refusal: SIGNATURE (the signature is not of this key and content).
    """
    signed = _PACKAGE + head.key + head.recipient.encode() + inner
    _verify(head.key, head.signature, signed)


def sign_answer(statement: bytes, *, signer: Ed25519PrivateKey) -> bytes:
    """Return the signature of an acknowledgement with the key `signer`.

    `statement` is its signed bytes (`PackageAcknowledgement.statement`).
    """
    return signer.sign(_ANSWER + statement)


def check_answer(statement: bytes, *, key: bytes, signature: bytes) -> None:
    """Verify the signature of an acknowledgement's `statement` with a raw Ed25519 public key.

    Raises:
        Refusal: SIGNATURE, also if `key` is not a valid key.
    """
    _verify(key, signature, _ANSWER + statement)


def check_instant(known: SenderKey, instant: datetime, *, now: datetime) -> None:
    """Check that a desk's key (`known`) was valid at `instant`, the date in the signed message.

    Raises:
        Refusal: REVOKED, at any date (a thief could backdate); FUTURE, further ahead than the clock
            tolerance; INSTANT, the key was not in use at that date, give or take the tolerance.
    """
    if known.revoked_at is not None:
        raise Refusal("package", "REVOKED", sender=known.code, at=_minute(known.revoked_at))
    if instant > now + AHEAD:
        raise Refusal("package", "FUTURE", at=_minute(instant))
    early = known.since is not None and instant < known.since - AHEAD
    if early or (known.until is not None and instant >= known.until + AHEAD):
        raise Refusal("package", "INSTANT", sender=known.code, at=_minute(instant))


def fingerprint(key: bytes) -> str:
    """Return the fingerprint of a key, for comparison by voice: eight groups of five digits.

    132 bits of SHA-256: finding another key with the same fingerprint is infeasible.
    """
    number = int.from_bytes(hashlib.sha256(_FINGERPRINT + key).digest(), "big") % 10**40
    figures = f"{number:040}"
    return " ".join(figures[place : place + 5] for place in range(0, 40, 5))


def _verify(key: bytes, signature: bytes, signed: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        raise Refusal("package", "SIGNATURE") from None


def _minute(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M UTC")
