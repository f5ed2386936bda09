"""Tables of the similarity search: digests (sketches), stop keys, queue, pairs, identifiers."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts import binary_arrays
from fanal.analyse.material.domain.known import PDQ_RADIUS, distance, near_pieces, pieces
from fanal.crosscheck.domain.records import LinkReason, pack_reasons
from fanal.crosscheck.similar.domain.pairs import (
    First,
    NearReport,
    Neighbour,
    Spelled,
    Values,
    families,
    keys_of,
    near_spelled,
    sharing_values,
    spelled_of,
)
from fanal.crosscheck.similar.domain.rules import load_near_rules
from fanal.crosscheck.similar.domain.sketch import Sketch, Sketcher, pack_pictures, read_pictures
from fanal.db import sql
from fanal.db.sql import bytes_array, plain_array, text_array, uuid_array
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor

Pairs = Mapping[UUID, Mapping[UUID, tuple[float, tuple[LinkReason, ...]]]]
"""Score and reasons of each pair, by the later report, then by the earlier one."""

_LOCK = 0x4E454152  # "NEAR"
_MOST_NEAR = 2000
_UNTRIED = "SELECT report_id FROM crosscheck_waiting WHERE attempts = 0 ORDER BY report_id LIMIT %s"
_ALONE = "SELECT report_id FROM crosscheck_waiting ORDER BY attempts, report_id LIMIT 1"
_TAKE = "DELETE FROM crosscheck_waiting WHERE report_id IN ({chosen}) RETURNING report_id"
_MARK = (
    "UPDATE crosscheck_waiting SET attempts = 1 WHERE report_id IN ({chosen}) RETURNING report_id"
)
# One index look-up per key, however many keys there are.
_SHARING = (
    "SELECT s.report_id, s.keys, s.pictures FROM crosscheck_sketch s WHERE s.report_id IN"
    " (SELECT t.report_id FROM unnest(%s::bigint[]) AS wanted (key) CROSS JOIN LATERAL"
    " (SELECT report_id FROM crosscheck_sketch WHERE keys @> ARRAY[wanted.key]) t)"
)
_WRITE_SKETCHES = (
    "INSERT INTO crosscheck_sketch (report_id, keys, pictures, pieces)"
    " SELECT i, k::bigint[], p, b::integer[]"
    " FROM unnest(%s::uuid[], %s::text[], %s::bytea[], %s::text[]) AS given (i, k, p, b)"
)
_WRITE_NEAR = (
    "INSERT INTO crosscheck_near (report_id, other_id, desk_id, other_desk_id, score, reasons)"
    " SELECT n.report_id, n.other_id, one.desk_id, two.desk_id, n.score, n.reasons"
    " FROM unnest(%s::uuid[], %s::uuid[], %s::real[], %s::bytea[])"
    " AS n (report_id, other_id, score, reasons)"
    " JOIN crosscheck_card one ON one.report_id = n.report_id"
    " JOIN crosscheck_card two ON two.report_id = n.other_id"
)


def hold() -> bool:
    """Try to take the advisory lock of the similarity search; return whether this worker now holds it.

    The lock lasts until the end of the transaction.
    """
    row = sql.row("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
    return row is not None and bool(row[0])


def wait_for_it() -> None:
    """Wait for the advisory lock of the similarity search and hold it until the end of the transaction."""
    sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def let_wait(report_ids: Iterable[UUID]) -> None:
    """Queue reports for the similarity search.

    If a worker is just taking one of these reports from the queue, the insert waits for it, so that the
    report is queued again afterwards.
    """
    with binary_arrays.bound() as cursor:
        cursor.execute(
            "INSERT INTO crosscheck_waiting SELECT unnest(%s::uuid[]) ON CONFLICT DO NOTHING",
            [binary_arrays.ids(report_ids)],
        )


def next_of(most: int) -> list[UUID]:
    """Return the reports, at most `most`, that `take` would take now; they stay queued."""
    found = sql.rows(_UNTRIED, [most]) or sql.rows(_ALONE)
    return [report_id for (report_id,) in found]


def take(most: int) -> list[UUID]:
    """Take at most `most` reports from the queue of the similarity search; return them in order of id.

    They leave it at the end of the transaction. Reports of a call that timed out (`stop`) come after all
    others, one by one. Empty if nothing is queued.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE.format(chosen=_UNTRIED), [most])
        taken = [report_id for (report_id,) in cursor.fetchall()]
        if not taken:
            cursor.execute(_TAKE.format(chosen=_ALONE))
            taken = [report_id for (report_id,) in cursor.fetchall()]
    return sorted(taken)


