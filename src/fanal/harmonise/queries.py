"""Queries on harmonised reports and their identifiers.

Of other desks' reports, the queries show at most that an identifier occurs there. `keys` are keys of
identifiers: digests of kind and value, as UUIDs.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from uuid import UUID

import msgspec
from django.db import connection, transaction

from fanal.accounts.binary_arrays import bound as bound_cursor, uuids
from fanal.accounts.domain.policy import may, reach, require
from fanal.accounts.row_scope import together
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind, unpack, unpack_fields
from fanal.harmonise.domain.redaction.search import query_words
from fanal.harmonise.domain.sightings import (
    ROLE_CODES,
    ROLE_OF_CODE,
    FoundSelector,
    HeldKey,
    KeySearch,
    Revision,
    Sighting,
    Sightings,
    selector_key,
)
from fanal.harmonise.domain.values.handles import spellings
from fanal.harmonise.domain.written_otherwise import (
    beginnings,
    found_selectors,
    meanings,
    similar_kinds,
)
from fanal.kernel.actors import Actor

# One pass over the sightings of the kinds. Report ids sort by their instant, as text too.
_KEYS = """
WITH held AS (
    SELECT s.key, k.kind, s.role, count(*) AS total,
        count(*) FILTER (WHERE s.report_id >= %(recent)s) AS recent,
        max(s.report_id::text) AS newest,
        bool_or(s.role = ANY(%(roles)s::smallint[]) AND NOT s.weak AND s.report_id >= %(since)s
            AND (%(desks)s::int[] IS NULL OR s.desk_id = ANY(%(desks)s::int[]))
            AND s.report_id <> ALL(%(aside)s::uuid[])) AS opens,
        bool_or(s.role = ANY(%(never)s::smallint[])
            OR s.report_id = ANY(%(withheld)s::uuid[])) AS bars
    FROM harmonise_selector k JOIN harmonise_sighting s ON s.key = k.key
    WHERE k.kind = ANY(%(kinds)s) AND (%(among)s::uuid[] IS NULL OR k.key = ANY(%(among)s::uuid[]))
    GROUP BY s.key, k.kind, s.role
)
SELECT key, kind, array_agg(role), array_agg(recent), array_agg(total) FROM held
GROUP BY key, kind HAVING bool_or(opens) AND NOT bool_or(bars)
ORDER BY max(newest) DESC, key LIMIT %(limit)s
"""


def search_keys(*, actor: Actor, wanted: KeySearch, limit: int) -> list[HeldKey]:
    """Return the keys of identifiers that match `wanted`, last seen first, with counts but no values.

    At most `limit` keys.

    Raises:
        Refused: the actor is not the system; the search covers every desk.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        _KEYS,
        {
            "kinds": list(wanted.kinds),
            "roles": [ROLE_CODES[role] for role in wanted.roles],
            "never": [ROLE_CODES[role] for role in wanted.never],
            "desks": list(wanted.desk_ids) or None,
            "since": wanted.since,
            "recent": wanted.recent,
            "withheld": uuid_array(wanted.withheld),
            "aside": uuid_array(wanted.aside),
            "among": None if wanted.among is None else uuid_array(wanted.among),
            "limit": limit,
        },
    )
    return [
        HeldKey(
            key=key,
            kind=SelectorKind(kind),
            recent={ROLE_OF_CODE[r]: n for r, n in zip(roles, recent, strict=True)},
            total={ROLE_OF_CODE[r]: n for r, n in zip(roles, total, strict=True)},
        )
        for key, kind, roles, recent, total in found
    ]


def get_selectors(*, actor: Actor, keys: Sequence[UUID]) -> dict[UUID, tuple[SelectorKind, str]]:
    """Return (kind, value) of identifiers by their key, for those that were seen at the actor's desks.

    File hashes and identifiers not seen there are left out.
    """
    desks = reach(actor, "report.read").desks
    if not keys or desks == []:
        return {}
    found = sql.rows(
        "SELECT k.key, k.kind, k.value FROM harmonise_selector k WHERE k.key = ANY(%(keys)s::uuid[])"
        " AND EXISTS (SELECT FROM harmonise_sighting s WHERE s.key = k.key"
        " AND (%(desks)s::int[] IS NULL OR s.desk_id = ANY(%(desks)s::int[])))",
        {"keys": list(keys), "desks": desks},
    )
    return {key: (SelectorKind(kind), value) for key, kind, value in found}


# In each statement `desks` is NULL for the system, which reaches all.


def get_records(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, HarmonisedReport]:
    """Return by report id the newest harmonised record of each report that the actor may read.

    Other ids have no key.
    """
    return {report_id: unpack(record) for report_id, record in _newest(actor, report_ids)}


def get_record_fields(
    *, actor: Actor, report_ids: Sequence[UUID], largest: int | None = None
) -> dict[UUID, dict[str, msgspec.Raw]]:
    """Return the records of `get_records` as raw JSON by field name: faster, for printing many reports.

    Other ids have no key. Fields with default values are absent; a record of more than `largest` bytes
    unpacked has no field.
    """
    return {key: unpack_fields(record, largest) for key, record in _newest(actor, report_ids)}


