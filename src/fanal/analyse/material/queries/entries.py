"""Queries on entries of known material: by value or id, and changes for the hash index.

Readers outside the desk get the feed of changes, in pages of constant cost, and the list export.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from django.db import connection
from msgspec import Struct

from fanal.analyse.material.domain.known import KnownEntry
from fanal.analyse.material.domain.lists import (
    ChangedItem,
    EntryStanding,
    Feed,
    FeedPlace,
    MatchScope,
)
from fanal.analyse.material.queries.lists import as_array, count_votes, get_asides, get_lists
from fanal.db import sql
from fanal.db.sql import text_array
from fanal.formats.indicators import Indicator, written_instant

_ENTRIES = (
    "SELECT e.id, e.item_id, e.list_id, e.kind, e.value, e.classification, e.scope"
    " FROM analyse_entry e"
)
# OFFSET forces one index look-up per value; otherwise the planner reads all lists for a batch.
_HELD = (
    "SELECT e.* FROM unnest(%s::text[], %s::text[]) AS asked (kind, value)"  # noqa: S608 - as above
    f" CROSS JOIN LATERAL ({_ENTRIES} WHERE e.kind = asked.kind AND e.value = asked.value"
    " AND e.withdrawn_at IS NULL OFFSET 0) e ORDER BY e.id"
)
# Most lists hold one or two kinds of hashes, and a report has sixteen values of six kinds. Ordered as the
# index, since the planner would otherwise scan the lists for a kind that none holds.
_LISTED = (
    "SELECT asked.kind FROM unnest(%s::text[]) AS asked (kind) CROSS JOIN LATERAL ("
    "SELECT FROM analyse_entry e"
    " WHERE e.kind = asked.kind AND e.withdrawn_at IS NULL ORDER BY e.value LIMIT 1) e"
)
_Row: TypeAlias = tuple[UUID, UUID, UUID, str, str, str, str]
_HIGHEST = UUID(int=(1 << 128) - 1)
_PORTION = 50_000
_UNSAID = EntryStanding()


def count_withdrawn_due(*, edges: Sequence[datetime]) -> list[int]:
    """Count the withdrawn values of lists in intervals of their withdrawal; the caller has checked the
    right.

    `edges` are ascending instants. The result has as many numbers: first that of withdrawals before the
    first edge, then for each following edge those since the edge before it.
    """
    return sql.by_slot(
        "SELECT width_bucket(withdrawn_at, %(edges)s::timestamptz[]), count(*) FROM analyse_entry"
        " WHERE withdrawn_at < %(last)s GROUP BY 1",
        {"edges": list(edges), "last": edges[-1]},
        slots=len(edges),
    )


class ListChange(Struct, frozen=True, kw_only=True):
    """A change of the lists of known material, which identifies the state of a database.

    `number` is the change's number, `entry_id` the id of one row that it changed: another database, or an
    older backup, has no such row under that number.
    """

    number: int
    entry_id: UUID


def lists_version() -> str:
    """Return the common version of all lists of known material, "" without any.

    It changes with every change of a list.
    """
    row = sql.row("SELECT count(*), coalesce(sum(version), 0) FROM analyse_list")
    return f"lists/{row[0]}.{row[1]}" if row and row[0] else ""


def entries_of(*, values: Iterable[tuple[str, str]]) -> list[KnownEntry]:
    """Return the list entries, not withdrawn, that hold one of the (kind, value) pairs, the oldest row
    first.

    A pair is such as (MD5, digest). Values are compared for equality: similar pictures do not count.
    """
    pairs = list(values)
    if not pairs:
        return []
    listed = {kind for (kind,) in sql.rows(_LISTED, [text_array({kind for kind, _ in pairs})])}
    asked = [pair for pair in pairs if pair[0] in listed]
    if not asked:
        return []
    kinds, wanted = zip(*asked, strict=True)
    return list(_entries(sql.rows(_HELD, [text_array(kinds), text_array(wanted)])).values())


def entries_by_id(*, ids: Sequence[UUID]) -> dict[UUID, KnownEntry]:
    """Return the list entries, not withdrawn, by row id; `ids` are of rows (single values), not items.

    Ids of withdrawn or unknown rows have no key.
    """
    if not ids:
        return {}
    found = sql.rows(
        f"{_ENTRIES} WHERE e.id = ANY(%s::uuid[]) AND e.withdrawn_at IS NULL", [list(ids)]
    )
    return _entries(found)


def _entries(rows: Sequence[_Row]) -> dict[UUID, KnownEntry]:
    """Return the list entries of database rows by row id, with the attributes and votes of their lists."""
    if not rows:
        return {}
    lists = get_lists()
    standings = get_standings(item_ids={row[1] for row in rows})
    return {
        row[0]: KnownEntry(
            entry_id=row[1],
            listed=lists[row[2]],
            kind=row[3],
            value=row[4],
            classification=row[5],
            scope=row[6],
            standing=standings.get(row[1], _UNSAID),
        )
        for row in rows
    }


def get_standings(*, item_ids: Iterable[UUID]) -> dict[UUID, EntryStanding]:
    """Return votes and suspension of each list entry, by item id; an entry with neither is absent."""
    item_ids = set(item_ids)
    votes, asides = count_votes(item_ids=item_ids), get_asides(item_ids=item_ids)
    found: dict[UUID, EntryStanding] = {}
    for item_id in votes.keys() | asides.keys():
        ups, downs, last = votes.get(item_id, (0, 0, None))
        found[item_id] = EntryStanding(ups=ups, downs=downs, last=last, aside=asides.get(item_id))
    return found


def newest_change() -> ListChange | None:
    """Return the last change of the lists of known material; None without any entry."""
    row = sql.row("SELECT change, id FROM analyse_entry ORDER BY change DESC, id DESC LIMIT 1")
    return None if row is None else ListChange(number=row[0], entry_id=row[1])


def is_change_known(*, change: ListChange) -> bool:
    """Return whether this database contains `change`; another database or an older backup does not."""
    row = sql.row(
        "SELECT EXISTS (SELECT FROM analyse_entry WHERE id = %s AND change >= %s)",
        [change.entry_id, change.number],
    )
    return bool(row and row[0])


def changed_hashes(*, after: int, upto: int) -> Iterator[tuple[UUID, str, bool]]:
    """Yield (row id, PDQ hash, whether not withdrawn) of changed list values, in the order of change.

    Values of other kinds are left out. Changes with a number above `after` up to and including `upto`
    count. Rows are read in portions, so that lists of millions are never held in memory.
    """
    with connection.cursor() as cursor:
        last: tuple[int, UUID] = (after, _HIGHEST)
        while True:
            cursor.execute(
                "SELECT change, id, kind, value, withdrawn_at IS NULL FROM analyse_entry"
                " WHERE (change, id) > (%s, %s) AND change <= %s ORDER BY change, id LIMIT %s",
                [*last, upto, _PORTION],
            )
            rows = cursor.fetchall()
            yield from ((row[1], row[3], row[4]) for row in rows if row[2] == "PDQ")
            if len(rows) < _PORTION:
                return
            last = (rows[-1][0], rows[-1][1])


def count_changed(*, after: int) -> int:
    """Return the number of list values of any kind changed after the change number `after`."""
    row = sql.row("SELECT count(*) FROM analyse_entry WHERE change > %s", [after])
    return int(row[0]) if row else 0


_FIRST = UUID(int=0)
_FEED = """
    SELECT c.number, c.at, e.item_id
    FROM analyse_change c
    CROSS JOIN LATERAL (
        SELECT DISTINCT e.item_id FROM analyse_entry e
        WHERE e.change = c.number AND e.item_id > CASE
            WHEN c.number = %(change)s THEN %(item)s::uuid
            ELSE '00000000-0000-0000-0000-000000000000'::uuid END
        ORDER BY e.item_id LIMIT %(limit)s
    ) e
    WHERE c.number >= %(change)s
    AND (%(lists)s::uuid[] IS NULL OR c.list_id = ANY(%(lists)s::uuid[]))
    ORDER BY c.number, e.item_id LIMIT %(limit)s
