"""Envelope encryption, version 1: one data key per object, wrapped for an X25519 public key.

Content is encrypted with AES-256-GCM in chunks of 64 KiB by the STREAM construction (Hoang, Reyhanitabar,
Rogaway, Vizár 2015): the nonce contains the chunk's number and whether it is the last, so that chunks cannot
be truncated, reordered or repeated. A data key is random and used for a single object, so the nonce may
start at zero each time.
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
    """Error: sealed bytes do not open: they, the key or the authenticated data are altered or wrong."""


def key_id(public: X25519PublicKey) -> bytes:
    """Return the eight bytes that name a public key in database rows of the vault."""
    return hashlib.sha256(b"fanal/key-id/v1\x00" + raw_public(public)).digest()[:KEY_ID_SIZE]


def raw_public(public: X25519PublicKey) -> bytes:
    """Return the 32 raw bytes of a public key."""
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_fingerprint(purpose: str, material: bytes) -> bytes:
    """Return the SHA-256 of a key's `purpose` (its use) and bytes (`material`): its name in `fanal_key`."""
    return hashlib.sha256(b"fanal/key/" + purpose.encode() + b"\x00" + material).digest()


class Wrapper:
    """Encrypts (wraps) data keys for one public key; one ephemeral key pair serves all objects of a batch.

    Each object still has its own wrapping key, because its id is an input of HKDF.
    """

    def __init__(self, public: X25519PublicKey) -> None:
        ephemeral = X25519PrivateKey.generate()
        self.key_id = key_id(public)
        self._ephemeral = raw_public(ephemeral.public_key())
        shared = ephemeral.exchange(public)
        self._secret = _extract(shared, self._ephemeral + raw_public(public))

    def wrap(self, data_key: bytes, bound: Bound) -> bytes:
        """Wrap (encrypt) a data key: 81 bytes, made of version, ephemeral public key and encrypted key.

        `bound` (id, owner, kind and digest of the object) is authenticated with it.
        """
        key = _wrapping_key(self._secret, bound.id)
        sealed = AESGCM(key).encrypt(_ZERO_NONCE, data_key, _bound_bytes(bound))
        return _VERSION + self._ephemeral + sealed


class Unwrapper:
    """Decrypts (unwraps) data keys with one private key.

    Keys wrapped in one batch share a key exchange (X25519), whose result is kept for the later keys of the
    batch.
    """

    def __init__(self, private: X25519PrivateKey) -> None:
        self._private = private
        self._public = raw_public(private.public_key())
        self._secrets: dict[bytes, hmac.HMAC] = {}

    def unwrap(self, wrapped: bytes, bound: Bound) -> bytes:
        """Unwrap (decrypt) the data key of an object (`wrapped`, 81 bytes).

        `bound` is the authenticated data of the object, as when its key was wrapped.

        Raises:
            EnvelopeRefused: wrong key, or `bound` or `wrapped` was altered.
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
    """Unwrap (decrypt) the data key of one object; for several objects, use an `Unwrapper`.

    `bound` is the authenticated data of the object, as when its key was wrapped.

    Raises:
        EnvelopeRefused: wrong key, or `bound` or `wrapped` was altered.
    """
    return Unwrapper(private).unwrap(wrapped, bound)


def new_data_key() -> bytes:
    """Generate a random 256-bit data key."""
    return secrets.token_bytes(32)


def seal_content(plaintext: bytes, *, data_key: bytes, object_id: UUID) -> bytes:
    """Encrypt bytes held in memory with an object's data key; return the sealed chunks, concatenated."""
    if len(plaintext) <= CHUNK:
        aad = _CONTENT_TAG + object_id.bytes
        return AESGCM(data_key).encrypt(_ONLY_NONCE, plaintext, aad)
    return b"".join(seal_chunks(_cut(plaintext), data_key=data_key, object_id=object_id))


def seal_chunks(pieces: Iterable[bytes], *, data_key: bytes, object_id: UUID) -> Iterator[bytes]:
    """Encrypt a stream of pieces of any size; yield sealed chunks; memory use stays at one chunk.

    `data_key` and `object_id` are those of the object; the id is authenticated with each chunk.
    """
    cipher, aad = AESGCM(data_key), _CONTENT_TAG + object_id.bytes
    number, held = 0, bytearray()
    for piece in pieces:
        held += piece
        # Keep one chunk back: only the end of the stream shows which chunk is the last.
        while len(held) > CHUNK:
            yield cipher.encrypt(_nonce(number, last=False), bytes(held[:CHUNK]), aad)
            del held[:CHUNK]
            number += 1
    yield cipher.encrypt(_nonce(number, last=True), bytes(held), aad)


def open_content(sealed: bytes, *, data_key: bytes, object_id: UUID) -> bytes:
    """Decrypt the concatenated sealed chunks of an object with its data key.

    Raises:
        EnvelopeRefused: another key or object, a bit was altered, or chunks were removed, reordered or added.
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
    """Decrypt sealed chunks one by one (each `CHUNK + TAG` bytes, except the last) and yield the plaintext.

    `data_key` and `object_id` are those of the object.

    Raises:
        EnvelopeRefused: another key or object, a bit was altered, or chunks were removed, reordered or added;
            plaintext yielded before is authentic, but possibly truncated.
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
    """Encrypt bytes to a public key (sealed box), for a message to a receipt code or a backup key.

    `context` is authenticated, not stored, and must be given again for decryption.
    """
    ephemeral = X25519PrivateKey.generate()
    head = raw_public(ephemeral.public_key())
    key = _box_key(ephemeral.exchange(public), head + raw_public(public))
    return _VERSION + head + AESGCM(key).encrypt(_ZERO_NONCE, plaintext, _BOX_TAG + context)


def open_box(sealed: bytes, *, private: X25519PrivateKey, context: bytes) -> bytes:
    """Decrypt with a private key the bytes that `seal_box` encrypted, with the same `context`.

    Raises:
        EnvelopeRefused: another key or context, or altered bytes.
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
    """Return the size in bytes of `size` bytes of plaintext once sealed (encrypted)."""
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
    """Return an HMAC under the pseudorandom key of HKDF-Extract (RFC 5869, section 2.2), once per batch.

    `shared`, the secret of the Diffie–Hellman exchange, is the input keying material; `salt` is both public
    keys.
    """
    return hmac.new(hmac.digest(salt, shared, "sha256"), digestmod="sha256")


def _wrapping_key(secret: hmac.HMAC, object_id: UUID) -> bytes:
    """Return the first and only block of HKDF-Expand (RFC 5869, section 2.3): a wrapping key of 32 bytes.

    `secret` is the result of `_extract`; the object's id is the context.
    """
    expanded = secret.copy()
    expanded.update(_WRAP_TAG + object_id.bytes + b"\x01")
    return expanded.digest()


def _box_key(shared: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=_BOX_TAG).derive(shared)