def _newest(actor: Actor, report_ids: Sequence[UUID]) -> list[tuple[UUID, memoryview]]:
    desks = reach(actor, "report.read").desks
    if not report_ids or desks == []:
        return []
    found = sql.rows(
        "SELECT DISTINCT ON (r.report_id) r.report_id, r.record FROM harmonise_record r"
        " WHERE r.report_id = ANY(%(ids)s::uuid[])"
        " AND (%(desks)s::int[] IS NULL OR r.desk_id = ANY(%(desks)s::int[]))"
        " ORDER BY r.report_id, r.revision DESC",
        {"ids": list(report_ids), "desks": desks},
    )
    return [(report_id, record) for report_id, record in found]


def get_revisions(*, actor: Actor, report_id: UUID) -> list[tuple[Revision, HarmonisedReport]]:
    """Return (revision, record) of each harmonisation of a report, oldest first; empty out of reach."""
    desks = reach(actor, "report.read").desks
    if desks == []:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.revision, r.written_at, r.record FROM harmonise_record r"
            " WHERE r.report_id = %(id)s"
            " AND (%(desks)s::int[] IS NULL OR r.desk_id = ANY(%(desks)s::int[]))"
            " ORDER BY r.revision",
            {"id": report_id, "desks": desks},
        )
        found = []
        for number, written_at, record in cursor.fetchall():
            report = unpack(record)
            revision = Revision(
                revision=number,
                written_at=written_at.isoformat(),
                rule_version=report.rule_version,
            )
            found.append((revision, report))
        return found


def get_desks(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the desk id of each harmonised report by report id; reports not harmonised are omitted.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        "SELECT report_id, desk_id FROM harmonise_text WHERE report_id = ANY(%s::uuid[])",
        [uuid_array(report_ids)],
    )
    return dict(found)


_MOST = 1000  # the bound of any count or page here

# In each call `desks` is NULL for the system, which reaches all; the SQL functions also apply the session's.


def search_selectors(
    *, actor: Actor, text: str, kinds: Iterable[SelectorKind] = (), limit: int = 50
) -> list[FoundSelector]:
    """Return the identifiers seen at the actor's desks that match a search text, exact matches first.

    First come those that the text means, as typed or as parsed by kind (a national number, an IBAN with
    spaces), then those that begin with it, then those of another spelling, with the differences
    (`written_otherwise`). A text of fewer than 2 characters gives []. Empty `kinds` means all kinds. At
    most `limit` are returned, and never more than 1000.
    """
    desks = reach(actor, "search.run").desks
    wanted = list(kinds) or list(SelectorKind)
    typed, compared = spellings(text)[0], spellings(text)[-1]
    if desks == [] or len(compared) < 2 or "\x00" in typed:
        return []
    meant = meanings(wanted, text)
    started = beginnings(text)
    rows = sql.rows(
        "SELECT key, kind, value, seen, place"
        " FROM harmonise_find_selectors(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            [selector_key(kind, value) for kind, value in meant],
            [kind.value for kind, _value in meant],
            [value for _kind, value in meant],
            started,
            _like_prefix(compared),
            [kind.value for kind in similar_kinds(wanted, started)],
            desks,
            min(limit, _MOST),
            _MOST,
        ],
    )
    return found_selectors(text, meant, rows)


def search_text(
    *, actor: Actor, text: str, limit: int = 100, before: UUID | None = None
) -> list[UUID]:
    """Return the ids of the actor's desks' reports that contain every word of `text`, newest first.

    Accents and case are ignored; the last word, if of letters and digits only, also matches as a prefix. The
    index holds no value of a reporter. `before` is the last id of the previous page (keyset pagination).
    Without a word in `text` the result is empty; `limit` is at most 1000.
    """
    desks = reach(actor, "search.run").desks
    words = query_words(text)
    if desks == [] or not words:
        return []
    last = words.pop() if words[-1].isalnum() else None
    found = sql.rows(
        "SELECT harmonise_find_text(plainto_tsquery('public.harmonise_words', %s)"
        " && to_tsquery('public.harmonise_words', %s), %s, %s, %s)",
        [" ".join(words), f"{last}:*" if last else "", desks, before, min(limit, _MOST)],
    )
    return [report_id for (report_id,) in found]