"""
_ROWS = (
    "SELECT item_id, list_id, change, kind, value, classification, scope, added_at, withdrawn_at, ends_at"
    " FROM analyse_entry WHERE item_id = ANY(%s::uuid[]) ORDER BY item_id, kind, value, change"
)
_FeedRow: TypeAlias = tuple[
    UUID, UUID, int, str, str, str, str, datetime, datetime | None, datetime | None
]


def entries_changed(
    *,
    after: FeedPlace | None = None,
    limit: int,
    list_ids: Sequence[UUID] | None = None,
) -> Feed:
    """Return a page of the feed of changes after a position: list entries by their last change.

    An entry appears at the position of its last change, in its present state; withdrawn ones as tombstones.
    List export uses this order; members of the exchange are served by time instead (`exchange`). `after`
    None is the beginning; `list_ids` limits the feed to some lists. The cost of a page is constant. A page
    may hold fewer entries than `limit`, since an entry that changed again comes later: only `next` None
    marks the end.
    """
    place = after or FeedPlace(change=0, item_id=_FIRST)
    places = sql.rows(
        _FEED,
        {
            "change": place.change,
            "item": place.item_id,
            "limit": limit,
            "lists": as_array(list_ids),
        },
    )
    items = {item.item_id: item for item in get_items(item_ids=[row[2] for row in places]).values()}
    found = (items[item_id] for number, _, item_id in places if items[item_id].change == number)
    last = places[-1] if len(places) == limit else None
    return Feed(
        items=tuple(found),
        next=None if last is None else FeedPlace(change=last[0], item_id=last[2]),
    )


def get_items(*, item_ids: Iterable[UUID]) -> dict[UUID, ChangedItem]:
    """Return list items in their present state by id, withdrawn ones too; unknown ids are absent."""
    wanted = list(set(item_ids))
    if not wanted:
        return {}
    rows = sql.rows(_ROWS, [wanted])
    given = sql.rows(
        "SELECT number, at FROM analyse_change WHERE number = ANY(%s)",
        [list({row[2] for row in rows})],
    )
    times = dict(given)
    by_item: dict[UUID, list[_FeedRow]] = {}
    for row in rows:
        by_item.setdefault(row[0], []).append(row)
    return {item_id: _item(found, times) for item_id, found in by_item.items()}


def _item(rows: Sequence[_FeedRow], times: Mapping[int, datetime]) -> ChangedItem:
    """Return a list item from its rows, one a value: the rows in force, else those of its withdrawal.

    `times` holds the instant of each change by change number.
    """
    last = max(row[2] for row in rows)
    held = [row for row in rows if row[8] is None]
    said = held or [row for row in rows if row[2] == last]
    ends = [row[9] for row in held if row[9] is not None]
    return ChangedItem(
        item_id=said[0][0],
        list_id=said[0][1],
        change=last,
        changed_at=times[last],
        added_at=min(row[7] for row in rows),
        values=tuple((row[3], row[4]) for row in said),
        classification=said[0][5],
        scope=MatchScope(said[0][6]),
        withdrawn_at=None if held else max(row[8] for row in said if row[8]),
        until=max(ends) if held and len(ends) == len(held) else None,
    )


# List export for the exchange formats, page by page: items in force and withdrawn items.

_PAGE = 5_000


def items_of_list(*, list_id: UUID) -> Iterator[Indicator]:
    """Yield the items of a list in the order of their last change, withdrawn ones included.

    In the exported file each value is either in force or withdrawn. So a withdrawn item comes without the
    values that another item of the list holds in force; it is skipped if none remains, or if the same
    values were yielded as withdrawn before.
    """
    after: FeedPlace | None = None
    told: set[tuple[tuple[str, str], ...]] = set()
    while True:
        page = entries_changed(after=after, limit=_PAGE, list_ids=[list_id])
        held = _held(page.items, list_id)
        for item in page.items:
            values = tuple(pair for pair in item.values if pair not in held)
            if item.withdrawn_at is None:
                yield _indicator(item, item.values)
            elif values and values not in told:
                told.add(values)
                yield _indicator(item, values)
        if page.next is None:
            return
        after = page.next


def _held(items: Sequence[ChangedItem], list_id: UUID) -> set[tuple[str, str]]:
    """Return the (kind, value) pairs of withdrawn items that the list holds in force through other items."""
    gone = [pair for item in items if item.withdrawn_at is not None for pair in item.values]
    found = entries_of(values=gone)
    return {(entry.kind, entry.value) for entry in found if entry.listed.id == list_id}


def _indicator(item: ChangedItem, values: Sequence[tuple[str, str]]) -> Indicator:
    return Indicator(
        values=dict(values),
        id=item.item_id,
        classification=item.classification,
        scope=item.scope,
        added_at=written_instant(item.added_at),
        changed_at=written_instant(item.changed_at),
        withdrawn=item.withdrawn_at is not None,
        until=item.until,
    )
