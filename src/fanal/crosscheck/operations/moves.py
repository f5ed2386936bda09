"""Weighs the links anew that rest on values whose standing changed."""

from collections.abc import Mapping
from uuid import UUID

from django.db import connection

from fanal.crosscheck.domain.encoding import pack_reasons, unpack_reasons
from fanal.crosscheck.domain.moving import weighed_anew
from fanal.crosscheck.domain.weights import load_weights, score_of
from fanal.crosscheck.operations.sightings import Held
from fanal.kernel.arrays import plain_array, uuid_array

_UPDATE = (
    "UPDATE crosscheck_link l SET score = v.score, reasons = decode(v.reasons, 'hex')"
    " FROM unnest(%s::uuid[], %s::uuid[], %s::real[], %s::text[])"
    " AS v (report_id, other_id, score, reasons)"
    " WHERE l.report_id = v.report_id AND l.other_id = v.other_id AND l.rule_version = %s"
)
_DELETE = (
    "DELETE FROM crosscheck_link l USING unnest(%s::uuid[], %s::uuid[]) AS v (report_id, other_id)"
    " WHERE l.report_id = v.report_id AND l.other_id = v.other_id AND l.rule_version = %s"
)


def move(moved: Mapping[int, float], held: Mapping[int, Held]) -> set[UUID]:
    """Weigh the links among the holders of moved values anew; return the ends that are certain no more.

    `moved` holds the share that each keeps now, by key. A standing only falls, so no pair comes to be.
    """
    if not moved:
        return set()
    weights = load_weights()
    kept = {
        (held[k].selector.kind.value, held[k].selector.value): share for k, share in moved.items()
    }
    ends = {report_id for key in moved for report_id in held[key].newest}
    changed: list[tuple[UUID, UUID, float, bytes]] = []
    gone: list[tuple[UUID, UUID]] = []
    lost: set[UUID] = set()
    for one, two, score, content in _between(ends, weights.version):
        reasons = unpack_reasons(content)
        points, fresh = weighed_anew(reasons, kept, weights)
        if fresh == reasons:
            continue
        after = round(score_of(points / weights.certain), 4)
        if points < weights.shown:
            gone.append((one, two))
        else:
            changed.append((one, two, after, pack_reasons(fresh)))
        if score >= weights.strong - 1e-6 > after:
            lost |= {one, two}
    _write(changed, gone, weights.version)
    return lost


def _between(ends: set[UUID], version: str) -> list[tuple[UUID, UUID, float, memoryview]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id, other_id, score, reasons FROM crosscheck_link"
            " WHERE report_id = ANY(%(ids)s::uuid[]) AND other_id = ANY(%(ids)s::uuid[])"
            " AND rule_version = %(version)s",
            {"ids": uuid_array(ends), "version": version},
        )
        rows: list[tuple[UUID, UUID, float, memoryview]] = cursor.fetchall()
        return rows


def _write(
    changed: list[tuple[UUID, UUID, float, bytes]], gone: list[tuple[UUID, UUID]], version: str
) -> None:
    with connection.cursor() as cursor:
        if changed:
            ones, twos, scores, contents = zip(*changed, strict=True)
            cursor.execute(
                _UPDATE,
                [
                    uuid_array(ones),
                    uuid_array(twos),
                    plain_array(map(str, scores)),
                    plain_array(content.hex() for content in contents),
                    version,
                ],
            )
        if gone:
            ones, twos = zip(*gone, strict=True)
            cursor.execute(_DELETE, [uuid_array(ones), uuid_array(twos), version])
