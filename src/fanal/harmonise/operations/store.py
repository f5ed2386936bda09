"""Storage of harmonised reports: the record, the search text, and the identifiers with their sightings.

For a report harmonised before, only the changed sightings (occurrences of identifiers) are written.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import numpy as np
from django.db import connection
from django.db.backends.utils import CursorWrapper
from msgspec import Struct

from fanal.accounts import binary_arrays
from fanal.db.sql import plain_array, text_array, uuid_array
from fanal.harmonise.domain.records import HarmonisedReport, Selector, unpack
from fanal.harmonise.domain.sightings import ROLE_CODES, key_bytes
from fanal.harmonise.domain.values.hashes import HASH_LENGTH
from fanal.harmonise.domain.written_otherwise import skeleton

# Advisory lock, exclusive for erasure and shared by writers: no selector is erased while a report that
# holds it is being written.
ERASE_LOCK = 7_310_420_001
_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z\-]{0,34}")

# Row-level security forbids COPY FROM: new rows are passed as one array for each column.
_INSERT_RECORDS = (
    "INSERT INTO harmonise_record (written_at, report_id, revision, desk_id, occurred_from,"
    " occurred_until, emergency, kind, channel, language, country, record)"
    " SELECT %s, * FROM unnest(%s::uuid[], %s::smallint[], %s::int[], %s::timestamptz[],"
    " %s::timestamptz[], %s::bool[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bytea[])"
)
# `unnest` in the select list streams its rows; in FROM each array would first be materialised, a fifth of
# the cost of a sighting.
# LIMIT makes the planner use one index lookup for each value instead of a scan of the whole table;
# without bitmap scans that lookup ends at the first row, in a third of the time.
_INSERT_SELECTORS = (
    "INSERT INTO harmonise_selector (key, kind, value) SELECT given.*"
    " FROM (SELECT unnest(%s::uuid[]) AS key, unnest(%s::text[]) AS kind, unnest(%s::text[]) AS value) given"
    " LEFT JOIN LATERAL (SELECT true AS held FROM harmonise_selector s"
    " WHERE harmonise_skeleton(s.value) = harmonise_skeleton(given.value) AND s.value = given.value"
    " AND s.kind = given.kind AND s.kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ') LIMIT 1) s ON true"
    " WHERE s.held IS NULL"
)
_INSERT_SIGHTINGS = (
    "INSERT INTO harmonise_sighting (key, report_id, desk_id, role, weak, port, at)"
    " SELECT unnest(%s::uuid[]), unnest(%s::uuid[]), unnest(%s::int[]), unnest(%s::smallint[]),"
    " unnest(%s::bool[]), unnest(%s::int[]), unnest(%s::timestamptz[])"
)


class Prepared(Struct, frozen=True, kw_only=True):
    """A report ready for storage, without its reporter's identity.

    `record` is the encoded report, `words` the text in which searches look for words, and `keys` the keys
    (16 bytes each) of its selectors (identifiers), in their order.
    """

    report: HarmonisedReport
    desk_id: int
    record: bytes
    words: str
    keys: tuple[bytes, ...]
    """The 16-byte keys of the report's selectors, in the order of `report.selectors`."""


class _Seen(Struct, frozen=True, kw_only=True):
    key: bytes
    report_id: UUID
    role: int


def store(items: Sequence[Prepared], now: datetime) -> None:
    """Write reports as new revisions in the caller's transaction; of repeated reports the last counts.

    `now` is the time of writing.
    """
    latest = {item.report.report_id: item for item in items}
    if not latest:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [ERASE_LOCK])
        revisions = _revisions(cursor, list(latest))
        again = [item for key, item in latest.items() if key in revisions]
        new = [item for key, item in latest.items() if key not in revisions]
        if again:
            _drop_gone_sightings(cursor, again, revisions)
        _write_selectors(cursor, latest.values())
        _insert_records(list(latest.values()), revisions, now=now)
        _insert_sightings(new)
        _merge_sightings(cursor, again)
        _write_words(latest.values())


def _revisions(cursor: CursorWrapper, report_ids: list[UUID]) -> dict[UUID, int]:
    cursor.execute(
        "SELECT report_id, max(revision) FROM harmonise_record"
        " WHERE report_id = ANY(%s::uuid[]) GROUP BY report_id",
        [uuid_array(report_ids)],
    )
    return dict(cursor.fetchall())


