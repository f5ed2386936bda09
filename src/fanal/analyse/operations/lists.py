"""Lists of known hashes and addresses: loading, adding, withdrawing. A value withdrawn leaves a tombstone."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.analyse.domain.listfile import Item, read_list
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger

_CHANGE_LOCK = 7_310_420_002
_ADD = (
    "INSERT INTO analyse_entry"
    " (id, list_id, item_id, kind, value, classification, scope, added_at, change)"
    " SELECT e.id, %(list)s, e.item_id, e.kind, e.value, e.classification, %(scope)s, %(now)s,"
    " %(change)s"
    " FROM unnest(%(ids)s::uuid[], %(items)s::uuid[], %(kinds)s::text[], %(values)s::text[],"
    " %(classes)s::text[]) AS e (id, item_id, kind, value, classification)"
    " ON CONFLICT (list_id, kind, value) WHERE withdrawn_at IS NULL"
    " DO UPDATE SET classification = EXCLUDED.classification, scope = EXCLUDED.scope"
    " RETURNING item_id"
)


def load_list(
    *, actor: Actor, name: str, lines: Iterable[str], now: datetime, scope: str = "MATCH"
) -> list[UUID]:
    """Load a CSV list (`pdq,md5,sha1,sha256,classification`) and return the id of each line's item.

    Loading twice changes nothing but the class of known values, and returns the ids of the first time.
    `scope` CLEAR loads known false alarms: what they match is silenced. All or nothing.

    Raises:
        Refused: the actor keeps no lists.
        ListRefused: a line cannot be read.
    """
    require(actor, "list.keep")
    items = list(read_list(lines))
    with transaction.atomic():
        list_id = _open_list(name, now)
        ids = _add(list_id, items, scope=scope, now=now)
        _changed(actor, "list.load", list_id, count=len(items), now=now)
    return ids


def add_addresses(
    *,
    actor: Actor,
    name: str,
    addresses: Sequence[tuple[str, str]],
    now: datetime,
    classification: str = "",
) -> list[UUID]:
    """Add canonical addresses, `(kind, value)` with kind URL (its compared key), HOST or DOMAIN.

    Raises:
        Refused: the actor keeps no lists.
        ValueError: another kind, or an empty value.
    """
    require(actor, "list.keep")
    if any(kind not in ("URL", "HOST", "DOMAIN") or not value for kind, value in addresses):
        raise ValueError("an address is a URL key, a HOST or a DOMAIN")
    items = [
        Item(line=number, values={kind: value}, classification=classification)
        for number, (kind, value) in enumerate(addresses, start=1)
    ]
    with transaction.atomic():
        list_id = _open_list(name, now)
        ids = _add(list_id, items, scope="MATCH", now=now)
        _changed(actor, "list.change", list_id, count=len(items), now=now)
    return ids


def withdraw_item(*, actor: Actor, name: str, item_id: UUID, now: datetime) -> bool:
    """Withdraw every value of an item; return False where the list holds no such item in force.

    Raises:
        Refused: the actor keeps no lists.
    """
    require(actor, "list.keep")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE analyse_entry e SET withdrawn_at = %s, change = %s FROM analyse_list l"
            " WHERE l.id = e.list_id AND l.name = %s AND e.item_id = %s"
            " AND e.withdrawn_at IS NULL RETURNING l.id",
            [now, _next_change(), name, item_id],
        )
        row = cursor.fetchone()
        if row is None:
            return False
        cursor.execute(
            "UPDATE analyse_list SET version = version + 1, changed_at = %s WHERE id = %s",
            [now, row[0]],
        )
        _changed(actor, "list.change", row[0], count=1, now=now)
    return True


def _open_list(name: str, now: datetime) -> UUID:
    """Return the id of a list, made when needed; its row stays locked to the end, so loads queue up."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analyse_list (id, name, changed_at) VALUES (%s, %s, %s)"
            " ON CONFLICT (name) DO UPDATE"
            " SET version = analyse_list.version + 1, changed_at = EXCLUDED.changed_at"
            " RETURNING id",
            [new_id(now), name, now],
        )
        row = cursor.fetchone()
    return UUID(str(row[0]))


def _add(list_id: UUID, items: Sequence[Item], *, scope: str, now: datetime) -> list[UUID]:
    known = _known_items(list_id, items)
    rows: dict[tuple[str, str], tuple[UUID, str]] = {}
    ids: list[UUID] = []
    for item in items:
        pairs = list(item.values.items())
        item_id = next((known[p] for p in pairs if p in known), None)
        item_id = item_id or next((rows[p][0] for p in pairs if p in rows), None) or new_id(now)
        ids.append(item_id)
        rows |= dict.fromkeys(pairs, (item_id, item.classification))
    keys = list(rows)
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD,
            {
                "list": list_id,
                "scope": scope,
                "now": now,
                "ids": [new_id(now) for _ in keys],
                "items": [rows[key][0] for key in keys],
                "kinds": [kind for kind, _ in keys],
                "values": [value for _, value in keys],
                "classes": [rows[key][1] for key in keys],
                "change": _next_change(),
            },
        )
    return ids


def _next_change() -> int:
    """Return the number of this change; the next one waits until it is committed or undone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHANGE_LOCK])
        cursor.execute("SELECT coalesce(max(change), 0) + 1 FROM analyse_entry")
        row = cursor.fetchone()
    return int(row[0])


def _known_items(list_id: UUID, items: Sequence[Item]) -> dict[tuple[str, str], UUID]:
    pairs = [pair for item in items for pair in item.values.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.kind, e.value, e.item_id FROM analyse_entry e"
            " JOIN unnest(%s::text[], %s::text[]) AS w (kind, value)"
            " ON e.kind = w.kind AND e.value = w.value"
            " WHERE e.list_id = %s AND e.withdrawn_at IS NULL",
            [[kind for kind, _ in pairs], [value for _, value in pairs], list_id],
        )
        return {(kind, value): item_id for kind, value, item_id in cursor.fetchall()}


def _changed(actor: Actor, action: str, list_id: UUID, *, count: int, now: datetime) -> None:
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[ledger.ObjectRef(kind="list", id=list_id)],
        detail={"count": count},
    )
