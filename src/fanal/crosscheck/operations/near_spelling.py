"""Identifiers in their variations: rows of who holds a value and who first does; what is near by them."""

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import connection

from fanal.crosscheck.domain.near.pairs import Found
from fanal.crosscheck.domain.near.rules import load_near_rules
from fanal.crosscheck.domain.near.sketch import Sketcher
from fanal.crosscheck.domain.near.spelled import (
    First,
    Spelled,
    Values,
    families,
    keys_of,
    near_spelled,
    sharing_values,
    spelled_of,
)
from fanal.crosscheck.operations.near_store import note_worn, worn_among
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor
from fanal.kernel.arrays import plain_array, text_array, uuid_array

_WRITE = (
    "INSERT INTO crosscheck_spelling (report_id, value, keys) SELECT i, v, k::bigint[]"
    " FROM unnest(%s::uuid[], %s::bigint[], %s::text[]) AS given (i, v, k)"
)
_WANTED = (
    "WITH wanted AS (SELECT t.value, t.report_id FROM unnest(%s::bigint[]) AS v (value)"
    " CROSS JOIN LATERAL (SELECT value, report_id FROM crosscheck_spelling s"
    " WHERE s.value = v.value ORDER BY s.report_id LIMIT 1) t) "
)
# Who is no longer the first steps back before another steps in: there is never more than one.
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
# A key at a time, as for sketches.
_SHARING = (
    "SELECT DISTINCT t.value, t.report_id, t.keys FROM unnest(%s::bigint[]) AS wanted (key)"
    " CROSS JOIN LATERAL (SELECT value, report_id, keys FROM crosscheck_spelling"
    " WHERE first AND keys @> ARRAY[wanted.key]) t"
)


def write(
    report_ids: Collection[UUID], spelled: Mapping[UUID, Spelled], sketcher: Sketcher
) -> set[UUID]:
    """Write what reports hold in place of what they held; return the reports whose pairs that may change.

    Keys that more values have than allowed are noted on the way: they go round from now on.
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
        with connection.cursor() as cursor:
            cursor.execute(
                _WRITE,
                [
                    uuid_array(row[0] for row in rows),
                    plain_array(str(row[1]) for row in rows),
                    text_array(plain_array(map(str, row[2])) for row in rows),
                ],
            )
    moved = _renew_firsts(touched)
    around, _ = _around(_read(_OF_VALUES, plain_array(map(str, touched))))
    return moved | {first.report_id for first in around.values()}


def find(actor: Actor, report_ids: Collection[UUID], sketcher: Sketcher) -> dict[UUID, list[Found]]:
    """Return what is near reports in their identifiers; the identifiers are read in the records."""
    rules = load_near_rules()
    mine = _read(_OF_REPORTS, uuid_array(report_ids))
    firsts, worn = _around(mine)
    beside = {
        value: others for value, others in sharing_values(firsts, worn).items() if value in mine
    }
    telling = {firsts[value].report_id for others in beside.values() for value in others}
    records = harmonised.get_records(actor=actor, report_ids=sorted(telling))
    spelled = {i: spelled_of(record, sketcher) for i, record in records.items()}
    return near_spelled(report_ids, Values(firsts, beside, spelled), rules)


def drop(report_ids: Collection[UUID]) -> tuple[int, set[UUID]]:
    """Delete what reports hold; return the number of values and who is the first holder of one now."""
    touched = _delete(report_ids)
    return len(touched), _renew_firsts(touched)


def _around(firsts: Mapping[int, First]) -> tuple[dict[int, First], frozenset[int]]:
    """Return values with all that share a key with one of them, and which of their keys go round."""
    keys = {key for first in firsts.values() for key in first.keys}
    worn = worn_among(keys)
    found = dict(firsts)
    if keys - worn:
        found |= _read(_SHARING, plain_array(map(str, keys - worn)))
    fresh = families(found, load_near_rules()) - worn
    note_worn(fresh)
    held = {key for first in found.values() for key in first.keys}
    return found, worn | fresh | worn_among(held - keys)


def _delete(report_ids: Collection[UUID]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM crosscheck_spelling WHERE report_id = ANY (%s::uuid[]) RETURNING value",
            [uuid_array(report_ids)],
        )
        return {value for (value,) in cursor.fetchall()}


def _renew_firsts(values: Collection[int]) -> set[UUID]:
    """Let the earliest holder of each value be its first; return who became it, or is it no longer."""
    if not values:
        return set()
    wanted = [plain_array(map(str, sorted(values)))]
    with connection.cursor() as cursor:
        cursor.execute(_STEP_BACK, wanted)
        moved = cursor.fetchall()
        cursor.execute(_STEP_IN, wanted)
        return {report_id for (report_id,) in (*moved, *cursor.fetchall())}


def _read(statement: str, wanted: str) -> dict[int, First]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [wanted])
        return {
            value: First(report_id, frozenset(keys)) for value, report_id, keys in cursor.fetchall()
        }
