"""Who made a package or an answer: Ed25519 over every byte, the recipient's key among them. Pure.

A package is signed, then sealed. What the seal holds begins with a head of 174 octets: `MAGIC`, the sender's
public key (32), the recipient's age key as text (62), the signature (64). It covers a prefix of its own, both
keys and all that follows. So who opened a package cannot seal it anew for somebody else: there the key in
it is another's. Nothing of what follows is read before the signature holds.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from fanal.distribution.domain.states import PackageRefused

MAGIC: Final = b"fanal-package/2\n"
_UNSIGNED: Final = b"PK\x03\x04"
_PACKAGE: Final = b"fanal-package/2 signed\x00"
_ANSWER: Final = b"fanal-answer/2 signed\x00"
_FINGERPRINT: Final = b"fanal key\x00"
KEY, _RECIPIENT, _SIGNATURE = 32, 62, 64
HEAD: Final = len(MAGIC) + KEY + _RECIPIENT + _SIGNATURE
AHEAD: Final = timedelta(minutes=10)
"""How far another machine's clock may be off ours."""


class SealHead(Struct, frozen=True, kw_only=True):
    """Who says that it made a package, for whom; nothing of it is believed before `check_package`."""

    key: bytes
    recipient: str
    signature: bytes


class SenderKey(Struct, frozen=True, kw_only=True):
    """A key that a desk signs with: since when (None: ever since), until when, and whether it was stolen."""

    code: str
    public_key: bytes
    since: datetime | None
    until: datetime | None
    revoked_at: datetime | None


def signed_package(inner: bytes, *, recipient: str, signer: Ed25519PrivateKey) -> bytes:
    """Return what is sealed of a package: its head, and `inner` as it is."""
    key = signer.public_key().public_bytes_raw()
    signature = signer.sign(_PACKAGE + key + recipient.encode() + inner)
    return MAGIC + key + recipient.encode() + signature + inner


def split(plain: bytes) -> tuple[SealHead | None, bytes]:
    """Return the head of what a seal held, None where it begins as earlier versions wrote, and the rest.

    Raises:
        PackageRefused: NO_PACKAGE, it begins otherwise, or a head is cut off or none.
    """
    if plain.startswith(_UNSIGNED):
        return None, plain
    if not plain.startswith(MAGIC):  # `zipfile` would read over whatever stands before an archive
        raise PackageRefused("NO_PACKAGE")
    key = plain[len(MAGIC) :][:KEY]
    recipient = plain[len(MAGIC) + KEY :][:_RECIPIENT]
    signature = plain[HEAD - _SIGNATURE : HEAD]
    if len(plain) < HEAD or not recipient.isascii():
        raise PackageRefused("NO_PACKAGE")
    return SealHead(key=key, recipient=recipient.decode("ascii"), signature=signature), plain[HEAD:]


def check_package(head: SealHead, inner: bytes) -> None:
    """Check that the holder of the key in the head signed it and what follows.

    Raises:
        PackageRefused: SIGNATURE.
    """
    signed = _PACKAGE + head.key + head.recipient.encode() + inner
    _verify(head.key, head.signature, signed)


def sign_answer(statement: bytes, *, signer: Ed25519PrivateKey) -> bytes:
    """Return the signature under an answer's statement."""
    return signer.sign(_ANSWER + statement)


def check_answer(statement: bytes, *, key: bytes, signature: bytes) -> None:
    """Check that the holder of `key` signed an answer's statement.

    Raises:
        PackageRefused: SIGNATURE.
    """
    _verify(key, signature, _ANSWER + statement)


def check_instant(known: SenderKey, instant: datetime, *, now: datetime) -> None:
    """Check that a key was its desk's at the instant that it wrote.

    Raises:
        PackageRefused: REVOKED, at any instant: whoever stole a key can write the day it likes; FUTURE, it
            is further ahead than clocks differ; INSTANT, the desk had another key then.
    """
    if known.revoked_at is not None:
        raise PackageRefused("REVOKED", sender=known.code, at=_minute(known.revoked_at))
    if instant > now + AHEAD:
        raise PackageRefused("FUTURE", at=_minute(instant))
    early = known.since is not None and instant < known.since - AHEAD
    if early or (known.until is not None and instant >= known.until + AHEAD):
        raise PackageRefused("INSTANT", sender=known.code, at=_minute(instant))


def fingerprint(key: bytes) -> str:
    """Return what two people read to each other to compare a key: eight groups of five figures.

    132 bits of SHA-256: nobody finds another key with the same ones.
    """
    number = int.from_bytes(hashlib.sha256(_FINGERPRINT + key).digest(), "big") % 10**40
    figures = f"{number:040}"
    return " ".join(figures[place : place + 5] for place in range(0, 40, 5))


def _verify(key: bytes, signature: bytes, signed: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        raise PackageRefused("SIGNATURE") from None


def _minute(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M UTC")
