"""What a page of a partner changes here; the same page again changes nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from uuid import UUID, uuid5

from msgspec import Struct, structs

from fanal.analyse.domain.lists import Item
from fanal.exchange.domain.records import RemoteEntry, TakenEntry


class Plan(Struct, frozen=True, kw_only=True):
    """Items that leave first, items that come (some of them back), and what is known of the entries then."""

    leaving: tuple[UUID, ...]
    coming: tuple[Item, ...]
    taken: tuple[TakenEntry, ...]
    noted: tuple[TakenEntry, ...]
    """Newer dates of what is unchanged, tombstones of what never came: an older page may still come."""
    freed: tuple[str, ...]
    """Values that some item lost: another entry of the source may hold them too."""


def plan(
    entries: Iterable[RemoteEntry], known: Mapping[str, TakenEntry], *, fresh_ids: Sequence[UUID]
) -> Plan:
    """Return what a page changes, given what earlier pages left; `fresh_ids` serve entries never seen.

    Of an entry that stands in the page several times the newest counts, of equally old ones the last; one
    that is older than what was taken is passed over. Where an entry lost a value, all its items leave and
    those it still has come back.
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
    """Return what the partner would say of entries whose stated end has come: gone, as of its last word."""
    return [RemoteEntry(key=t.remote, values=(), deleted=True, at=t.at) for t in taken]


def _is_older(entry: RemoteEntry, other: RemoteEntry | TakenEntry | None) -> bool:
    """Return whether an entry says less lately than `other`, where both say when."""
    return bool(other and entry.at and other.at and entry.at < other.at)


def items_of(entry: TakenEntry) -> list[Item]:
    """Return the items that an entry is here: one, and one more for each further value of the same kind."""
    return [
        Item(values=values, classification=entry.classification, item_id=item_id)
        for item_id, values in layers(entry)
    ]


def without(items: Iterable[Item], values: Set[tuple[str, str]]) -> Iterator[Item]:
    """Yield items without some of their values (kind, value); those that hold nothing else are left out."""
    for item in items:
        kept = {kind: value for kind, value in item.values.items() if (kind, value) not in values}
        if kept:
            yield item if kept == item.values else structs.replace(item, values=kept)


def layers(entry: TakenEntry) -> list[tuple[UUID, dict[str, str]]]:
    """Return the items of an entry with their values; the first has the entry's own id."""
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
