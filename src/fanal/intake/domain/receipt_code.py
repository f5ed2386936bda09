"""Receipt codes: the reporter's secret, and what is derived from it.

The code holds 90 random bits and a check of 10, in Crockford's base 32, five groups of four. HKDF
derives from it a look-up id, of which only a hash is stored, and an X25519 key whose public half is
stored: the desk seals its messages to it, so only the holder of the code reads them (decisions 10).
"""

import hashlib
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fanal.vault.domain.envelope import EnvelopeRefused, open_box, raw_public, seal_box

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_BITS = 90
CODE_LENGTH = 20
_GROUP = 4
_CHECK_BITS = 10
_PRIME = 1021
"""The largest prime below 2^10: the check finds every wrong character and every swap of two."""

_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"} | dict.fromkeys("-–—‐.,_ \t\n\r\xa0\u202f"))
_LOOKUP = b"fanal/receipt/lookup/v1"
_BOX = b"fanal/receipt/box/v1"
_LOOKUP_HASH = b"fanal/receipt/lookup-hash/v1\x00"


class CodeRefused(ValueError):
    """What was typed is no receipt code: wrong length, a foreign character, or a wrong check."""


class MessageClosed(ValueError):
    """A message does not open with this code: it is another's, or was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicPart:
    """What is stored of a code: a hash of its look-up id and its public key, 32 bytes each."""

    lookup_hash: bytes
    public_key: bytes


def new_code() -> str:
    """Return a fresh receipt code, in groups: the secret of its holder, never stored."""
    value = secrets.randbits(RANDOM_BITS)
    number = value << _CHECK_BITS | value % _PRIME
    digits = [ALPHABET[number >> 5 * place & 31] for place in reversed(range(CODE_LENGTH))]
    return "-".join(
        "".join(digits[start : start + _GROUP]) for start in range(0, CODE_LENGTH, _GROUP)
    )


def read_code(typed: str) -> str:
    """Return the code that was typed, in its one written form.

    Case, spaces, dashes, and O for 0, I or L for 1 are forgiven.

    Raises:
        CodeRefused: it is no code.
    """
    digits = typed[:200].upper().translate(_READ_AS)
    if len(digits) != CODE_LENGTH or any(digit not in ALPHABET for digit in digits):
        raise CodeRefused("a code has 20 letters and digits")
    value, check = divmod(_number(digits), 1 << _CHECK_BITS)
    if value % _PRIME != check:
        raise CodeRefused("a character of the code is wrong")
    return "-".join(digits[start : start + _GROUP] for start in range(0, CODE_LENGTH, _GROUP))


def public_part(code: str) -> PublicPart:
    """Return what is stored of a code.

    Raises:
        CodeRefused: it is no code.
    """
    return PublicPart(
        lookup_hash=lookup_hash(code), public_key=raw_public(_box_key(code).public_key())
    )


def lookup_hash(code: str) -> bytes:
    """Return the hash under which the report of a code is found.

    Raises:
        CodeRefused: it is no code.
    """
    return hashlib.sha256(_LOOKUP_HASH + _derive(code, _LOOKUP)).digest()


def seal_message(*, public_key: bytes, plaintext: bytes) -> bytes:
    """Return a message that only the holder of the code can read.

    Raises:
        ValueError: the public key has not 32 bytes.
    """
    public = X25519PublicKey.from_public_bytes(public_key)
    return seal_box(plaintext, public=public, context=_BOX)


def open_message(*, code: str, sealed: bytes) -> bytes:
    """Return what `seal_message` sealed for the holder of `code`.

    Raises:
        CodeRefused: it is no code.
        MessageClosed: the message is another's, or was changed.
    """
    try:
        return open_box(sealed, private=_box_key(code), context=_BOX)
    except EnvelopeRefused:
        raise MessageClosed("the message does not open with this code") from None


def _number(digits: str) -> int:
    number = 0
    for digit in digits:
        number = number << 5 | ALPHABET.index(digit)
    return number


def _derive(code: str, info: bytes) -> bytes:
    value = _number(read_code(code).replace("-", "")) >> _CHECK_BITS
    secret = value.to_bytes((RANDOM_BITS + 7) // 8, "big")
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)


def _box_key(code: str) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(_derive(code, _BOX))
