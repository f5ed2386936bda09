"""Reweights links after a change of a value's document frequency or the removal of a shared value."""

from uuid import UUID

from django.db import connection

from fanal.crosscheck.domain.document_frequency import weighed_anew
from fanal.crosscheck.domain.records import pack_reasons, unpack_reasons
from fanal.crosscheck.domain.weights import load_weights, score_of
from fanal.crosscheck.operations.sightings import Gathered
from fanal.db import sql
from fanal.db.sql import plain_array, uuid_array
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.sightings import key_bytes
from fanal.kernel.actors import Actor

_MOST_OF_PERSON, _MOST_OF_FILE = 20_000, 5000
"""Most holders read to reweight a value. A value that names no person changes for the last time when it
passes `most_holders`, so fewer suffice."""
_SELECT = "SELECT l.report_id, l.other_id, l.score, l.reasons"
_Stored = tuple[UUID, UUID, float, memoryview]
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


def move(gathered: Gathered, *, actor: Actor) -> list[tuple[UUID, UUID]]:
    """Reweight the links on changed or removed values; return the pairs that are no longer certain.

    `gathered` holds the batch's values with their new shares of points and the removed links. Document
    frequency only grows and neighbours only separate, so no new pair appears.
    """
    moved, held = gathered.moved, gathered.held
    if not moved and not gathered.parted:
        return []
    weights = load_weights()
    kept = {
        (held[k].selector.kind.value, held[k].selector.value): share for k, share in moved.items()
    }
    changed: list[tuple[UUID, UUID, float, bytes]] = []
    gone: list[tuple[UUID, UUID]] = []
    lost: list[tuple[UUID, UUID]] = []
    for one, two, score, content in _links(gathered, weights.version, actor=actor):
        reasons = unpack_reasons(content)
        parted = gathered.parted.get((one, two))
        shares = kept | dict.fromkeys(parted.values) if parted else kept
        points, fresh = weighed_anew(reasons, shares, weights, has=parted.has if parted else 0)
        if fresh == reasons:
            continue
        after = round(score_of(points / weights.certain), 4)
        if points < weights.shown:
            gone.append((one, two))
        else:
            changed.append((one, two, after, pack_reasons(fresh)))
        if score >= weights.strong - 1e-6 > after:
            lost.append((one, two))
    _write(changed, gone, weights.version)
    return lost


def _ends(gathered: Gathered, actor: Actor) -> set[UUID]:
    """Return the holders of the changed values; for a value not read in full, as many as one query gives."""
    moved = [gathered.held[key] for key in gathered.moved]
    ends = {report_id for one in moved for report_id in one.read}
    cut = [one for one in moved if one.holders > len(one.read)]
    marks = load_weights().mark
    for most, some in (
        (_MOST_OF_PERSON, [one for one in cut if marks[one.mark].person]),
        (_MOST_OF_FILE, [one for one in cut if not marks[one.mark].person]),
    ):
        keys = [key_bytes(one.selector.kind, one.selector.value) for one in some]
        for rows in harmonised.get_shared_rows(actor=actor, keys=keys, limit=most):
            ends.update(UUID(bytes=report) for report in {row[1] for row in rows})
    return ends


def _links(gathered: Gathered, version: str, *, actor: Actor) -> list[_Stored]:
    """Return the links between holders of changed values, and those of pairs with a removed value."""
    ends, pairs = _ends(gathered, actor) if gathered.moved else set(), list(gathered.parted)
    ones, twos = zip(*pairs, strict=True) if pairs else ((), ())
    return sql.rows(
        f"{_SELECT} FROM crosscheck_link l WHERE l.report_id = ANY(%(ids)s::uuid[])"
        " AND l.other_id = ANY(%(ids)s::uuid[]) AND l.rule_version = %(version)s"
        f" UNION ALL {_SELECT} FROM unnest(%(ones)s::uuid[], %(twos)s::uuid[]) AS v (one, two)"
        " JOIN crosscheck_link l ON l.report_id = v.one AND l.other_id = v.two"
        " WHERE l.rule_version = %(version)s AND NOT (v.one = ANY(%(ids)s::uuid[])"
        " AND v.two = ANY(%(ids)s::uuid[]))",
        {
            "ids": uuid_array(ends),
            "ones": uuid_array(ones),
            "twos": uuid_array(twos),
            "version": version,
        },
    )


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
