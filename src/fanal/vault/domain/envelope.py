"""Envelope encryption, version 1: one data key an object, wrapped for an X25519 public key.

Content is AES-256-GCM in chunks of 64 KiB in the manner of STREAM (Hoang, Reyhanitabar, Rogaway,
Vizár 2015): the nonce holds the chunk's number and whether it is the last, so that chunks cannot be
cut off, moved or repeated. A data key is random and never used for two objects, so the nonce may start
at zero each time.
"""

import hashlib
import hmac
import secrets
import struct
from collections.abc import Iterable, Iterator
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fanal.vault.domain.records import Bound

CHUNK = 64 * 1024
TAG = 16
KEY_ID_SIZE = 8
WRAPPED_SIZE = 1 + 32 + 32 + TAG

_VERSION = b"\x01"
_WRAP_TAG = b"fanal/vault/wrap/v1\x00"
_CONTENT_TAG = b"fanal/vault/content/v1\x00"
_BOX_TAG = b"fanal/vault/box/v1\x00"
_ZERO_NONCE = bytes(12)


class EnvelopeRefused(ValueError):
    """Sealed bytes, wrapped key or what they are bound to have been changed, or the key is another."""


def key_id(public: X25519PublicKey) -> bytes:
    """Return the eight bytes by which rows name a public key."""
    return hashlib.sha256(b"fanal/key-id/v1\x00" + raw_public(public)).digest()[:KEY_ID_SIZE]


def raw_public(public: X25519PublicKey) -> bytes:
    """Return the 32 bytes of a public key."""
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_fingerprint(purpose: str, material: bytes) -> bytes:
    """Return SHA-256 over the purpose and the key, under which the table `fanal_key` knows it."""
    return hashlib.sha256(b"fanal/key/" + purpose.encode() + b"\x00" + material).digest()


class Wrapper:
    """Wraps data keys for one public key, with one ephemeral key for the whole batch.

    Each object still gets a wrapping key of its own: HKDF takes the object's id.
    """

    def __init__(self, public: X25519PublicKey) -> None:
        ephemeral = X25519PrivateKey.generate()
        self.key_id = key_id(public)
        self._ephemeral = raw_public(ephemeral.public_key())
        shared = ephemeral.exchange(public)
        self._secret = _extract(shared, self._ephemeral + raw_public(public))

    def wrap(self, data_key: bytes, bound: Bound) -> bytes:
        """Return the wrapped data key, 81 bytes: version, ephemeral public key, sealed key."""
        key = _wrapping_key(self._secret, bound.id)
        sealed = AESGCM(key).encrypt(_ZERO_NONCE, data_key, _bound_bytes(bound))
        return _VERSION + self._ephemeral + sealed


class Unwrapper:
    """Unwraps data keys with one private key; objects wrapped in one batch share one key exchange."""

    def __init__(self, private: X25519PrivateKey) -> None:
        self._private = private
        self._public = raw_public(private.public_key())
        self._secrets: dict[bytes, hmac.HMAC] = {}

    def unwrap(self, wrapped: bytes, bound: Bound) -> bytes:
        """Return the data key of an object.

        Raises:
            EnvelopeRefused: wrong key, or anything of `bound` or `wrapped` was changed.
        """
        if len(wrapped) != WRAPPED_SIZE or wrapped[:1] != _VERSION:
            raise EnvelopeRefused("no wrapped key of version 1")
        try:
            key = _wrapping_key(self._secret(wrapped[1:33]), bound.id)
            return AESGCM(key).decrypt(_ZERO_NONCE, wrapped[33:], _bound_bytes(bound))
        except (InvalidTag, ValueError):
            raise EnvelopeRefused("the wrapped key does not open") from None

    def _secret(self, ephemeral: bytes) -> hmac.HMAC:
        secret = self._secrets.get(ephemeral)
        if secret is None:
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
            secret = _extract(shared, ephemeral + self._public)
            self._secrets[ephemeral] = secret
        return secret


def unwrap(wrapped: bytes, *, private: X25519PrivateKey, bound: Bound) -> bytes:
    """Return the data key of one object.

    Raises:
        EnvelopeRefused: as `Unwrapper.unwrap`.
    """
    return Unwrapper(private).unwrap(wrapped, bound)


def new_data_key() -> bytes:
    """Return a fresh 256-bit data key."""
    return secrets.token_bytes(32)


def seal_content(plaintext: bytes, *, data_key: bytes, object_id: UUID) -> bytes:
    """Return the sealed chunks of bytes that are in memory."""
    if len(plaintext) <= CHUNK:
        aad = _CONTENT_TAG + object_id.bytes
        return AESGCM(data_key).encrypt(_ONLY_NONCE, plaintext, aad)
    return b"".join(seal_chunks(_cut(plaintext), data_key=data_key, object_id=object_id))


