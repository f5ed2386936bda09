"""Queries on the exchange of lists: change feed, member organisations and their progress, list sources."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from msgspec import structs

from fanal.accounts.domain.policy import Resource, reach, require
from fanal.accounts.queries.people import partner_names
from fanal.db import sql
from fanal.exchange.domain.feed import OpenList, Window
from fanal.exchange.domain.records import (
    FeedRow,
    FetchCheckpoint,
    FormerOwner,
    Grant,
    GrantState,
    ListSource,
    MemberReading,
    Service,
    TakenEntry,
)
from fanal.kernel.actors import Actor
from fanal.kernel.texts import alphabetical

# The change feed: places by time, rows by place.

_FEED_LOCK = 7_310_420_011
"""Key of the advisory lock of the SQL function `exchange_take`, held by writers until they commit."""
_MICROSECOND = timedelta(microseconds=1)
_TIMED = """
    CROSS JOIN LATERAL (
        SELECT c.at + (f.place - c.first_seq) * interval '1 microsecond' AS at
        FROM exchange_change c WHERE c.last_seq >= f.place ORDER BY c.last_seq LIMIT 1
    ) t
"""
# Only the last row of an item within the range counts: an index scan for each list, merged.
_ROWS = f"""
    SELECT f.place, f.seq, f.list_id, f.item_id, t.at, f.view FROM (
        SELECT greatest(r.seq, w.since) AS place, r.seq, w.list_id, r.item_id, w.view
        FROM unnest(%(views)s::int[], %(lists)s::uuid[], %(since)s::bigint[], %(after)s::bigint[],
            %(upto)s::bigint[]) AS w (view, list_id, since, after, upto)
        CROSS JOIN LATERAL (
            SELECT f.seq, f.item_id FROM exchange_feed f
            WHERE f.list_id = w.list_id AND f.seq > w.after AND f.seq <= w.upto
            AND NOT EXISTS (
                SELECT FROM exchange_feed n
                WHERE n.item_id = f.item_id AND n.list_id = f.list_id
                AND n.seq > f.seq AND n.seq <= w.upto
            )
            ORDER BY f.seq LIMIT %(limit)s
        ) r
        ORDER BY 1, 2 LIMIT %(limit)s
    ) f {_TIMED} ORDER BY f.place, f.seq
"""  # noqa: S608 - constants
_OF_ITEMS = f"""
    SELECT f.place, f.seq, f.list_id, f.item_id, t.at, 0 FROM (
        SELECT DISTINCT ON (item_id) greatest(seq, %(since)s) AS place, seq, list_id, item_id
        FROM exchange_feed
        WHERE list_id = %(list)s AND item_id = ANY(%(items)s::uuid[])
        AND greatest(seq, %(since)s) > %(after)s AND seq <= %(upto)s
        ORDER BY item_id, seq DESC
    ) f {_TIMED} ORDER BY f.place, f.seq
"""  # noqa: S608 - constants


def newest_place() -> int:
    """Return the last place of the change feed, that is the number of the latest change in any list.

    It waits until every change that already has a place is committed or rolled back.

    Raises:
        OperationalError: a change takes longer than the transaction's lock timeout.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", [_FEED_LOCK])
        cursor.execute("SELECT pg_advisory_unlock_shared(%s)", [_FEED_LOCK])
        cursor.execute("SELECT seq FROM exchange_clock")
        row = cursor.fetchone()
    return int(row[0])


def place_at(*, instant: datetime) -> int:
    """Return the last place (number of a change) of the feed with a time of `instant` or earlier.

    0 before the first.
    """
    row = sql.row(
        "SELECT least(last_seq, first_seq + (extract(epoch FROM %s - at) * 1000000)::bigint)"
        " FROM exchange_change WHERE at <= %s ORDER BY at DESC LIMIT 1",
        [instant, instant],
    )
    return int(row[0]) if row else 0


def first_place_from(*, instant: datetime) -> int:
    """Return the first place (number of a change) of the feed with a time of `instant` or later.

    Without one, the next place to be assigned.
    """
    return place_at(instant=instant - _MICROSECOND) + 1


def rows_between(*, windows: Sequence[Window], limit: int) -> list[FeedRow]:
    """Return up to `limit` rows of the change feed within `windows` (ranges of rows), in order of place.

    A place is the number of a change. A list entry that changed several times in a window is returned once,
    at its last change. Without `windows`: [].
    """
    if not windows:
        return []
    found = sql.rows(
        _ROWS,
        {
            "views": [w.view for w in windows],
            "lists": [w.list_id for w in windows],
            "since": [w.since for w in windows],
            "after": [w.after for w in windows],
            "upto": [w.upto for w in windows],
            "limit": limit,
        },
    )
    return [_row(row) for row in found]


