"""Lists of known hashes and addresses: load, add, withdraw, expire.

A withdrawn value stays as a tombstone. A change of category withdraws the row and adds another, so that a
row never changes its meaning for readers of the feed or the hash index. A value that people put into a list
is marked (`own`), even if a source of the list states it too: only people withdraw it, or its expiry
(`ends_at`). The last statement of a value sets its category and its expiry.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.analyse.material.domain.lists import (
    Item,
    ListAttributes,
    MatchScope,
    check_attributes,
    check_item,
    read_list,
)
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

# A change of a list; its number is taken under a lock, so that changes commit in the order of numbers.

_CHANGE_LOCK = 7_310_420_002


class Change:
    """A numbered change of a list of known material: the values that one transaction withdraws and adds.

    `actor` is its author. The functions of this module create it inside a transaction and call `finish` at
    its end. The number is taken when the first row is written. A change without any row leaves no trace.
    """

    def __init__(self, *, actor: Actor, list_id: UUID, now: datetime) -> None:
        self.list_id, self.now = list_id, now
        self.added = 0
        self._actor = actor
        self._changed = 0
        self._withdrawn = 0
        self._number: int | None = None

    @property
    def number(self) -> int:
        """The number of this change; the next change waits until this one is committed or rolled back."""
        if self._number is None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHANGE_LOCK])
                cursor.execute(
                    "SELECT 1 + greatest((SELECT max(change) FROM analyse_entry),"
                    " (SELECT max(number) FROM analyse_change), 0)"
                )
                self._number = int(cursor.fetchone()[0])
        return self._number

    def withdraw(self, entry_ids: Sequence[UUID]) -> None:
        """Withdraw these values from the list, by row id.

        Their rows stay as tombstones, by which readers of the change feed learn of the withdrawal.
        """
        self._end(entry_ids)
        self._withdrawn += len(entry_ids)

    def replace(self, entry_ids: Sequence[UUID]) -> None:
        """Withdraw list values (by row id) that this change adds again with another category or scope."""
        self._end(entry_ids)
        self._changed += len(entry_ids)

    def finish(self) -> None:
        """Record the change and increment the list's version, if any row changed."""
        if self._number is None:
            return
        sql.run(
            "INSERT INTO analyse_change"
            " (number, list_id, at, actor_id, added, changed, withdrawn)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                self._number,
                self.list_id,
                self.now,
                self._actor.person_id,
                self.added,
                self._changed,
                self._withdrawn,
            ],
        )
        touch_list(self.list_id, now=self.now)

    def _end(self, entry_ids: Sequence[UUID]) -> None:
        if not entry_ids:
            return
        sql.run(
            "UPDATE analyse_entry SET withdrawn_at = %s, change = %s WHERE id = ANY(%s::uuid[])",
            [self.now, self.number, list(entry_ids)],
        )


def touch_list(list_id: UUID, *, now: datetime) -> None:
    """Increment the version of a list of known material after a change of its content.

    Results of the analysis store this version.
    """
    sql.run(
        "UPDATE analyse_list SET version = version + 1, changed_at = %s WHERE id = %s",
        [now, list_id],
    )


def tell_change(actor: Actor, action: str, list_id: UUID, *, count: int, now: datetime) -> None:
    """Record a change of a list of known material in the ledger, with the number of values (`count`).

    `action` is the ledger's code, such as `list.change`. The values themselves are never recorded.
    """
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[ObjectRef(kind="list", id=list_id)],
        detail={"count": count},
    )


_PORTION = 20_000
_ADD = (
    "INSERT INTO analyse_entry"
    " (id, list_id, item_id, kind, value, classification, own, ends_at, scope, added_at, change)"
    " SELECT e.id, %(list)s, e.item_id, e.kind, e.value, e.classification, e.own, e.ends_at, %(scope)s,"
    " %(now)s, %(change)s"
    " FROM unnest(%(ids)s::uuid[], %(items)s::uuid[], %(kinds)s::text[], %(values)s::text[],"
    " %(classes)s::text[], %(owns)s::boolean[], %(ends)s::timestamptz[])"
    " AS e (id, item_id, kind, value, classification, own, ends_at)"
)
_Pair = tuple[str, str]


