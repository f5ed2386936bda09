"""Reads of sightings: where a value was seen, in which desks, how often."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import may, reach, require
from fanal.accounts.octets import bound as bound_cursor, uuids
from fanal.accounts.together import together
from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.sightings import (
    ROLE_OF_CODE,
    Sighting,
    Sightings,
    selector_key,
)
from fanal.kernel.actors import Actor

_MOST = 1000  # the bound of any count or page here
_MOST_SHARED = 20_000  # of one value, for the system
_WINDOW = 10_000

SharedRow = tuple[int, bytes, int]
"""Place of the key, report (its id's octets), desk."""

# In each statement `desks` is NULL for the system, which reaches all.


def get_selector_history(
    *, actor: Actor, kind: SelectorKind, value: str, limit: int = 100, before: UUID | None = None
) -> Sightings:
    """Return where a canonical value was seen in the actor's desks, newest report first.

    `before` is the last report id of the page before; `limit` is at most 1000.
    """
    key = selector_key(kind, value)
    pages = _sightings(
        desks=reach(actor, "report.read").desks, keys=[key], limit=limit, before=before
    )
    return pages.get(key) or Sightings(key=key, newest=(), count=0, bounded=False)


def get_sightings(*, actor: Actor, keys: Sequence[UUID], limit: int = 50) -> dict[UUID, Sightings]:
    """Return the newest sightings of each key in the actor's desks, with counts up to `limit`.

    Keys never seen there are left out. For the system actor this is every desk: cross-check links
    across desks, and shows of another desk only that the link exists.
    """
    return _sightings(desks=reach(actor, "report.read").desks, keys=keys, limit=limit, before=None)


def get_shared_rows(
    *, actor: Actor, keys: Sequence[bytes], limit: int = 50
) -> list[list[SharedRow]]:
    """Return the newest sightings of each key (its 16 octets) that stands in two or more, newest first.

    Each list is of one key, whose place in `keys` its rows name; a report that holds it in two roles comes
    twice. Of each key come `limit` rows at most, and one more where there are more. Rows are plain, and ids
    are octets: cross-check reads tens of thousands a second.

    Raises:
        Refused: the actor is not the system; this reaches every desk.
    """
    require(actor, "pipeline.run")
    if not keys:
        return []
    with (
        transaction.atomic(savepoint=False),
        connection.cursor() as cursor,
        together(),
        bound_cursor() as bound,
    ):
        # In the order of its index a value that stands in a million reports costs no more than another;
        # the planner, which knows none of them by name, would read and sort them all.
        cursor.execute("SET LOCAL enable_sort = off")
        values = {"keys": uuids(keys), "more": max(1, min(limit, _MOST_SHARED)) + 1}
        bound.execute(_SHARED, values, prepare=False)
        cursor.execute("SET LOCAL enable_sort = on")
        rows: list[SharedRow] = bound.fetchall()
    held = (list(of_one) for _, of_one in groupby(rows, key=itemgetter(0)))
    return [found for found in held if len(found) > 1]


def get_rows_around(*, actor: Actor, key: bytes, report: bytes, limit: int) -> list[SharedRow]:
    """Return who holds a key around a report (octets both, as in `get_shared_rows`), in no order.

    `limit` sightings at most of earlier reports, and as many from that report on.

    Raises:
        Refused: the actor is not the system; this reaches every desk.
    """
    require(actor, "pipeline.run")
    with together(), bound_cursor() as bound:
        values = {"key": UUID(bytes=key), "report": UUID(bytes=report), "limit": limit}
        bound.execute(_AROUND, values, prepare=False)
        rows: list[SharedRow] = bound.fetchall()
        return rows


def seen_elsewhere(*, actor: Actor, keys: Sequence[UUID]) -> dict[UUID, frozenset[int]]:
    """Return for each key the desks, other than the actor's, where it exists: no report, no count.

    An actor without content right learns nothing. Of a value seen everywhere only the newest 10 000
    sightings are looked at.
    """
    desks = reach(actor, "report.read").desks
    if not keys or not desks or not may(actor, "elsewhere.read"):
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, desks FROM harmonise_seen_elsewhere(%s, %s, %s)",
            [list(keys), desks, _WINDOW],
        )
        return {key: frozenset(found) for key, found in cursor.fetchall()}


