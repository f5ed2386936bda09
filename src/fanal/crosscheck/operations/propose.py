"""Puts newly linked reports into dossiers, at a cost that follows the batch and not the dossiers.

Dossiers that a judgement is about are derived again as a whole (`assemble`), the others only grow.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.accounts.together import together
from fanal.crosscheck.domain.dossiers import Strong, connected, dossier_id, grow
from fanal.crosscheck.operations.assemble import assemble
from fanal.crosscheck.queries import state
from fanal.kernel.arrays import plain_array, uuid_array


def propose(
    *, strong: Sequence[Strong], desks: Mapping[UUID, int], now: datetime
) -> dict[UUID, UUID]:
    """Join the ends of new strong links; return each end's dossier.

    `desks` holds the desk of every end. Runs in the caller's transaction, which holds the lock.
    """
    ends = {end for found in strong for end in (found.one, found.two)}
    standing = state.standing_of(ends)
    judged = state.judged_among(ends, standing.sizes)
    touched = connected(strong, standing.anchors, judged) if judged else set()
    growing = [s for s in strong if s.one not in touched]
    anchors = {end: anchor for end, anchor in standing.anchors.items() if end not in touched}
    held = set(anchors.values())
    sizes = {anchor: size for anchor, size in standing.sizes.items() if anchor in held}
    grown = grow(growing, anchors, sizes)
    _write(grown, anchors, desks, now)
    ids = {anchor: dossier_id(anchor) for anchor in set(grown.values())}
    found = {end: ids[grown[end]] for end in ends if end in grown}
    return found | (assemble(touched, now=now) if touched else {})


def _write(
    grown: Mapping[UUID, UUID],
    anchors: Mapping[UUID, UUID],
    desks: Mapping[UUID, int],
    now: datetime,
) -> None:
    before = set(anchors.values())
    fresh = sorted(set(grown.values()) - before)
    moved = [(anchor, grown[anchor]) for anchor in before if grown[anchor] != anchor]
    joining = sorted(report for report in grown if report not in anchors and report not in before)
    ids = {anchor: dossier_id(anchor) for anchor in {grown[r] for r in joining}}
    with together(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO crosscheck_dossier (id, anchor_id, desk_id, opened_at)"
            " SELECT d.id, d.anchor_id, d.desk_id, %s"
            " FROM unnest(%s::uuid[], %s::uuid[], %s::int[]) AS d (id, anchor_id, desk_id)"
            " ON CONFLICT (id) DO UPDATE SET merged_into = NULL"
            " WHERE crosscheck_dossier.merged_into IS NOT NULL",
            [
                now,
                uuid_array(dossier_id(a) for a in fresh),
                uuid_array(fresh),
                plain_array(str(desks[a]) for a in fresh),
            ],
        )
        if moved:
            pairs = [[dossier_id(old) for old, _ in moved], [dossier_id(new) for _, new in moved]]
            cursor.execute(
                "UPDATE crosscheck_membership m SET dossier_id = v.new, since = %s"
                " FROM unnest(%s::uuid[], %s::uuid[]) AS v (old, new) WHERE m.dossier_id = v.old",
                [now, *pairs],
            )
            cursor.execute(
                "UPDATE crosscheck_dossier d SET merged_into = v.new"
                " FROM unnest(%s::uuid[], %s::uuid[]) AS v (old, new) WHERE d.id = v.old",
                pairs,
            )
        cursor.execute(
            "INSERT INTO crosscheck_membership (report_id, dossier_id, desk_id, since)"
            " SELECT m.report_id, m.dossier_id, m.desk_id, %s"
            " FROM unnest(%s::uuid[], %s::uuid[], %s::int[]) AS m (report_id, dossier_id, desk_id)",
            [
                now,
                uuid_array(joining),
                uuid_array(ids[grown[r]] for r in joining),
                plain_array(str(desks[r]) for r in joining),
            ],
        )