class _Held(NamedTuple):
    """A list value as stored, not withdrawn: row id, item id, category, scope (MATCH or CLEAR), expiry.

    `own`: stated by people, not only by a source.
    """

    entry_id: UUID
    item_id: UUID
    classification: str
    scope: str
    own: bool
    ends_at: datetime | None


class _Said(NamedTuple):
    """The state of a list value after a load: item, category, and expiry (None: it does not expire)."""

    item_id: UUID
    classification: str
    ends_at: datetime | None


def load_list(
    *, actor: Actor, name: str, lines: Iterable[str], now: datetime, scope: str | None = None
) -> list[UUID]:
    """Load a CSV list (columns `csv_hashes.COLUMNS`, such as `pdq`); return the item id of each line.

    Loading again changes only category, scope and expiry of known values, and returns the same ids. `scope`
    None means the scope of the list; CLEAR loads known false alarms, whose matches are silenced. All or
    nothing.

    Raises:
        Refused: the actor may not keep lists.
        ListRefused: a line cannot be read.
        Refusal: the name is invalid.
    """
    return _load(actor, "list.load", name, read_list(lines), scope=scope, now=now)


def add_items(
    *,
    actor: Actor,
    name: str,
    items: Iterable[Item],
    now: datetime,
    scope: str | None = None,
    own: bool = True,
) -> list[UUID]:
    """Add items with hashes or addresses, as `load_list` does; return the id of each, in order.

    An item keeps the id it brings (`Item.item_id`); a value held by another item of the list stays with that
    item. URL values are comparison keys (`HarmonisedUrl.key`). Items are processed in portions and not held
    in memory. `scope` is that of the items (MATCH or CLEAR), None for the list's own. `own` is False for
    items stated by a source and not by a person; `exchange` then manages expiry.

    Raises:
        Refused: the actor may not keep lists.
        ListRefused: an item has no value, a value that does not fit its kind, or too long a category.
        Refusal: the name is invalid.
    """
    checked = map(check_item, items)
    return _load(actor, "list.change", name, checked, scope=scope, own=own, now=now)


def add_addresses(
    *,
    actor: Actor,
    name: str,
    addresses: Sequence[tuple[str, str]],
    now: datetime,
    classification: str = "",
) -> list[UUID]:
    """Add canonical addresses, `(kind, value)` with kind URL (its comparison key), HOST or DOMAIN.

    `name` is that of the list. Returns the item id of each. `classification` is their category in the list's
    vocabulary.

    Raises:
        Refused: the actor may not keep lists.
        ListRefused: a value is too long or unprintable, or the category too long.
        Refusal: the name is invalid.
        ValueError: another kind, or an empty value.
    """
    if any(kind not in ("URL", "HOST", "DOMAIN") or not value for kind, value in addresses):
        raise ValueError("an address is a URL key, a HOST or a DOMAIN")
    items = [Item(values={kind: value}, classification=classification) for kind, value in addresses]
    return add_items(actor=actor, name=name, items=items, now=now, scope=MatchScope.MATCH)


def withdraw_item(*, actor: Actor, name: str, item_id: UUID, now: datetime) -> bool:
    """Withdraw all values of a list item; return whether the list `name` had that item, not yet withdrawn.

    Raises:
        Refused: the actor may not keep lists.
    """
    return withdraw_items(actor=actor, name=name, item_ids=[item_id], now=now) == 1


def withdraw_items(
    *, actor: Actor, name: str, item_ids: Sequence[UUID], now: datetime, own: bool = True
) -> int:
    """Withdraw items of the list `name` with all their values; return the number of items withdrawn now.

    `own` is False for a withdrawal by a source: values that people added stay. Items of another list, unknown
    ones and those withdrawn before do not count.

    Raises:
        Refused: the actor may not keep lists.
    """
    require(actor, "list.keep")
    with transaction.atomic():
        row = sql.row("SELECT id FROM analyse_list WHERE name = %s FOR UPDATE", [name])
        if row is None:
            return 0
        found = sql.rows(
            "SELECT id, item_id FROM analyse_entry"
            " WHERE list_id = %s AND item_id = ANY(%s::uuid[]) AND withdrawn_at IS NULL"
            " AND (%s OR NOT own)",
            [row[0], list(item_ids), own],
        )
        if not found:
            return 0
        change = Change(actor=actor, list_id=row[0], now=now)
        change.withdraw([entry_id for entry_id, _ in found])
        change.finish()
        count = len({item_id for _, item_id in found})
        tell_change(actor, "list.change", row[0], count=count, now=now)
    return count


