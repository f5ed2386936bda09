"""Records of the vault: frozen, independent of the database."""

import re
from dataclasses import dataclass, field
from uuid import UUID

from msgspec import Struct

IDENTITY_KINDS = frozenset({"identity", "address"})
"""Kinds sealed under the identity key: the reporter's identity, contact data and network address."""

PACKED_SIZE = 64 * 1024
"""Largest plaintext, in bytes, that is stored in a pack rather than in a separate file."""

_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealable:
    """Bytes to seal (encrypt), with their owner (`owner_id`, mostly a report) and their `kind`.

    A kind is a code such as `identity`; the constructor raises `ValueError` for any other text
    (`check_kind`). `plaintext` is left out of `repr`.
    """

    id: UUID
    owner_id: UUID
    kind: str
    plaintext: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_kind(self.kind)


class SealedObject(Struct, frozen=True, kw_only=True):
    """Record of a sealed (encrypted) object; hashes are those of the plaintext, in lower-case hexadecimal.

    `owner_id` is the id under which the object can be erased, mostly a report's; `kind` is a code such as
    `identity`; `size` is that of the plaintext in bytes. For identities `sha256` is a keyed digest. Only
    `seal_stream` sets `md5` and `sha1`; otherwise they are empty.
    """

    id: UUID
    owner_id: UUID
    kind: str
    size: int
    sha256: str
    sha1: str = ""
    md5: str = ""


class Bound(Struct, frozen=True, kw_only=True):
    """Authenticated data (AEAD) of a wrapped data key: the object's id, owner, kind and plaintext digest.

    `sha256` is that digest, keyed for identities. If any of the fields is altered, the object can no longer
    be decrypted.
    """

    id: UUID
    owner_id: UUID
    kind: str
    sha256: bytes


class Placed(Struct, frozen=True, kw_only=True):
    """Location of the encrypted bytes of an object on disk.

    They lie at `offset` in the pack `pack_id` (a file of many objects), or in a file named by the object's
    id if both are None. `length` is their number, without the header of the segment or file.
    """

    length: int
    pack_id: UUID | None = None
    offset: int | None = None


class StoredObject(Struct, frozen=True, kw_only=True):
    """A row of `vault_object`: one sealed object.

    `bound` is its id, owner, kind and digest, `size` that of the plaintext in bytes, `place` the location
    of its sealed bytes. `wrapped_key` is the encrypted data key, None once erased; it is left out of
    `repr`. `wrap_key_id` names the public key for which it is wrapped.
    """

    bound: Bound
    size: int
    place: Placed
    wrapped_key: bytes | None
    wrap_key_id: bytes

    def __repr__(self) -> str:
        return f"StoredObject({self.bound}, {self.place})"


def check_kind(kind: str) -> None:
    """Check that a kind is a code: a lower-case letter, then lower-case letters, digits and `_`, at most 32.

    Raises:
        ValueError: the kind is invalid.
    """
    if not _KIND.fullmatch(kind):
        raise ValueError(f"object kind {kind!r} is no code")
