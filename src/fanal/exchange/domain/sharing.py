"""Rules of sharing, in both directions. Pure and idempotent.

They say which lists and values may go to whom, the addresses of sources, and the changes that a page of a
partner's list makes here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from msgspec import Struct, structs

from fanal.accounts.domain.records import OrganisationKind
from fanal.analyse.material.domain.lists import (
    ChangedItem,
    Item,
    ListAttributes,
    MatchScope,
    Sharing,
)
from fanal.exchange.domain.records import RemoteEntry, TakenEntry
from fanal.kernel.refusal import Refusal

# Addresses of sources: https addresses of other machines, checked at each call.

MAX_URL: Final = 500
MAX_NAME: Final = 100
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def checked_url(url: str, *, loopback: bool = False) -> str:
    """Validate the URL of a service and return it without final slashes.

    It must be https, without user, password, query or fragment. `loopback` also allows http to this machine,
    for demo databases whose partners are tests. The address that the name resolves to is checked at every
    call.

    Raises:
        Refusal: ADDRESS (not such a URL, or over 500 characters), or NOT_HTTPS (a plain http URL).
    """
    if (
        len(url) > MAX_URL
        or not url.isascii()
        or not url.isprintable()
        or any(c in url for c in " \\")
    ):
        raise Refusal("exchange", "ADDRESS")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Refusal("exchange", "ADDRESS") from None
    plain = not (parts.username or parts.password or parts.query or parts.fragment or "@" in url)
    if not host or not plain or "?" in url or "#" in url:
        raise Refusal("exchange", "ADDRESS")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback and host in _LOOPBACK):
        raise Refusal("exchange", "NOT_HTTPS")
    return url.rstrip("/")


HASH_KINDS: Final = ("PDQ", "MD5", "SHA1", "SHA256")
"""Kinds of hashes that are shared. Addresses of material never are, whatever the list."""


def may_receive(attributes: ListAttributes, *, body: OrganisationKind) -> bool:
    """Return whether an organisation of kind `body` may receive entries of a list with these attributes.

    The result is False for a list without a legal basis, or of known false alarms. A list's sharing limit is
    the desk, authorities, or all partners. A standing instruction is required too; this function does not
    check it.
    """
    if not attributes.legal_basis or attributes.scope is not MatchScope.MATCH:
        return False
    if attributes.sharing is Sharing.AUTHORITIES:
        return body is OrganisationKind.AUTHORITY
    return attributes.sharing is Sharing.PARTNERS


def hashes_of(item: ChangedItem) -> dict[str, str]:
    """Return the hashes of a list entry (`item`) by kind, in the order PDQ, MD5, SHA1, SHA256.

    The result is empty for an entry that is withdrawn or a known false alarm.
    """
    if item.withdrawn_at is not None or item.scope is not MatchScope.MATCH:
        return {}
    held = dict(item.values)
    return {kind: held[kind] for kind in HASH_KINDS if kind in held}


class Plan(Struct, frozen=True, kw_only=True):
    """The changes to our list made by a page of a partner's: items to withdraw (`leaving`), then to add.

    `coming` are the items to add, some of them again; `taken` the changed entries of the partner to store.
    `noted` are entries to store without a change of items, `freed` the values (`KIND:value`) removed from an
    item.
    """

    leaving: tuple[UUID, ...]
    coming: tuple[Item, ...]
    taken: tuple[TakenEntry, ...]
    noted: tuple[TakenEntry, ...]
    """Unchanged entries with a newer date, and tombstones of unknown entries: an older page may follow."""
    freed: tuple[str, ...]
    """Values removed from an item: another entry of the list's sources may contain them too."""


def plan(
    entries: Iterable[RemoteEntry], known: Mapping[str, TakenEntry], *, fresh_ids: Sequence[UUID]
) -> Plan:
    """Compute the changes to our list from a page of a partner's `entries`.

    `known` are the entries stored so far, by the partner's key; `fresh_ids` are item ids for unknown entries.
    If the page has an entry several times, the newest counts (the last among equally old ones); an entry
    older than the known one is ignored. If an entry lost a value, all its items are withdrawn and those with
    remaining values are added again.
    """
    last: dict[str, RemoteEntry] = {}
    for entry in entries:
        if not _is_older(entry, last.get(entry.key)):
            last[entry.key] = entry
    spare = iter(fresh_ids)
    leaving: list[UUID] = []
    coming: list[Item] = []
    taken: list[TakenEntry] = []
    noted: list[TakenEntry] = []
    freed: set[str] = set()
    for key, entry in last.items():
        before = known.get(key)
        if _is_older(entry, before):
            continue
        held = () if entry.deleted else tuple(sorted({f"{k}:{v}" for k, v in entry.values}))
        now = TakenEntry(
            remote=key,
            item_id=before.item_id if before else next(spare),
            held=held,
            classification=entry.classification if held else "",
            at=entry.at,
            until=entry.until if held else None,
        )
        same = before is not None and structs.replace(before, at=now.at) == now
        if same or (before is None and not held):
            noted += [now] if entry.at and now != before and (same or entry.deleted) else []
            continue
        lost = set(before.held) - set(held) if before else set()
        if before and lost:
            leaving += [item_id for item_id, _ in layers(before)]
            freed |= lost
        coming += items_of(now)
        taken.append(now)
    return Plan(
        leaving=tuple(leaving),
        coming=tuple(coming),
        taken=tuple(taken),
        noted=tuple(noted),
        freed=tuple(sorted(freed)),
    )


def ended(taken: Iterable[TakenEntry]) -> list[RemoteEntry]:
    """Return a deletion for each of the stored entries `taken`, whose end of validity has passed.

    The caller has checked that it has passed. A deletion carries the date of the partner's last statement on
    the entry, so that a later statement of the partner takes precedence.
    """
    return [RemoteEntry(key=t.remote, values=(), deleted=True, at=t.at) for t in taken]


def _is_older(entry: RemoteEntry, other: RemoteEntry | TakenEntry | None) -> bool:
    """Return whether a partner's list entry is older than `other`; False unless both have a date."""
    return bool(other and entry.at and other.at and entry.at < other.at)


def items_of(entry: TakenEntry) -> list[Item]:
    """Return the list items for a partner's entry, each with at most one value of a kind.

    An entry with three MD5 gives three items; the first has the entry's id. A withdrawn entry gives none.
    """
    return [
        Item(values=values, classification=entry.classification, item_id=item_id)
        for item_id, values in layers(entry)
    ]


def without(items: Iterable[Item], values: Set[tuple[str, str]]) -> Iterator[Item]:
    """Yield list items without the (kind, value) pairs in `values`; items left without values are omitted."""
    for item in items:
        kept = {kind: value for kind, value in item.values.items() if (kind, value) not in values}
        if kept:
            yield item if kept == item.values else structs.replace(item, values=kept)


def layers(entry: TakenEntry) -> list[tuple[UUID, dict[str, str]]]:
    """Distribute the values of a partner's entry over items with at most one value of each kind.

    Returns (item id, values by kind); the first item has the entry's own `item_id`, others a UUID derived
    from it (version 5).
    """
    found: list[dict[str, str]] = []
    for text in entry.held:
        kind, _, value = text.partition(":")
        free = next((values for values in found if kind not in values), None)
        if free is None:
            found.append(free := {})
        free[kind] = value
    return [
        (uuid5(entry.item_id, str(number)) if number else entry.item_id, values)
        for number, values in enumerate(found)
    ]