def rows_of_items(
    *, opened: OpenList, item_ids: Sequence[UUID], after: int, last: int
) -> list[FeedRow]:
    """Return the last change in the feed of each of these entries of the list `opened`.

    Only changes after place `after` and up to place `last` (numbers of changes) count; an entry without any
    is left out.
    """
    found = sql.rows(
        _OF_ITEMS,
        {
            "list": opened.list_id,
            "since": opened.since,
            "items": list(item_ids),
            "after": after,
            "upto": opened.end(last),
        },
    )
    return [_row(row) for row in found]


def _row(row: tuple[int, int, UUID, UUID, datetime, int]) -> FeedRow:
    place, seq, list_id, item_id, at, view = row
    return FeedRow(place=place, row=seq, list_id=list_id, item_id=item_id, at=at, view=view)


# Members by their protocol number, their grants, and their progress.

DESK = "Fanal"
"""Name of the desk itself among the members, as sent in the protocol."""
_READINGS = (
    "SELECT partner_id, service, list_id, first_at, last_at, last_seq, completed_at, responses, entries,"
    " error, error_at FROM exchange_reading"
)


def member_numbers(*, organisation_ids: Iterable[UUID | None]) -> dict[UUID | None, int]:
    """Return by organisation id (None: the desk) the number by which hash sharing names it.

    Ids without a number are left out.
    """
    found = sql.rows(
        "SELECT m.organisation_id, m.id FROM exchange_member m"
        " WHERE m.organisation_id IS NULL OR m.organisation_id = ANY(%s::uuid[])",
        [[i for i in set(organisation_ids) if i is not None]],
    )
    return dict(found)


def member_names(*, organisation_ids: Iterable[UUID | None]) -> dict[UUID | None, str]:
    """Return the names of organisations by id; the key None is the desk. Unknown ids are left out."""
    known = {i for i in organisation_ids if i is not None}
    found = partner_names(partner_ids=known)
    return {None: DESK, **{i: found[i] for i in known if i in found}}


def grants_of(*, partner_id: UUID) -> dict[UUID, Grant]:
    """Return an organisation's grants (rights to read lists) by list id, revoked and paused ones included."""
    found = sql.rows(
        "SELECT list_id, state, since_seq, since FROM exchange_grant WHERE partner_id = %s",
        [partner_id],
    )
    return {row[0]: Grant(state=GrantState(row[1]), since=row[2], at=row[3]) for row in found}


def reading_since(*, partner_id: UUID, service: Service) -> dict[UUID | None, datetime]:
    """Return when an organisation first read each list over a protocol (`service`), by list id.

    If the protocol reads all lists together, the only key is None.
    """
    found = sql.rows(
        "SELECT list_id, first_at FROM exchange_reading"
        " WHERE partner_id = %s AND service = %s AND responses > 0",
        [partner_id, service],
    )
    return dict(found)


def former_owners(*, list_ids: Sequence[UUID]) -> list[FormerOwner]:
    """Return the former owners of these lists, one for each change of owner, in the order of the changes.

    `place` is the number of that change in the feed of the exchange; `owner_id` None: the desk.
    """
    found = sql.rows(
        "SELECT list_id, seq, owner_id FROM exchange_former"
        " WHERE list_id = ANY(%s::uuid[]) ORDER BY seq",
        [list(list_ids)],
    )
    return [FormerOwner(list_id=row[0], place=row[1], owner_id=row[2]) for row in found]


def list_readings(*, actor: Actor) -> list[MemberReading]:
    """Return each organisation's progress in reading our lists, by protocol, the last reader first.

    There are at most 500 rows. A member organisation gets only its own.

    Raises:
        Refused: the actor may not read the exchange and is no member.
    """
    bounds = reach(actor, "exchange.read")
    if bounds.empty:
        require(actor, "list.receive", Resource(partner_id=actor.partner_id))
    mine = actor.partner_id if bounds.empty else None
    found = sql.rows(
        f"{_READINGS} WHERE %s::uuid IS NULL OR partner_id = %s ORDER BY last_at DESC LIMIT 500",
        [mine, mine],
    )
    return [
        MemberReading(
            partner_id=row[0],
            service=Service(row[1]),
            list_id=row[2],
            first_at=row[3],
            last_at=row[4],
            last_seq=row[5],
            completed_at=row[6],
            responses=row[7],
            entries=row[8],
            error=row[9],
            error_at=row[10],
        )
        for row in found
    ]


# Sources, their checkpoints, and their stored entries.

_SOURCES = (
    "SELECT id, name, kind, url, list_id, collection, login, secret_id, secret_file, every_minutes,"
    " enabled, added_at FROM exchange_source"
)
_CHECKPOINTS = (
    "SELECT source_id, position, turn, pages, taken, withdrawn, page_at, completed_at, tried_at, error,"
    " error_at FROM exchange_checkpoint WHERE source_id = ANY(%s)"
)
_TAKEN = (
    "SELECT t.remote, t.item_id, t.held, t.classification, t.at, t.ends_at FROM exchange_taken t"
)