def seal_chunks(pieces: Iterable[bytes], *, data_key: bytes, object_id: UUID) -> Iterator[bytes]:
    """Yield sealed chunks of a stream given in pieces of any size; memory stays at one chunk."""
    cipher, aad = AESGCM(data_key), _CONTENT_TAG + object_id.bytes
    number, held = 0, bytearray()
    for piece in pieces:
        held += piece
        # One chunk is kept back: only at the end is it known which one is the last.
        while len(held) > CHUNK:
            yield cipher.encrypt(_nonce(number, last=False), bytes(held[:CHUNK]), aad)
            del held[:CHUNK]
            number += 1
    yield cipher.encrypt(_nonce(number, last=True), bytes(held), aad)


def open_content(sealed: bytes, *, data_key: bytes, object_id: UUID) -> bytes:
    """Return the plaintext of sealed chunks.

    Raises:
        EnvelopeRefused: a bit was changed, or chunks were cut, moved or added.
    """
    size = CHUNK + TAG
    if len(sealed) <= size:
        aad = _CONTENT_TAG + object_id.bytes
        try:
            return AESGCM(data_key).decrypt(_ONLY_NONCE, sealed, aad)
        except (InvalidTag, ValueError):
            raise EnvelopeRefused("the only chunk does not open") from None
    pieces = [sealed[i : i + size] for i in range(0, len(sealed), size)]
    return b"".join(open_chunks(pieces, data_key=data_key, object_id=object_id))


def open_chunks(chunks: Iterable[bytes], *, data_key: bytes, object_id: UUID) -> Iterator[bytes]:
    """Yield the plaintext of sealed chunks, given one by one (each `CHUNK + TAG` bytes but the last).

    Raises:
        EnvelopeRefused: as `open_content`; what was yielded before is genuine, but not yet whole.
    """
    cipher, aad = AESGCM(data_key), _CONTENT_TAG + object_id.bytes
    iterator = iter(chunks)
    chunk = next(iterator, None)
    if chunk is None:
        raise EnvelopeRefused("nothing sealed")
    number = 0
    try:
        for following in iterator:
            yield cipher.decrypt(_nonce(number, last=False), chunk, aad)
            chunk, number = following, number + 1
        yield cipher.decrypt(_nonce(number, last=True), chunk, aad)
    except (InvalidTag, ValueError):
        raise EnvelopeRefused(f"chunk {number} does not open") from None


def seal_box(plaintext: bytes, *, public: X25519PublicKey, context: bytes) -> bytes:
    """Return bytes that only the holder of the private key opens: a message to a receipt, a backup key.

    `context` is bound and must be given again to open.
    """
    ephemeral = X25519PrivateKey.generate()
    head = raw_public(ephemeral.public_key())
    key = _box_key(ephemeral.exchange(public), head + raw_public(public))
    return _VERSION + head + AESGCM(key).encrypt(_ZERO_NONCE, plaintext, _BOX_TAG + context)


def open_box(sealed: bytes, *, private: X25519PrivateKey, context: bytes) -> bytes:
    """Return what `seal_box` sealed.

    Raises:
        EnvelopeRefused: another key or context, or changed bytes.
    """
    if len(sealed) < 1 + 32 + TAG or sealed[:1] != _VERSION:
        raise EnvelopeRefused("no box of version 1")
    head = sealed[1:33]
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(head))
        key = _box_key(shared, head + raw_public(private.public_key()))
        return AESGCM(key).decrypt(_ZERO_NONCE, sealed[33:], _BOX_TAG + context)
    except (InvalidTag, ValueError):
        raise EnvelopeRefused("the box does not open") from None


def sealed_size(size: int) -> int:
    """Return how many bytes `size` bytes of plaintext take when sealed."""
    chunks = max(1, -(-size // CHUNK))
    return size + chunks * TAG


def _cut(plaintext: bytes) -> Iterator[bytes]:
    if len(plaintext) <= CHUNK:
        yield plaintext
        return
    for start in range(0, len(plaintext), CHUNK):
        yield plaintext[start : start + CHUNK]


def _nonce(number: int, *, last: bool) -> bytes:
    return bytes(7) + struct.pack(">IB", number, last)


_ONLY_NONCE = _nonce(0, last=True)


def _bound_bytes(bound: Bound) -> bytes:
    kind = bound.kind.encode()
    return b"".join((_WRAP_TAG, _VERSION, bound.id.bytes, bound.sha256, bound.owner_id.bytes, kind))


def _extract(shared: bytes, salt: bytes) -> hmac.HMAC:
    """Return HMAC under the pseudorandom key of HKDF-SHA256 (RFC 5869, section 2.2), once for a batch."""
    return hmac.new(hmac.digest(salt, shared, "sha256"), digestmod="sha256")


def _wrapping_key(secret: hmac.HMAC, object_id: UUID) -> bytes:
    """Return the first, and here only, block that HKDF expands (RFC 5869, section 2.3): 32 bytes."""
    expanded = secret.copy()
    expanded.update(_WRAP_TAG + object_id.bytes + b"\x01")
    return expanded.digest()


def _box_key(shared: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=_BOX_TAG).derive(shared)
