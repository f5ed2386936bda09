"""Recomputes the dossiers around reports whose links, or people's judgements on them, changed.

One worker at a time recomputes, under an advisory lock taken after the links are written. So two workers that
extend the same dossier from two sides see each other's result.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.domain.weights import load_weights
from fanal.crosscheck.dossiers import queries as dossiers
from fanal.crosscheck.dossiers.domain import dossier_id, effective, membership
from fanal.db import sql
from fanal.intake.queries.reviews import erased_among

LOCK = 0x43524F5353444F53
_ROUNDS = 2


def assemble(seeds: Iterable[UUID], *, now: datetime) -> dict[UUID, UUID]:
    """Recompute the dossiers of `seeds` (reports) and of all connected reports; return dossier ids by report.

    A report without dossier is absent, and so is an erased one: what people judged about it still joins the
    others. Runs in the caller's transaction and holds the advisory lock until its end.
    """
    lock()
    nodes = _reach(set(seeds))
    strong = dossiers.strong_links(nodes, score=load_weights().strong)
    within = [s for s in strong.links if s.one in nodes and s.two in nodes]
    judgements = dossiers.judgements_about(nodes)
    anchors = membership(nodes, within, judgements)
    judged = nodes.intersection(i for one in judgements for i in (*one.left, *one.right))
    for report in erased_among(
        report_ids=judged
    ):  # its links are gone: only a judgement brings it back
        anchors.pop(report, None)
    write_membership(nodes, anchors, {**strong.desks, **dossiers.desks_of_reports(nodes)}, now)
    return {report: dossier_id(anchor) for report, anchor in anchors.items()}


def lock() -> None:
    """Take the advisory lock of dossiers until the end of the transaction; wait for another worker's."""
    sql.run("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _reach(seeds: set[UUID]) -> set[UUID]:
    """Return the reports whose dossier may change: those linked, judged or in one dossier with `seeds`.

    They are collected in at most two rounds, each starting from the reports found before.
    """
    nodes = set(seeds)
    threshold = load_weights().strong
    for _ in range(_ROUNDS):
        before = len(nodes)
        for found in dossiers.strong_links(nodes, score=threshold).links:
            nodes |= {found.one, found.two}
        for judgement in effective(dossiers.judgements_about(nodes)):
            if judgement.act in (JudgementAct.LINK, JudgementAct.MERGE):
                nodes.update((*judgement.left, *judgement.right))
        nodes |= dossiers.co_members(nodes)
        if len(nodes) == before:
            break
    return nodes


OPEN_DOSSIERS = """
INSERT INTO crosscheck_dossier (id, anchor_id, desk_id, opened_at)
SELECT d.id, d.anchor_id, d.desk_id, %s
FROM unnest(%s::uuid[], %s::uuid[], %s::int[]) AS d (id, anchor_id, desk_id)
ON CONFLICT (id) DO UPDATE SET merged_into = NULL WHERE crosscheck_dossier.merged_into IS NOT NULL
"""
"""Open dossiers, also ones that had been merged: instant of opening; ids, anchors and desks as arrays."""


def write_membership(
    nodes: set[UUID], anchors: Mapping[UUID, UUID], known: Mapping[UUID, int], now: datetime
) -> None:
    """Store the dossier of each report of `nodes`.

    `anchors` maps a report to its anchor (earliest report of its dossier), `known` to its desk. Reports of
    `nodes` without anchor leave their dossier.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.id, d.anchor_id, m.report_id FROM crosscheck_membership m"
            " JOIN crosscheck_dossier d ON d.id = m.dossier_id WHERE m.report_id = ANY(%s::uuid[])"
            " ORDER BY m.report_id DESC",
            [list(nodes)],
        )
        former = cursor.fetchall()
        heads = sorted(set(anchors.values()))
        cursor.execute(
            OPEN_DOSSIERS,
            [now, [dossier_id(a) for a in heads], heads, [known[a] for a in heads]],
        )
        cursor.execute(
            "DELETE FROM crosscheck_membership WHERE report_id = ANY(%s::uuid[])",
            [sorted(nodes - anchors.keys())],
        )
        reports = sorted(anchors)
        cursor.execute(
            "INSERT INTO crosscheck_membership (report_id, dossier_id, desk_id, since)"
            " SELECT m.report_id, m.dossier_id, m.desk_id, %s"
            " FROM unnest(%s::uuid[], %s::uuid[], %s::int[]) AS m (report_id, dossier_id, desk_id)"
            " ON CONFLICT (report_id) DO UPDATE SET dossier_id = EXCLUDED.dossier_id,"
            " since = EXCLUDED.since"
            " WHERE crosscheck_membership.dossier_id <> EXCLUDED.dossier_id",
            [now, reports, [dossier_id(anchors[r]) for r in reports], [known[r] for r in reports]],
        )
        living = {dossier_id(a) for a in heads}
        gone = {id_: anchor for id_, anchor, _ in former if id_ not in living}
        erased = erased_among(report_ids=gone.values())
        # The id of a dissolved dossier redirects to the current dossier of its anchor, if there is any; where
        # the anchor is erased, to that of its earliest report.
        first = {id_: report for id_, _, report in former if report in anchors}
        leads = {id_: first.get(id_, one) if one in erased else one for id_, one in gone.items()}
        cursor.execute(
            "UPDATE crosscheck_dossier d SET merged_into = m.dossier_id"
            " FROM unnest(%s::uuid[], %s::uuid[]) AS v (id, report_id)"
            " JOIN crosscheck_membership m ON m.report_id = v.report_id"
            " WHERE d.id = v.id AND m.dossier_id <> d.id",
            [list(leads), list(leads.values())],
        )