def _load(
    actor: Actor,
    action: str,
    name: str,
    items: Iterable[Item],
    *,
    scope: str | None,
    own: bool = True,
    now: datetime,
) -> list[UUID]:
    require(actor, "list.keep")
    check_attributes(name, ListAttributes())
    ids: list[UUID] = []
    with transaction.atomic():
        list_id, listed = _open_list(name, scope or MatchScope.MATCH, now)
        change = Change(actor=actor, list_id=list_id, now=now)
        for portion in _portions(items):
            ids += _add(change, portion, scope=scope or listed, own=own)
        change.finish()
        tell_change(actor, action, list_id, count=len(ids), now=now)
    return ids


def _portions(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while portion := list(islice(rest, _PORTION)):
        yield portion


def _open_list(name: str, scope: str, now: datetime) -> tuple[UUID, str]:
    """Return (id, scope) of the list `name` of known material; it is created with `scope` if needed.

    Its row stays locked, so that loads run in turn.
    """
    row = sql.one(
        "INSERT INTO analyse_list (id, name, changed_at, scope) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name RETURNING id, scope",
        [new_id(now), name, now, scope],
    )
    return UUID(str(row[0])), row[1]


def _add(change: Change, items: Sequence[Item], *, scope: str, own: bool) -> list[UUID]:
    """Add a portion of items to the list; return the id of each, in order.

    `scope` is MATCH or CLEAR; `own`: stated by a person, not by a source. `change` is the change of the list
    to which the values belong.
    """
    held = _held(change.list_id, items)
    rows: dict[_Pair, _Said] = {}
    ids: list[UUID] = []
    for item in items:
        pairs = list(item.values.items())
        item_id = item.item_id or next((held[p].item_id for p in pairs if p in held), None)
        item_id = item_id or next((rows[p].item_id for p in pairs if p in rows), None)
        item_id = item_id or new_id(change.now)
        ids.append(item_id)
        for pair in pairs:
            said, stood = rows.get(pair), held.get(pair)
            stands = stood or said
            owner = stands.item_id if stands else item_id
            end = _end(item, said) if own else stood and stood.ends_at
            rows[pair] = _Said(owner, item.classification, end)
    other = [
        pair
        for pair, said in rows.items()
        if pair in held
        and (held[pair].classification, held[pair].scope) != (said.classification, scope)
    ]
    fresh = [p for p in rows if p not in held]
    if own:
        _make_own(held, rows)
    if not other and not fresh:
        return ids
    change.replace([held[pair].entry_id for pair in other])
    keys = [*other, *fresh]
    sql.run(
        _ADD,
        {
            "list": change.list_id,
            "scope": scope,
            "now": change.now,
            "ids": [new_id(change.now) for _ in keys],
            "items": [rows[key].item_id for key in keys],
            "kinds": [kind for kind, _ in keys],
            "values": [value for _, value in keys],
            "classes": [rows[key].classification for key in keys],
            "ends": [rows[key].ends_at for key in keys],
            "owns": [own or (key in held and held[key].own) for key in keys],
            "change": change.number,
        },
    )
    change.added += len(fresh)
    return ids


def _end(item: Item, said: _Said | None) -> datetime | None:
    """Return the expiry of a value that one list import states twice: the later; None if either has none.

    `item` holds the present statement, `said` the earlier one, None for the first.
    """
    if said is None or item.until is None or said.ends_at is None:
        return item.until if said is None else None
    return max(item.until, said.ends_at)


def _make_own(held: Mapping[_Pair, _Held], rows: Mapping[_Pair, _Said]) -> None:
    """Mark values of a source as stated by people too, and store the people's expiry.

    `held` are the list's values (not withdrawn), `rows` the statements of this load, both by (kind, value). A
    new expiry alone is no change in the feed: senders move the expiry of whole lists with each delivery.
    """
    said = [
        (entry.entry_id, rows[pair].ends_at)
        for pair, entry in held.items()
        if not entry.own or entry.ends_at != rows[pair].ends_at
    ]
    if said:
        sql.run(
            "UPDATE analyse_entry e SET own = true, ends_at = s.ends_at"
            " FROM unnest(%s::uuid[], %s::timestamptz[]) AS s (id, ends_at) WHERE e.id = s.id",
            [[entry_id for entry_id, _ in said], [end for _, end in said]],
        )


def _held(list_id: UUID, items: Sequence[Item]) -> dict[_Pair, _Held]:
    """Return the items' values that the list holds, withdrawn ones left out, by (kind, value)."""
    pairs = [pair for item in items for pair in item.values.items()]
    found = sql.rows(
        "SELECT e.kind, e.value, e.id, e.item_id, e.classification, e.scope, e.own, e.ends_at"
        " FROM unnest(%s::text[], %s::text[]) AS w (kind, value)"
        " JOIN analyse_entry e ON e.kind = w.kind AND e.value = w.value"
        " WHERE e.list_id = %s AND e.withdrawn_at IS NULL",
        [[kind for kind, _ in pairs], [value for _, value in pairs], list_id],
    )
    return {(row[0], row[1]): _Held(*row[2:]) for row in found}


# Expiry of values that people put into a list with an expiry day.

_ENDS_PORTION: Final = 1_000


def end_values(
    *,
    actor: Actor,
    said_besides: Callable[[UUID, Sequence[_Pair]], Sequence[Item]],
    now: datetime,
) -> int:
    """Withdraw the values of lists whose expiry, set by a person, has passed; return their number.

    `said_besides` is called with a list id and the withdrawn (kind, value) pairs, while the list is locked;
    it returns the items that the list's sources still state for them, which are added again as the sources'
    own. Each portion of a thousand values is a transaction of its own.

    Raises:
        Refused: the actor may not keep lists.
    """
    require(actor, "list.keep")
    count = 0
    while (found := _next_list(now)) is not None:
        list_id, name = found
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT id FROM analyse_list WHERE id = %s FOR UPDATE", [list_id])
            cursor.execute(
                "SELECT id, kind, value FROM analyse_entry WHERE list_id = %s AND ends_at <= %s"
                " AND withdrawn_at IS NULL ORDER BY ends_at, id LIMIT %s",
                [list_id, now, _ENDS_PORTION],
            )
            over = cursor.fetchall()
            if not over:
                continue
            change = Change(actor=actor, list_id=list_id, now=now)
            change.withdraw([entry_id for entry_id, _, _ in over])
            change.finish()
            tell_change(actor, "list.end", list_id, count=len(over), now=now)
            if items := said_besides(list_id, [(kind, value) for _, kind, value in over]):
                add_items(actor=actor, name=name, items=items, now=now, own=False)
        count += len(over)
    return count


def _next_list(now: datetime) -> tuple[UUID, str] | None:
    """Return (id, name) of a list with a value that people added and that has expired; None without any."""
    row = sql.row(
        "SELECT l.id, l.name FROM analyse_entry e JOIN analyse_list l ON l.id = e.list_id"
        " WHERE e.ends_at <= %s AND e.withdrawn_at IS NULL LIMIT 1",
        [now],
    )
    return None if row is None else (row[0], row[1])


# Expiry in lists: entries withdrawn long ago, and past suspensions with their reasons.


def forget_withdrawn(
    *, actor: Actor, before: datetime, limit: int = 5000
) -> tuple[int, list[UUID]]:
    """Delete values withdrawn before `before`; return their number and the items left without any value.

    At most `limit` values per call, the earliest withdrawn first. Suspensions that ended before `before` are
    deleted too, with their written reasons.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        found = sql.rows(
            "DELETE FROM analyse_entry WHERE id IN (SELECT id FROM analyse_entry"
            " WHERE withdrawn_at < %s ORDER BY withdrawn_at LIMIT %s) RETURNING item_id",
            [before, limit],
        )
        touched = [row[0] for row in found]
        found = sql.rows(
            "SELECT t.item_id FROM unnest(%s::uuid[]) AS t (item_id) WHERE NOT EXISTS"
            " (SELECT FROM analyse_entry e WHERE e.item_id = t.item_id)",
            [list(set(touched))],
        )
        gone = [row[0] for row in found]
        sql.run("DELETE FROM analyse_aside WHERE ended_at < %s", [before])
    return len(touched), gone