def list_sources(*, actor: Actor) -> list[ListSource]:
    """Return the sources of lists (partners' services) by name.

    Raises:
        Refused: the actor may not read sources.
    """
    require(actor, "source.read")
    found = [_source(row) for row in sql.rows(_SOURCES)]
    return sorted(found, key=lambda source: alphabetical(source.name))


def watch_sources(*, actor: Actor) -> list[tuple[ListSource, FetchCheckpoint]]:
    """Return the sources of lists by name, each with how far it was fetched, without its entries.

    Raises:
        Refused: the actor may not watch the state of lists.
    """
    require(actor, "list.watch")
    found = sorted(
        (_source(row) for row in sql.rows(_SOURCES)), key=lambda one: alphabetical(one.name)
    )
    held = get_checkpoints(source_ids=[one.id for one in found])
    return [(one, held[one.id]) for one in found]


def find_source(*, actor: Actor, name: str) -> ListSource | None:
    """Return the source of lists (a partner's service) of that name, None if unknown.

    Raises:
        Refused: the actor may not read sources.
    """
    require(actor, "source.read")
    row = sql.row(f"{_SOURCES} WHERE name = %s", [name])
    return None if row is None else _source(row)


def get_source(*, actor: Actor, source_id: UUID) -> ListSource | None:
    """Return a source of lists (a partner's service) by its id, None if unknown.

    Raises:
        Refused: the actor may not read sources.
    """
    require(actor, "source.read")
    row = sql.row(f"{_SOURCES} WHERE id = %s", [source_id])
    return None if row is None else _source(row)


def get_checkpoint(*, source_id: UUID) -> FetchCheckpoint:
    """Return how far a partner's list (`source_id`) was fetched; all zero if it never was."""
    return get_checkpoints(source_ids=[source_id])[source_id]


def get_checkpoints(*, source_ids: Sequence[UUID]) -> dict[UUID, FetchCheckpoint]:
    """Return how far each partner's list was fetched, by source id; all zero for one never fetched."""
    found = dict.fromkeys(source_ids, FetchCheckpoint())
    for source_id, *row in sql.rows(_CHECKPOINTS, [list(source_ids)]):
        found[source_id] = FetchCheckpoint(
            position=row[0],
            turn=row[1],
            pages=row[2],
            taken=row[3],
            withdrawn=row[4],
            page_at=row[5],
            completed_at=row[6],
            tried_at=row[7],
            error=row[8],
            error_at=row[9],
        )
    return found


def taken_entries(*, source_id: UUID, keys: Sequence[str]) -> dict[str, TakenEntry]:
    """Return list entries taken from a partner (`source_id`) by their ids there (`keys`), if stored.

    Unknown ids are left out.
    """
    found = sql.rows(
        f"{_TAKEN} WHERE source_id = %s AND remote = ANY(%s)",
        [source_id, list(keys)],
    )
    return {row[0]: _taken(row) for row in found}


def taken_holding(*, list_id: UUID, values: Sequence[str]) -> list[TakenEntry]:
    """Return the entries taken from partners for a list that hold one of these values (`KIND:value`).

    `list_id` is our list, which several partners may supply. The results are in order of entry id.
    """
    found = sql.rows(
        f"{_TAKEN} JOIN exchange_source s ON s.id = t.source_id"
        " WHERE s.list_id = %s AND t.held && %s::text[] ORDER BY t.item_id",
        [list_id, list(values)],
    )
    return [_taken(row) for row in found]


def taken_over(*, source_id: UUID, now: datetime, most: int) -> dict[str, TakenEntry]:
    """Return list entries taken from a partner (`source_id`) whose validity has ended, by their id there.

    There are at most `most`, the earliest end first; for their withdrawal. Those already withdrawn are left
    out.
    """
    found = sql.rows(
        f"{_TAKEN} WHERE source_id = %s AND ends_at <= %s ORDER BY ends_at LIMIT %s",
        [source_id, now, most],
    )
    return {row[0]: _taken(row) for row in found}


def _taken(row: tuple[str, UUID, list[str], str, datetime | None, datetime | None]) -> TakenEntry:
    said = TakenEntry(remote=row[0], item_id=row[1], held=tuple(row[2]), classification=row[3])
    return structs.replace(said, at=row[4], until=row[5])


def _source(row: tuple[object, ...]) -> ListSource:
    names = (
        "id", "name", "kind", "url", "list_id", "collection", "login", "secret_id", "secret_file",
        "every_minutes", "enabled", "added_at",
    )  # fmt: skip
    found = dict(zip(names, row, strict=True))
    return ListSource(**found | {"kind": Service(str(found["kind"]))})  # type: ignore[arg-type]