def leave_unjoined(report_ids: Iterable[UUID]) -> None:
    """Store reports with similar ones, whose dossiers may have to be joined after the search.

    Runs in the transaction of the search: if the process ends after it, the next call joins them.
    """
    sql.run(
        "INSERT INTO crosscheck_unjoined SELECT unnest(%s::uuid[]) ON CONFLICT DO NOTHING",
        [uuid_array(report_ids)],
    )


def take_unjoined() -> list[UUID]:
    """Return the reports that `leave_unjoined` stored, in any order, and delete them."""
    found = sql.rows("DELETE FROM crosscheck_unjoined RETURNING report_id")
    return [report_id for (report_id,) in found]


def stop(most: int) -> tuple[list[UUID], bool]:
    """Mark the queued reports that `take(most)` had taken as timed out; drop a report that was taken alone.

    Returns the reports, and whether they were dropped from the queue. `most` must be that of the call of
    `take`. The reports of `leave_unjoined` are deleted too, since joining them may be what took so long.
    """
    take_unjoined()  # their join, too, may be what takes so long
    marked = [report_id for (report_id,) in sql.rows(_MARK.format(chosen=_UNTRIED), [most])]
    if marked:
        return marked, False
    return [report_id for (report_id,) in sql.rows(_TAKE.format(chosen=_ALONE))], True


def later_of(report_ids: Collection[UUID]) -> set[UUID]:
    """Return the later reports of all stored similar pairs whose earlier report is in `report_ids`."""
    found = sql.rows(
        "SELECT report_id FROM crosscheck_near WHERE other_id = ANY (%s::uuid[])",
        [uuid_array(report_ids)],
    )
    return {report_id for (report_id,) in found}


def write_sketches(report_ids: Collection[UUID], sketches: Mapping[UUID, Sketch]) -> None:
    """Replace stored sketches (digests) of reports; keys held by too many reports are left out.

    A report of `report_ids` without an entry in `sketches` loses its sketch.
    """
    worn = worn_among({key for sketch in sketches.values() for key in sketch.keys})
    kept = {i: sketch.without(worn) for i, sketch in sorted(sketches.items())}
    kept = {i: sketch for i, sketch in kept.items() if sketch.keys}
    sql.run(
        "DELETE FROM crosscheck_sketch WHERE report_id = ANY (%s::uuid[])",
        [uuid_array(report_ids)],
    )
    if not kept:
        return
    sql.run(
        _WRITE_SKETCHES,
        [
            uuid_array(kept),
            text_array(plain_array(map(str, sorted(s.keys))) for s in kept.values()),
            bytes_array(pack_pictures(s) for s in kept.values()),
            text_array(plain_array(map(str, _pieces(s))) for s in kept.values()),
        ],
    )


def sketches_of(report_ids: Iterable[UUID]) -> dict[UUID, Sketch]:
    """Return the stored sketches (digests for similarity) by report id; reports without one are absent."""
    return _read(
        "SELECT report_id, keys, pictures FROM crosscheck_sketch WHERE report_id = ANY (%s::uuid[])",
        uuid_array(report_ids),
    )


def sharing(sketches: Mapping[UUID, Sketch], worn: set[int]) -> dict[UUID, Sketch]:
    """Return `sketches` and all stored ones that share a key with one of them, by report id.

    A key is a digest of a passage, page, address, picture or name: reports with an equal key may be similar.
    Stop keys (too frequent, or rejected by people) are excepted; those found during the search are added to
    `worn`. Of a report in both, the stored sketch is returned.
    """
    keys = {key for sketch in sketches.values() for key in sketch.keys}
    worn |= worn_among(keys - worn)
    keys -= worn
    found = _read(_SHARING, plain_array(map(str, keys))) if keys else {}
    # Sketches stored earlier may still hold keys that are stop keys now.
    worn |= worn_among({key for sketch in found.values() for key in sketch.keys} - keys - worn)
    return {**sketches, **found}