def _like_prefix(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"{escaped}%"


_MOST_SHARED = 20_000  # of one value, for the system
_WINDOW = 10_000

SharedRow = tuple[int, bytes, int]
"""Index of the key in the arguments, report id (16 bytes), desk id."""


def get_selector_history(
    *, actor: Actor, kind: SelectorKind, value: str, limit: int = 100, before: UUID | None = None
) -> Sightings:
    """Return the occurrences of an identifier at the actor's desks, newest report first.

    `value` is canonical. `before` is the last report id of the previous page; `limit` is at most 1000.
    """
    key = selector_key(kind, value)
    pages = _sightings(
        desks=reach(actor, "report.read").desks, keys=[key], limit=limit, before=before
    )
    return pages.get(key) or Sightings(key=key, newest=(), count=0, bounded=False)


def get_sightings(*, actor: Actor, keys: Sequence[UUID], limit: int = 50) -> dict[UUID, Sightings]:
    """Return the newest sightings of each selector key in the actor's desks, with a count up to `limit`.

    A selector is an identifier, a sighting its occurrence in a report; a key without a sighting there is
    omitted. The system reaches every desk. Of another desk's report, cross-check shows only that a link
    exists.
    """
    return _sightings(desks=reach(actor, "report.read").desks, keys=keys, limit=limit, before=None)


def get_shared_rows(
    *, actor: Actor, keys: Sequence[bytes], limit: int = 50
) -> list[list[SharedRow]]:
    """Return a list of the newest sightings for each selector key with two or more, newest first.

    A key is the 16 bytes of `key_bytes` for an identifier. A row (an occurrence in a report) holds the key's
    index in `keys`, the report id (16 bytes) and the desk id. Keys with fewer rows are left out. A report
    with two roles for a key occurs twice. A list has at most `limit` rows (20,000 at most), plus one if there
    are more. Rows are tuples and ids are bytes for speed.

    Raises:
        Refused: the actor is not the system; the query covers every desk.
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
        # Read in index order, a value of a million reports costs no more than any other; the planner,
        # which knows no value in advance, would read and sort all its rows.
        cursor.execute("SET LOCAL enable_sort = off")
        values = {"keys": uuids(keys), "more": max(1, min(limit, _MOST_SHARED)) + 1}
        bound.execute(_SHARED, values, prepare=False)
        cursor.execute("SET LOCAL enable_sort = on")
        rows: list[SharedRow] = bound.fetchall()
    held = (list(of_one) for _, of_one in groupby(rows, key=itemgetter(0)))
    return [found for found in held if len(found) > 1]


def get_rows_around(*, actor: Actor, key: bytes, report: bytes, limit: int) -> list[SharedRow]:
    """Return the occurrences of an identifier in the reports before and after a given one, unordered.

    `key` and `report` (id) are 16 bytes each. At most `limit` are in earlier reports, and at most as many in
    that report and later ones. A row is (0, report id as 16 bytes, desk id).

    Raises:
        Refused: the actor is not the system; the query covers every desk.
    """
    require(actor, "pipeline.run")
    with together(), bound_cursor() as bound:
        values = {"key": UUID(bytes=key), "report": UUID(bytes=report), "limit": limit}
        bound.execute(_AROUND, values, prepare=False)
        rows: list[SharedRow] = bound.fetchall()
        return rows


def held_beyond(
    *, actor: Actor, beginnings: Sequence[bytes], report_ids: Sequence[UUID]
) -> set[bytes]:
    """Return the `beginnings` of selector keys that occur in a report other than those of `report_ids`.

    A selector key is the digest of an identifier, its beginning the first eight bytes.

    Raises:
        Refused: the actor is not the system; the query covers every desk.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        "SELECT w.place FROM unnest(%s::uuid[], %s::uuid[]) WITH ORDINALITY AS w (low, high, place)"
        " WHERE EXISTS (SELECT FROM harmonise_sighting s WHERE s.key BETWEEN w.low AND w.high"
        " AND s.report_id <> ALL(%s::uuid[]))",
        [
            [UUID(bytes=one + b"\x00" * 8) for one in beginnings],
            [UUID(bytes=one + b"\xff" * 8) for one in beginnings],
            list(report_ids),
        ],
    )
    return {beginnings[place - 1] for (place,) in found}


def seen_elsewhere(*, actor: Actor, keys: Sequence[UUID]) -> dict[UUID, frozenset[int]]:
    """Return, by key of an identifier, the ids of other desks where it occurs, without report or count.

    Empty for an actor without `elsewhere.read`, or who reads no desk's content or every desk's (the system).
    For a frequent value only the newest 10 000 sightings are read.
    """
    desks = reach(actor, "report.read").desks
    if not keys or not desks or not may(actor, "elsewhere.read"):
        return {}
    given = sql.rows(
        "SELECT key, desks FROM harmonise_seen_elsewhere(%s, %s, %s)",
        [list(keys), desks, _WINDOW],
    )
    return {key: frozenset(found) for key, found in given}


def count_sightings(*, actor: Actor, keys: Sequence[UUID], most: int = _MOST) -> dict[UUID, int]:
    """Return by key how often each identifier occurs in reports of all desks (0: never), up to `most`.

    Raises:
        Refused: the actor is not the system; a count across desks reveals more than existence.
    """
    require(actor, "pipeline.run")
    if not keys:
        return {}
    found = sql.rows(
        "SELECT wanted.key, n FROM unnest(%(keys)s::uuid[]) AS wanted (key)"
        " CROSS JOIN LATERAL (SELECT count(*) AS n FROM (SELECT FROM harmonise_sighting s"
        " WHERE s.key = wanted.key LIMIT %(most)s) few) counted",
        {"keys": list(keys), "most": most},
    )
    return dict(found)


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


# A backward index scan. The test for a second row is in Python: a count in the database would take a
# third of the total time.
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
