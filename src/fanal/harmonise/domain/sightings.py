"""Keys of selectors (identifiers to compare reports by), and records of sightings, their occurrences."""

import hashlib
from collections.abc import Mapping
from uuid import UUID

from msgspec import Struct

from fanal.harmonise.domain.records import SelectorKind, SelectorRole

# Stored as small numbers: append at the end, never reorder.
ROLE_CODES = {
    SelectorRole.SUSPECT: 1,
    SelectorRole.VICTIM: 2,
    SelectorRole.WITNESS: 3,
    SelectorRole.RECIPIENT: 4,
    SelectorRole.ASSOCIATED: 5,
    SelectorRole.CONTENT: 6,
}
ROLE_OF_CODE = {code: role for role, code in ROLE_CODES.items()}
_BEGUN = {kind: hashlib.sha256(f"{kind}|".encode()) for kind in SelectorKind}


def selector_key(kind: SelectorKind, value: str) -> UUID:
    """Return the key of a selector (an identifier such as an e-mail address), as a UUID.

    It is the first 16 bytes of SHA-256 over `KIND|value`.
    """
    return UUID(bytes=key_bytes(kind, value))


def key_bytes(kind: SelectorKind, value: str) -> bytes:
    """Return the key of a selector (an identifier such as an e-mail address), as 16 bytes.

    They are the first of SHA-256 over `KIND|value`, with the canonical value.
    """
    key = _BEGUN[kind].copy()
    key.update(value.encode())
    return key.digest()[:16]


class Sighting(Struct, frozen=True, kw_only=True):
    """The occurrence of an identifier in one report.

    `key` is the selector key of the identifier, `role` says whose value it is. `at` (RFC 3339, UTC) and
    `port` are the instant and port of its use, None if not stated. `weak`: found in free text.
    """

    key: UUID
    report_id: UUID
    desk_id: int
    role: SelectorRole
    weak: bool
    at: str | None = None
    port: int | None = None


class KeySearch(Struct, frozen=True, kw_only=True):
    """Criteria of a search for selector keys (hashes of identifiers), over the kinds in `kinds`.

    A key matches if an occurrence in a field (not in free text) has a role of `roles`, a desk of `desk_ids`
    (empty: any) and a report id from `since` on. It is excluded if a report of `withheld` holds it, or any
    report with a role of `never`. Reports of `aside` (retracted, unfinished or test reports) cannot make a
    key match. Report ids start with their instant: `since` and `recent` are ids, `recent` is that from which
    occurrences count as recent. `among`: only these keys, None for any.
    """

    kinds: tuple[SelectorKind, ...]
    roles: tuple[SelectorRole, ...]
    desk_ids: tuple[int, ...]
    since: UUID
    recent: UUID
    never: tuple[SelectorRole, ...]
    withheld: tuple[UUID, ...] = ()
    aside: tuple[UUID, ...] = ()
    among: tuple[UUID, ...] | None = None


class HeldKey(Struct, frozen=True, kw_only=True):
    """A selector key (digest of an identifier) found by a search, with the number of its sightings by role.

    A sighting is an occurrence in a report. `total` counts all, `recent` the ones since `KeySearch.recent`.
    """

    key: UUID
    kind: SelectorKind
    recent: Mapping[SelectorRole, int]
    total: Mapping[SelectorRole, int]


class Sightings(Struct, frozen=True, kw_only=True):
    """The newest sightings (occurrences in reports) of the identifier with this key, and the number of all.

    `count` stops at a bound; `bounded` says that it did, and that there are more.
    """

    key: UUID
    newest: tuple[Sighting, ...]
    count: int
    bounded: bool


class FoundSelector(Struct, frozen=True, kw_only=True):
    """A selector (identifier) found by a search: key, kind and value.

    `count` is the number of its occurrences in reports of the actor's desks, up to a bound. `otherwise` are
    the codes of its differences from the text searched for (`written_otherwise`), () for none.
    """

    key: UUID
    kind: SelectorKind
    value: str
    count: int
    otherwise: tuple[str, ...] = ()


class Revision(Struct, frozen=True, kw_only=True):
    """One harmonisation of a report: its number from 1, its time (RFC 3339), and the version of the rules.

    A report is harmonised again when it is replayed; earlier results stay.
    """

    revision: int
    written_at: str
    rule_version: str


class Failure(Struct, frozen=True, kw_only=True):
    """A report that could not be harmonised: its code, and the exception's class name (`detail`).

    `detail` is empty without an exception (DESK_MISSING). Neither contains a value of the report.
    """

    report_id: UUID
    code: str
    detail: str


class Erased(Struct, frozen=True, kw_only=True):
    """The numbers of rows that an erasure of reports deleted, by table.

    The tables: revisions of records, search texts, sightings (occurrences of identifiers), selectors
    (identifiers).
    """

    records: int
    texts: int
    sightings: int
    selectors: int
