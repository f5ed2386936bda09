"""What the ledger takes and gives: frozen records, no database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.ledger.domain.actions import Verb

MAX_KIND_LENGTH = 32


class ObjectRef(Struct, frozen=True, kw_only=True):
    """One object an entry names: its kind (a code), its id, and a keyed digest of its content.

    `digest` is at most 32 bytes; None where the entry says only that the object was touched.
    """

    kind: str
    id: UUID
    digest: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one entry says; `object_root` is the Merkle root of its objects, in canonical order."""

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
    """An entry as its columns hold it: what `verify` compares with the canonical body.

    `objects` is None where they are compared in a pass of their own. `writer` is the database role that
    inserted it, None in an entry of leaf version 1.
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
    """The place of an entry: number from 1, leaf hash, and the hash chain (32 bytes each)."""

    seq: int
    entry_id: UUID
    recorded_at: datetime
    numbered_at: datetime
    leaf_hash: bytes
    prev_hash: bytes
    chain_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """An entry as pages show it; `seq` is None while it waits for its number.

    `writer` is the database role that inserted it, empty in an entry of leaf version 1.
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
