"""Lists for readers outside: the feed of changes in pages of constant cost, and list export."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from fanal.analyse.domain.lists import ChangedItem, Feed, FeedPlace, MatchScope
from fanal.analyse.queries.lists import as_array
from fanal.analyse.queries.material import entries_of
from fanal.db import sql
from fanal.formats.indicators import Indicator, written_instant

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
_Row: TypeAlias = tuple[
    UUID, UUID, int, str, str, str, str, datetime, datetime | None, datetime | None
]


def entries_changed(
    *,
    after: FeedPlace | None = None,
    limit: int,
    list_ids: Sequence[UUID] | None = None,
) -> Feed:
    """Return a page of the feed of changes after a place: list entries by their last change, with tombstones.

    List export uses this order; members of the exchange are served by time instead (`exchange`). An entry
    appears at the place of its last change, in its present state. `list_ids` limits the feed to some lists. A
    page costs the same wherever it lies. It may hold fewer entries than `limit`, since an entry that changed
    again comes later: only `next` tells the end.
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
    """Return entries in their present state by id, withdrawn ones too; unknown ids are absent."""
    wanted = list(set(item_ids))
    if not wanted:
        return {}
    rows = sql.rows(_ROWS, [wanted])
    given = sql.rows(
        "SELECT number, at FROM analyse_change WHERE number = ANY(%s)",
        [list({row[2] for row in rows})],
    )
    times = dict(given)
    by_item: dict[UUID, list[_Row]] = {}
    for row in rows:
        by_item.setdefault(row[0], []).append(row)
    return {item_id: _item(found, times) for item_id, found in by_item.items()}


def _item(rows: Sequence[_Row], times: Mapping[int, datetime]) -> ChangedItem:
    """Return an entry from its rows: the rows in force, else those of its withdrawal."""
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

    A withdrawn item is skipped if another item of the list holds its values in force, or if the same values
    were withdrawn before: for the reader of the file a value is either in force or not.
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
    """Return the values of withdrawn items that the list still holds in force through other items."""
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
