"""Queries for the matching of known material: entries by value or id, and changes for the hash index."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias
from uuid import UUID

from django.db import connection
from msgspec import Struct

from fanal.analyse.domain.known import KnownEntry
from fanal.analyse.domain.lists import EntryStanding
from fanal.analyse.queries.lists import count_votes, get_asides, get_lists
from fanal.db import sql
from fanal.db.sql import text_array

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


class ListChange(Struct, frozen=True, kw_only=True):
    """A change of the lists: its number, and a changed row (`entry_id`) that only this database holds."""

    number: int
    entry_id: UUID


def lists_version() -> str:
    """Return the common version of all lists; it changes with every change of a list."""
    row = sql.row("SELECT count(*), coalesce(sum(version), 0) FROM analyse_list")
    return f"lists/{row[0]}.{row[1]}" if row and row[0] else ""


def entries_of(*, values: Iterable[tuple[str, str]]) -> list[KnownEntry]:
    """Return the entries in force with exactly one of these (kind, value) pairs."""
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
    """Return the entries in force by row id; `ids` are ids of rows (single values), not of items."""
    if not ids:
        return {}
    found = sql.rows(
        f"{_ENTRIES} WHERE e.id = ANY(%s::uuid[]) AND e.withdrawn_at IS NULL", [list(ids)]
    )
    return _entries(found)


def _entries(rows: Sequence[_Row]) -> dict[UUID, KnownEntry]:
    """Return the entries of rows by row id, with the attributes of their lists and their votes."""
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
    """Return votes and suspension of each entry; an entry with neither is absent."""
    item_ids = set(item_ids)
    votes, asides = count_votes(item_ids=item_ids), get_asides(item_ids=item_ids)
    found: dict[UUID, EntryStanding] = {}
    for item_id in votes.keys() | asides.keys():
        ups, downs, last = votes.get(item_id, (0, 0, None))
        found[item_id] = EntryStanding(ups=ups, downs=downs, last=last, aside=asides.get(item_id))
    return found


def newest_change() -> ListChange | None:
    """Return the last change of the lists; None if there was never an entry."""
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
    """Yield (row id, PDQ hash, in force) of changed list values with such a hash, in the order of change.

    Changes with a number above `after` up to and including `upto` count. Rows are read in portions, so that
    lists of millions are never held in memory.
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
    """Return the number of list values of any kind changed after a change number."""
    row = sql.row("SELECT count(*) FROM analyse_entry WHERE change > %s", [after])
    return int(row[0]) if row else 0