def count_sightings(*, actor: Actor, keys: Sequence[UUID], most: int = _MOST) -> dict[UUID, int]:
    """Return in how many sightings of all desks each key stands, counting to `most` and no further.

    Raises:
        Refused: the actor is not the system; across desks a number is more than existence.
    """
    require(actor, "pipeline.run")
    if not keys:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT wanted.key, n FROM unnest(%(keys)s::uuid[]) AS wanted (key)"
            " CROSS JOIN LATERAL (SELECT count(*) AS n FROM (SELECT FROM harmonise_sighting s"
            " WHERE s.key = wanted.key LIMIT %(most)s) few) counted",
            {"keys": list(keys), "most": most},
        )
        return dict(cursor.fetchall())


def _sightings(
    *,
    desks: list[int] | None,
    keys: Sequence[UUID],
    limit: int,
    before: UUID | None,
) -> dict[UUID, Sightings]:
    if not keys or desks == []:
        return {}
    most = max(1, min(limit, _MOST))
    with connection.cursor() as cursor:
        cursor.execute(
            _SIGHTINGS,
            {
                "keys": list(dict.fromkeys(keys)),
                "desks": desks,
                "before": before,
                "more": most + 1,
            },
        )
        found: dict[UUID, list[Sighting]] = {}
        for row in cursor.fetchall():
            found.setdefault(row[0], []).append(_sighting(*row))
    return {
        key: Sightings(
            key=key,
            newest=tuple(rows[:most]),
            count=min(len(rows), most),
            bounded=len(rows) > most,
        )
        for key, rows in found.items()
    }


def _sighting(  # noqa: PLR0917 - the columns of one row, in the order of the query
    key: UUID,
    report_id: UUID,
    desk_id: int,
    role: int,
    weak: bool,
    at: datetime | None,
    port: int | None,
) -> Sighting:
    return Sighting(
        key=key,
        report_id=report_id,
        desk_id=desk_id,
        role=ROLE_OF_CODE[role],
        weak=weak,
        at=None if at is None else f"{at.replace(tzinfo=None).isoformat()}Z",
        port=port,
    )


# Read backwards as it lies in the index. Whether a second row stands there is seen here: to count in the
# database costs a third of the whole.
_SHARED = """
SELECT wanted.place - 1, uuid_send(s.report_id), s.desk_id
FROM unnest(%(keys)s::uuid[]) WITH ORDINALITY AS wanted (key, place)
CROSS JOIN LATERAL (
    SELECT report_id, desk_id FROM harmonise_sighting t
    WHERE t.key = wanted.key ORDER BY t.report_id DESC, t.role DESC LIMIT %(more)s
) s
"""
_AROUND = """
(SELECT 0, uuid_send(report_id), desk_id FROM harmonise_sighting
 WHERE key = %(key)s AND report_id < %(report)s ORDER BY report_id DESC LIMIT %(limit)s)
UNION ALL
(SELECT 0, uuid_send(report_id), desk_id FROM harmonise_sighting
 WHERE key = %(key)s AND report_id >= %(report)s ORDER BY report_id LIMIT %(limit)s)
"""
_SIGHTINGS = """
SELECT wanted.key, s.report_id, s.desk_id, s.role, s.weak, s.at, s.port
FROM unnest(%(keys)s::uuid[]) AS wanted (key)
CROSS JOIN LATERAL (
    SELECT report_id, desk_id, role, weak, at, port FROM harmonise_sighting t
    WHERE t.key = wanted.key
      AND (%(desks)s::int[] IS NULL OR t.desk_id = ANY(%(desks)s::int[]))
      AND (%(before)s::uuid IS NULL OR t.report_id < %(before)s::uuid)
    ORDER BY t.report_id DESC, t.role LIMIT %(more)s
) s
"""
