"""The feed of changes as its readers ask for it: places by time, rows by place."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from fanal.exchange.domain.feed import OpenList, Window
from fanal.exchange.domain.records import FeedRow

_FEED_LOCK = 7_310_420_011
"""The lock of the SQL function `exchange_take`, which writers hold until they commit."""
_MICROSECOND = timedelta(microseconds=1)
_TIMED = """
    CROSS JOIN LATERAL (
        SELECT c.at + (f.place - c.first_seq) * interval '1 microsecond' AS at
        FROM exchange_change c WHERE c.last_seq >= f.place ORDER BY c.last_seq LIMIT 1
    ) t
"""
# A row counts if it is its item's last up to the end of the range: read by the index of each list, merged.
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
    """Return the last place of the feed, once every change that already has a place is committed or undone.

    Raises:
        OperationalError: a change takes longer than the session waits for a lock.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", [_FEED_LOCK])
        cursor.execute("SELECT pg_advisory_unlock_shared(%s)", [_FEED_LOCK])
        cursor.execute("SELECT seq FROM exchange_clock")
        row = cursor.fetchone()
    return int(row[0])


def place_at(*, instant: datetime) -> int:
    """Return the last place whose time is `instant` or earlier, 0 before the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT least(last_seq, first_seq + (extract(epoch FROM %s - at) * 1000000)::bigint)"
            " FROM exchange_change WHERE at <= %s ORDER BY at DESC LIMIT 1",
            [instant, instant],
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def first_place_from(*, instant: datetime) -> int:
    """Return the first place whose time is `instant` or later."""
    return place_at(instant=instant - _MICROSECOND) + 1


def rows_between(*, windows: Sequence[Window], limit: int) -> list[FeedRow]:
    """Return the next rows of some lists in the order of places, each item once."""
    if not windows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
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
        return [_row(row) for row in cursor.fetchall()]


def rows_of_items(
    *, opened: OpenList, item_ids: Sequence[UUID], after: int, last: int
) -> list[FeedRow]:
    """Return the last row of each of some items of a list, within a range of places."""
    with connection.cursor() as cursor:
        cursor.execute(
            _OF_ITEMS,
            {
                "list": opened.list_id,
                "since": opened.since,
                "items": list(item_ids),
                "after": after,
                "upto": opened.end(last),
            },
        )
        return [_row(row) for row in cursor.fetchall()]


def _row(row: tuple[int, int, UUID, UUID, datetime, int]) -> FeedRow:
    place, seq, list_id, item_id, at, view = row
    return FeedRow(place=place, row=seq, list_id=list_id, item_id=item_id, at=at, view=view)
