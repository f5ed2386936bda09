"""Records of the ledger, frozen and independent of the database, and the actions that it records.

Each action has its legal verb (Loi 78-17, article 101).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from importlib import resources
from types import MappingProxyType
from uuid import UUID

from msgspec import Struct


class Verb(StrEnum):
    """The operations that article 101 of Loi 78-17 requires a log to record.

    They are collecte, modification, consultation, communication, interconnexion and effacement. The article
    counts transfers as communication; here they are a separate verb.
    """

    COLLECTION = "COLLECTION"
    MODIFICATION = "MODIFICATION"
    CONSULTATION = "CONSULTATION"
    COMMUNICATION = "COMMUNICATION"
    TRANSFER = "TRANSFER"
    INTERCONNECTION = "INTERCONNECTION"
    ERASURE = "ERASURE"


class UnknownVerb(ValueError):
    """Error: the action has no verb in `actions.toml`."""


def parse_actions(text: str) -> dict[str, Verb]:
    """Parse TOML lines `VERB = [actions]` and return the verb by action.

    Raises:
        ValueError: not TOML, a key is not a verb, or an action is not a text or occurs twice.
        TypeError: a value is not a list.
    """
    verbs: dict[str, Verb] = {}
    for key, actions in tomllib.loads(text).items():
        verb = Verb(key)
        if not isinstance(actions, list):
            raise TypeError(f"{key} must list actions")
        for action in actions:
            if not isinstance(action, str) or action in verbs:
                raise ValueError(f"action {action!r} is no code or stands twice")
            verbs[action] = verb
    return verbs


VERBS: Mapping[str, Verb] = MappingProxyType(
    parse_actions(resources.files(__package__).joinpath("actions.toml").read_text("utf-8"))
)


def verb_of(action: str) -> Verb:
    """Return the kind of processing (legal verb, such as ERASURE) that an action counts as.

    Raises:
        UnknownVerb: the action is not listed in `actions.toml`.
    """
    try:
        return VERBS[action]
    except KeyError:
        raise UnknownVerb(f"action {action!r} is not in ledger/domain/actions.toml") from None


MAX_KIND_LENGTH = 32


class ObjectRef(Struct, frozen=True, kw_only=True):
    """A reference from an entry to an object: its kind (a code), its id, a keyed digest of its content.

    `digest` has at most 32 bytes; it is None if the entry states nothing of the content.
    """

    kind: str
    id: UUID
    digest: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The content of a ledger entry: which act (`action`, a code) was done when (`at`) by whom.

    `actor_id` is the person, `verb` the legal kind of the action, `detail` further codes, ids and numbers
    of the act. `partner_id` is the organisation of a partner's program or staff, else None. `object_count`
    is the number of objects concerned, `object_root` the Merkle root over them, sorted by canonical bytes.
    `motive_digest` is the keyed digest of the purpose, None without one.
    """

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
    """A ledger entry with the values of its database columns, for comparison with its canonical body.

    `action` is the code of the act, `verb` its legal kind, `actor_id` the person. `at` is the time of the
    act, `db_at` that of insertion. `objects` is None if they are compared separately, `motive` if no
    purpose is stored. `writer` is the database role that inserted the entry, None in older entries (leaf
    version 1).
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
    """A link of the hash chain: the number of an entry (`seq`, from 1) with its hashes (32 bytes each).

    `leaf_hash` is that of the entry, `prev_hash` the chain hash of the previous link, `chain_hash` its own.
    `recorded_at` is the entry's insertion time, `numbered_at` that of its numbering.
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
    """An entry of the ledger as shown on pages.

    `action` is the code of the act, `verb` its legal kind, `at` its time, `motive` the purpose ("" without
    one), `detail` further codes and numbers. `actor_id` is the person, `partner_id` the organisation of a
    partner's program or staff, else None. `seq` is the number of the entry, None until it has one;
    `object_count` is the number of objects that it names. `writer` is the database role that inserted the
    entry, empty in older entries (leaf version 1).
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
