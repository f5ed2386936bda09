"""The key of a selector, and what is known of where it was seen."""

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
    """Return the key of a selector: the first 16 bytes of SHA-256 over `KIND|value`."""
    return UUID(bytes=key_bytes(kind, value))


def key_bytes(kind: SelectorKind, value: str) -> bytes:
    """Return the key as 16 bytes."""
    key = _BEGUN[kind].copy()
    key.update(value.encode())
    return key.digest()[:16]


class Sighting(Struct, frozen=True, kw_only=True):
    """One report in which a selector was seen; `at` is the instant it was used (RFC 3339, UTC)."""

    key: UUID
    report_id: UUID
    desk_id: int
    role: SelectorRole
    weak: bool
    at: str | None = None
    port: int | None = None


class KeySearch(Struct, frozen=True, kw_only=True):
    """Which keys are looked for: those with a sighting in a field of its own that all of the first four open.

    `desk_ids` empty means all; ids of reports stand for instants: `since` opens, `recent` divides counts. A
    key is left out where a report of `withheld` holds it, or any report in a role of `never`; reports of
    `aside` open none.
    """

    kinds: tuple[SelectorKind, ...]
    roles: tuple[SelectorRole, ...]
    desk_ids: tuple[int, ...]
    since: UUID
    recent: UUID
    never: tuple[SelectorRole, ...]
    withheld: tuple[UUID, ...] = ()
    aside: tuple[UUID, ...] = ()


class HeldKey(Struct, frozen=True, kw_only=True):
    """A key that a search found, and how many sightings hold it by role, recently and in all."""

    key: UUID
    kind: SelectorKind
    recent: Mapping[SelectorRole, int]
    total: Mapping[SelectorRole, int]


class Sightings(Struct, frozen=True, kw_only=True):
    """The newest sightings of one selector, and how many there are up to a bound.

    `count` stops at the bound that was asked for; `bounded` says that it did.
    """

    key: UUID
    newest: tuple[Sighting, ...]
    count: int
    bounded: bool


class FoundSelector(Struct, frozen=True, kw_only=True):
    """A selector that a search met; `count` as in `Sightings`, of the actor's own desks only."""

    key: UUID
    kind: SelectorKind
    value: str
    count: int


class Revision(Struct, frozen=True, kw_only=True):
    """One harmonisation of a report: its number from 1, when it was written (RFC 3339), by which rules."""

    revision: int
    written_at: str
    rule_version: str


class Failure(Struct, frozen=True, kw_only=True):
    """A report that could not be harmonised: a code, and a detail that holds no value of the report."""

    report_id: UUID
    code: str
    detail: str


class Erased(Struct, frozen=True, kw_only=True):
    """What `erase` took away, in rows."""

    records: int
    texts: int
    sightings: int
    selectors: int
