"""What the vault takes and gives: frozen records, no database."""

import re
from dataclasses import dataclass, field
from uuid import UUID

from msgspec import Struct

IDENTITY_KINDS = frozenset({"identity", "address"})
"""Kinds sealed under the identity key: who reported, how to reach them, from which address."""

PACKED_SIZE = 64 * 1024
"""Plaintext bytes up to which an object goes into a pack."""

_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealable:
    """Bytes to seal: whose they are (`owner_id`, mostly a report) and what they are (`kind`, a code)."""

    id: UUID
    owner_id: UUID
    kind: str
    plaintext: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_kind(self.kind)


class SealedObject(Struct, frozen=True, kw_only=True):
    """What sealing learned; hashes in lower-case hex. `md5` and `sha1` are filled by `seal_stream`."""

    id: UUID
    owner_id: UUID
    kind: str
    size: int
    sha256: str
    sha1: str = ""
    md5: str = ""


class Bound(Struct, frozen=True, kw_only=True):
    """What the wrapped key is bound to: change one and the object no longer opens."""

    id: UUID
    owner_id: UUID
    kind: str
    sha256: bytes


class Placed(Struct, frozen=True, kw_only=True):
    """Where sealed bytes are: in a pack at `offset`, or (no pack) in a file named by the id.

    `length` counts sealed bytes, without segment or file header.
    """

    length: int
    pack_id: UUID | None = None
    offset: int | None = None


class StoredObject(Struct, frozen=True, kw_only=True):
    """A row of `vault_object`; `wrapped_key` is None once erased, and never shown."""

    bound: Bound
    size: int
    place: Placed
    wrapped_key: bytes | None
    wrap_key_id: bytes

    def __repr__(self) -> str:
        return f"StoredObject({self.bound}, {self.place})"


def check_kind(kind: str) -> None:
    """Check that a kind is a code of lower-case letters, digits and `_`.

    Raises:
        ValueError: it is not.
    """
    if not _KIND.fullmatch(kind):
        raise ValueError(f"object kind {kind!r} is no code")