def _write_selectors(cursor: CursorWrapper, items: Iterable[Prepared]) -> None:
    """Insert the reports' selectors (identifiers) that are not stored yet, in the order of the index.

    File hashes are left out: nobody searches them by prefix.
    """
    values = {
        key: selector
        for item in items
        for key, selector in zip(item.keys, item.report.selectors, strict=True)
        if selector.kind not in HASH_LENGTH
    }
    ordered = sorted(values.items(), key=_value_of)
    if ordered:
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        with binary_arrays.bound() as bound:
            bound.execute(
                _INSERT_SELECTORS,
                [
                    binary_arrays.uuids([key for key, _ in ordered]),
                    plain_array([selector.kind for _, selector in ordered]),
                    text_array([selector.value for _, selector in ordered]),
                ],
                prepare=False,
            )
        cursor.execute("SET LOCAL enable_bitmapscan = on")


def _value_of(item: tuple[bytes, Selector]) -> str:
    return skeleton(item[1].value)


def _insert_records(
    items: Sequence[Prepared], revisions: dict[UUID, int], *, now: datetime
) -> None:
    reports = [item.report for item in items]
    occurred = [report.occurred for report in reports]
    channels = [report.channel for report in reports]
    named = [report.place_of_facts() for report in reports]
    countries = [place.country if place else None for place in named]
    with binary_arrays.bound() as bound:
        bound.execute(
            _INSERT_RECORDS,
            [
                now,
                binary_arrays.ids([report.report_id for report in reports]),
                binary_arrays.smallints([revisions.get(r.report_id, 0) + 1 for r in reports]),
                binary_arrays.integers([item.desk_id for item in items]),
                plain_array(one.earliest if one else "NULL" for one in occurred),
                plain_array(one.latest if one else "NULL" for one in occurred),
                binary_arrays.booleans([report.emergency for report in reports]),
                text_array([report.kind for report in reports]),
                text_array([channel or "" for channel in channels]),
                text_array([_code(report.language) for report in reports]),
                text_array([_code(country) for country in countries]),
                binary_arrays.octets([item.record for item in items]),
            ],
            prepare=False,
        )


def _insert_sightings(items: Sequence[Prepared]) -> None:
    selectors = [selector for item in items for selector in item.report.selectors]
    if not selectors:
        return
    keys = np.frombuffer(b"".join([key for item in items for key in item.keys]), "V16")
    counts = [len(item.keys) for item in items]
    # Sorted by the first half of the key, as in the index: a quarter less work for the database.
    order = np.argsort(keys.view(">u8")[::2].astype(np.uint64), kind="stable")
    ids = np.frombuffer(b"".join([item.report.report_id.bytes for item in items]), "V16")
    with binary_arrays.bound() as bound:
        bound.execute(
            _INSERT_SIGHTINGS,
            [
                binary_arrays.even_uuids(keys[order]),
                binary_arrays.even_uuids(ids.repeat(counts)[order]),
                binary_arrays.integers(
                    np.array([item.desk_id for item in items]).repeat(counts)[order]
                ),
                binary_arrays.smallints(np.array([ROLE_CODES[s.role] for s in selectors])[order]),
                binary_arrays.booleans(np.array([s.weak for s in selectors])[order]),
                plain_array(map(_port_of, [selectors[n] for n in order.tolist()])),
                plain_array([selectors[n].at or "NULL" for n in order.tolist()]),
            ],
            prepare=False,
        )


def _port_of(selector: Selector) -> str:
    return str(selector.port) if _has_port(selector) else "NULL"


def _merge_sightings(cursor: CursorWrapper, items: Sequence[Prepared]) -> None:
    rows = [(item, selector) for item in items for selector in item.report.selectors]
    if not rows:
        return
    cursor.execute(
        _INSERT_SIGHTINGS + " ON CONFLICT (key, report_id, role) DO UPDATE"
        " SET weak = EXCLUDED.weak, port = EXCLUDED.port, at = EXCLUDED.at"
        " WHERE (harmonise_sighting.weak, harmonise_sighting.port, harmonise_sighting.at)"
        " IS DISTINCT FROM (EXCLUDED.weak, EXCLUDED.port, EXCLUDED.at)",
        [
            [key_bytes(selector.kind, selector.value).hex() for _, selector in rows],
            [item.report.report_id for item, _ in rows],
            [item.desk_id for item, _ in rows],
            [ROLE_CODES[selector.role] for _, selector in rows],
            [selector.weak for _, selector in rows],
            [selector.port if _has_port(selector) else None for _, selector in rows],
            [selector.at for _, selector in rows],
        ],
    )