def answered_among(report_ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """Return the suggested pairs among these reports that somebody accepted or rejected.

    Each is (later report, earlier report).
    """
    ids = uuid_array(report_ids)
    return sql.rows(
        "SELECT DISTINCT report_id, other_id FROM crosscheck_answer"
        " WHERE report_id = ANY (%s::uuid[]) AND other_id = ANY (%s::uuid[])",
        [ids, ids],
    )


def worn_among(keys: Collection[int]) -> frozenset[int]:
    """Return the stop keys among `keys`: too frequent or rejected, they make no reports similar."""
    if not keys:
        return frozenset()
    found = sql.rows(
        "SELECT key FROM crosscheck_worn WHERE key = ANY (%s::bigint[])",
        [plain_array(map(str, keys))],
    )
    return frozenset(key for (key,) in found)


def note_worn(keys: Iterable[int]) -> None:
    """Store keys as stop keys, which no longer make reports similar.

    A key is the 64-bit digest of a feature, such as a passage of a text.
    """
    sql.run(
        "INSERT INTO crosscheck_worn SELECT unnest(%s::bigint[]) ON CONFLICT DO NOTHING",
        [plain_array(map(str, sorted(keys)))],
    )


def near_pictures(
    pictures: Iterable[bytes], known: Mapping[bytes, list[Neighbour]]
) -> dict[bytes, list[Neighbour]]:
    """Return by PDQ hash (32 bytes) the stored pictures at most `PDQ_RADIUS` differing bits away.

    Each is (report, hash, distance); an equal hash counts. Multi-index hashing (pieces of the hash) finds the
    candidates, at most `_MOST_NEAR` reports for a picture. `known` holds the results of earlier look-ups and
    is part of the result.
    """
    near = dict(known)
    wanted = sorted(set(pictures) - near.keys())
    if not wanted:
        return near
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        # For 272 pieces and a LIMIT the planner prefers a sequential scan, expecting an early match.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for pdq in wanted:
            cursor.execute(
                "SELECT report_id, pictures FROM crosscheck_sketch WHERE pieces && %s LIMIT %s",
                [near_pieces(pdq), _MOST_NEAR],
            )
            near[pdq] = [
                (report_id, theirs, apart)
                for report_id, content in cursor.fetchall()
                for theirs in read_pictures(content)
                if (apart := distance(pdq, theirs)) <= PDQ_RADIUS
            ]
        cursor.execute("SET LOCAL enable_seqscan = on")
    return near


def write_near(touched: Collection[UUID], pairs: Pairs) -> dict[UUID, int]:
    """Replace the similar pairs of the `touched` reports; return the number of pairs by report.

    `pairs` maps a report, and then an earlier report, to (score, reasons). A report without pairs is absent
    from the result.
    """
    rows = [
        (report_id, other_id, score, reasons)
        for report_id, others in sorted(pairs.items())
        for other_id, (score, reasons) in sorted(others.items())
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM crosscheck_near WHERE report_id = ANY (%s::uuid[])", [uuid_array(touched)]
        )
        if rows:
            cursor.execute(
                _WRITE_NEAR,
                [
                    uuid_array(row[0] for row in rows),
                    uuid_array(row[1] for row in rows),
                    plain_array(str(row[2]) for row in rows),
                    bytes_array(pack_reasons(row[3]) for row in rows),
                ],
            )
    return {report_id: len(others) for report_id, others in pairs.items() if others}


def _read(statement: str, values: str) -> dict[UUID, Sketch]:
    return {
        report_id: Sketch(frozenset(keys), read_pictures(content))
        for report_id, keys, content in sql.rows(statement, [values])
    }


def _pieces(sketch: Sketch) -> list[int]:
    return sorted({piece for pdq in sketch.pictures for piece in pieces(pdq)})


# Spelling variants of identifiers: the holders of each value, its earliest holder, similar values.

_WRITE = (
    "INSERT INTO crosscheck_spelling (report_id, value, keys) SELECT i, v, k::bigint[]"
    " FROM unnest(%s::uuid[], %s::bigint[], %s::text[]) AS given (i, v, k)"
)
_WANTED = (
    "WITH wanted AS (SELECT t.value, t.report_id FROM unnest(%s::bigint[]) AS v (value)"
    " CROSS JOIN LATERAL (SELECT value, report_id FROM crosscheck_spelling s"
    " WHERE s.value = v.value ORDER BY s.report_id LIMIT 1) t) "
)
# The former earliest holder loses the flag before another gets it: there is never more than one.
_STEP_BACK = (
    f"{_WANTED}UPDATE crosscheck_spelling s SET first = false FROM wanted w"  # noqa: S608
    " WHERE s.first AND s.value = w.value AND s.report_id <> w.report_id"
    " RETURNING s.report_id"
)
_STEP_IN = (
    f"{_WANTED}UPDATE crosscheck_spelling s SET first = true FROM wanted w"  # noqa: S608
    " WHERE s.value = w.value AND s.report_id = w.report_id AND NOT s.first RETURNING s.report_id"
)
_OF_REPORTS = (
    "SELECT value, report_id, keys FROM crosscheck_spelling"
    " WHERE first AND report_id = ANY (%s::uuid[])"
)
_OF_VALUES = (
    "SELECT value, report_id, keys FROM crosscheck_spelling"
    " WHERE first AND value = ANY (%s::bigint[])"
)
# One index look-up per key, as for sketches.
_SHARING_SPELLINGS = (
    "SELECT DISTINCT t.value, t.report_id, t.keys FROM unnest(%s::bigint[]) AS wanted (key)"
    " CROSS JOIN LATERAL (SELECT value, report_id, keys FROM crosscheck_spelling"
    " WHERE first AND keys @> ARRAY[wanted.key]) t"
)


def write(
    report_ids: Collection[UUID], spelled: Mapping[UUID, Spelled], sketcher: Sketcher
) -> set[UUID]:
    """Replace the identifiers stored for reports; return the reports whose similar pairs may change.

    `spelled` holds each report's identifiers by digest; a report without an entry has none afterwards.
    Blocking keys (forms common to similar identifiers) shared by more values than allowed become stop keys.
    `sketcher` makes the keyed digests of the blocking keys.
    """
    keys = {v: keys_of(one, sketcher) for held in spelled.values() for v, one in held.items()}
    worn = worn_among({key for of_value in keys.values() for key in of_value})
    rows = [
        (report_id, value, sorted(keys[value] - worn))
        for report_id, held in sorted(spelled.items())
        for value in sorted(held)
        if keys[value] - worn
    ]
    touched = _delete(report_ids) | {value for _, value, _ in rows}
    if rows:
        sql.run(
            _WRITE,
            [
                uuid_array(row[0] for row in rows),
                plain_array(str(row[1]) for row in rows),
                text_array(plain_array(map(str, row[2])) for row in rows),
            ],
        )
    moved = _renew_firsts(touched)
    around, _ = _around(_firsts(_OF_VALUES, plain_array(map(str, touched))))
    return moved | {first.report_id for first in around.values()}


def find(
    actor: Actor, report_ids: Collection[UUID], sketcher: Sketcher
) -> dict[UUID, list[NearReport]]:
    """Return the earlier reports with a similar identifier, by report id; an empty list for a report without.

    The identifiers are read from the records; `sketcher` makes their keyed digests.
    """
    rules = load_near_rules()
    mine = _firsts(_OF_REPORTS, uuid_array(report_ids))
    firsts, worn = _around(mine)
    beside = {
        value: others for value, others in sharing_values(firsts, worn).items() if value in mine
    }
    telling = {firsts[value].report_id for others in beside.values() for value in others}
    records = harmonised.get_records(actor=actor, report_ids=sorted(telling))
    spelled = {i: spelled_of(record, sketcher) for i, record in records.items()}
    return near_spelled(report_ids, Values(firsts, beside, spelled), rules)


def drop(report_ids: Collection[UUID]) -> tuple[int, set[UUID]]:
    """Delete the identifiers of reports; return the number of distinct values, and the reports affected.

    Affected are the reports that became the earliest holder of a value, or ceased to be it.
    """
    touched = _delete(report_ids)
    return len(touched), _renew_firsts(touched)


def _around(firsts: Mapping[int, First]) -> tuple[dict[int, First], frozenset[int]]:
    """Return `firsts` with all values that share a blocking key with them, and the stop keys among these
    keys.

    Values are given by digest, with their earliest holder. Stop keys are blocking keys shared by too many
    values (`families`); new ones are stored.
    """
    keys = {key for first in firsts.values() for key in first.keys}
    worn = worn_among(keys)
    found = dict(firsts)
    if keys - worn:
        found |= _firsts(_SHARING_SPELLINGS, plain_array(map(str, keys - worn)))
    fresh = families(found, load_near_rules()) - worn
    note_worn(fresh)
    held = {key for first in found.values() for key in first.keys}
    return found, worn | fresh | worn_among(held - keys)


def _delete(report_ids: Collection[UUID]) -> set[int]:
    found = sql.rows(
        "DELETE FROM crosscheck_spelling WHERE report_id = ANY (%s::uuid[]) RETURNING value",
        [uuid_array(report_ids)],
    )
    return {value for (value,) in found}


def _renew_firsts(values: Collection[int]) -> set[UUID]:
    """Flag each compared identifier's earliest report; return the reports that gain or lose the flag.

    `values` are the digests of these identifiers (table `crosscheck_spelling`).
    """
    if not values:
        return set()
    wanted = [plain_array(map(str, sorted(values)))]
    moved = sql.rows(_STEP_BACK, wanted)
    return {report_id for (report_id,) in (*moved, *sql.rows(_STEP_IN, wanted))}


def _firsts(statement: str, wanted: str) -> dict[int, First]:
    return {
        value: First(report_id, frozenset(keys))
        for value, report_id, keys in sql.rows(statement, [wanted])
    }
