"""Records of the ledger: frozen, independent of the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.ledger.domain.actions import Verb

MAX_KIND_LENGTH = 32


class ObjectRef(Struct, frozen=True, kw_only=True):
    """A reference from an entry to an object: its kind (a code), its id, a keyed digest of its content.

    `digest` has at most 32 bytes; None if the entry states no content.
    """

    kind: str
    id: UUID
    digest: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The content of an entry; `object_root` is the Merkle root of its objects, sorted by canonical bytes."""

    id: UUID
    at: datetime
    action: str
    verb: Verb
    actor_id: UUID
    partner_id: UUID | None = None
    detail: Mapping[str, str | int] = field(default_factory=dict)
    motive_digest: bytes | None = None
    object_count: int
    object_root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry with the values of its database columns, for comparison with its canonical body.

    `objects` is None if they are compared separately, `motive` if no purpose is stored. `writer` is the
    database role that inserted the entry, None in older entries (leaf version 1).
    """

    id: UUID
    at: datetime
    db_at: datetime
    action: str
    verb: str
    actor_id: UUID
    body: bytes
    objects: tuple[ObjectRef, ...] | None = ()
    motive: str | None = None
    writer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """A link of the hash chain: an entry's number from 1, its leaf hash, and chain hashes (32 bytes each).

    `recorded_at` is the entry's insertion time.
    """

    seq: int
    entry_id: UUID
    recorded_at: datetime
    numbered_at: datetime
    leaf_hash: bytes
    prev_hash: bytes
    chain_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """An entry as shown on pages; `seq` is its number, None until it has one.

    `writer` is the database role that inserted the entry, empty in older entries (leaf version 1).
    """

    id: UUID
    seq: int | None
    at: datetime
    action: str
    verb: str
    actor_id: UUID
    partner_id: UUID | None
    motive: str
    detail: Mapping[str, str | int]
    object_count: int
    writer: str = ""