def _drop_gone_sightings(
    cursor: CursorWrapper, items: Sequence[Prepared], revisions: dict[UUID, int]
) -> None:
    """Delete the sightings in the previous revision of these reports that the new revision no longer has.

    `revisions` holds the number of the previous revision by report id. A sighting is an identifier's
    occurrence in a report.
    """
    kept = {seen for item in items for seen in _seen(item.report)}
    cursor.execute(
        "SELECT r.record FROM harmonise_record r"
        " JOIN unnest(%s::uuid[], %s::smallint[]) AS last (report_id, revision)"
        " USING (report_id, revision)",
        [
            [item.report.report_id for item in items],
            [revisions[item.report.report_id] for item in items],
        ],
    )
    before = {seen for (record,) in cursor.fetchall() for seen in _seen(unpack(record))}
    delete_sightings(cursor, before - kept)


def delete_sightings(cursor: CursorWrapper, seen: Iterable[_Seen]) -> int:
    """Delete sightings, occurrences of identifiers in reports; return the number of deleted rows.

    `seen` are their primary keys (selector key, report, role).
    """
    gone = list(seen)
    if not gone:
        return 0
    cursor.execute(
        "DELETE FROM harmonise_sighting s"
        " USING unnest(%s::uuid[], %s::uuid[], %s::smallint[]) AS gone (key, report_id, role)"
        " WHERE s.key = gone.key AND s.report_id = gone.report_id AND s.role = gone.role",
        [
            [item.key.hex() for item in gone],
            [item.report_id for item in gone],
            [item.role for item in gone],
        ],
    )
    return int(cursor.rowcount)


def sightings_of(report: HarmonisedReport) -> set[_Seen]:
    """Return the primary keys (selector key, report, role) of a report's sightings.

    A sighting is the occurrence of an identifier (selector) in a report.
    """
    return set(_seen(report))


def _seen(report: HarmonisedReport) -> Iterable[_Seen]:
    for selector in report.selectors:
        yield _Seen(
            key=key_bytes(selector.kind, selector.value),
            report_id=report.report_id,
            role=ROLE_CODES[selector.role],
        )


def _write_words(items: Iterable[Prepared]) -> None:
    ordered = sorted(items, key=lambda item: item.report.report_id)
    with binary_arrays.bound() as bound:
        bound.execute(
            "INSERT INTO harmonise_text (report_id, desk_id, words)"
            " SELECT i, d, strip(to_tsvector('public.harmonise_words', t))"
            " FROM unnest(%s::uuid[], %s::int[], %s::text[]) AS given (i, d, t)"
            " ON CONFLICT (report_id) DO UPDATE SET words = EXCLUDED.words",
            [
                binary_arrays.ids([item.report.report_id for item in ordered]),
                binary_arrays.integers([item.desk_id for item in ordered]),
                binary_arrays.texts(
                    [_each_word_once(item.words.replace("\x00", " ")) for item in ordered]
                ),
            ],
            prepare=False,
        )


def _each_word_once(text: str) -> str:
    """Return `text` with each word once, to save parsing; its `tsvector` without positions is the same.

    Words are separated by spaces, since PostgreSQL parses what lies between two spaces by itself. Markup is
    an exception: a text with a `<` is returned unchanged. The end of a text may be parsed differently, so
    the last word is repeated at the end.
    """
    if "<" in text:
        return text
    words = text.split(" ")
    return " ".join([*dict.fromkeys(words), words[-1]])


def _has_port(selector: Selector) -> bool:
    return selector.port is not None and 1 <= selector.port <= 65535


def _code(text: str | None) -> str:
    """Return a language or country code for its column, or "" for other text, which only the record keeps."""
    return text if text is not None and _CODE.fullmatch(text) is not None else ""
