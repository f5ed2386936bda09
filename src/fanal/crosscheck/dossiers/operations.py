"""Recompute the dossiers of reports whose links changed, or about which a person judged.

One worker at a time recomputes, under an advisory lock taken after the links are written. So two workers
that add reports to the same dossier see each other's result.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.domain.weights import load_weights
from fanal.crosscheck.dossiers import queries as dossiers
from fanal.crosscheck.dossiers.domain import Strong, dossier_id, effective, membership
from fanal.crosscheck.dossiers.ties import (
    erased_of_ties,
    strong_links,
    with_erased,
    write_erased_members,
)
from fanal.db import sql
from fanal.intake.queries.reviews import erased_among

LOCK = 0x43524F5353444F53
JUDGEMENT_LOCK = 0x43524F53534A5544


def assemble(seeds: Iterable[UUID], *, now: datetime) -> dict[UUID, UUID]:
    """Recompute the dossiers of `seeds` (reports) and of all connected reports; return dossier ids by
    report.

    Reports without a dossier and erased reports are absent from the result; yet the certain links and
    judgements of an erased report still join the others. Runs in the caller's transaction and holds the
    advisory lock until its end. `now` is the time at which new dossiers are opened.
    """
    lock()
    around = _around(seeds)
    living = {r: anchor for r, anchor in around.anchors.items() if r not in around.erased}
    write_membership(around.nodes - around.erased, living, around.desks, now)
    lead_merged(around.anchors, living, among=around.nodes)
    write_erased_members(_homes(around.erased, around.anchors), around.desks)
    return {report: dossier_id(anchor) for report, anchor in living.items()}


def _homes(reports: Iterable[UUID], anchors: Mapping[UUID, UUID]) -> dict[UUID, UUID | None]:
    """Return by report the id of its dossier, None without one; `anchors` maps reports to their dossier's
    earliest.
    """
    return {r: dossier_id(anchors[r]) if r in anchors else None for r in reports}


def company_of(reports: Collection[UUID]) -> tuple[set[UUID], set[UUID]]:
    """Return all reports in the dossiers of `reports`, as two sets: those not erased, and the erased."""
    around = _around(reports)
    heads = {around.anchors[r] for r in reports if r in around.anchors}
    members = {r for r, anchor in around.anchors.items() if anchor in heads}
    return members - around.erased, members & around.erased


def homes_of_erased(reports: Collection[UUID]) -> dict[UUID, UUID]:
    """Return, by erased report connected with `reports`, the anchor (earliest report) of its dossier.

    Connected means by certain links or judgements, directly or through other reports. An erased report
    without a dossier is given as its own anchor.
    """
    around = _around(reports)
    return {report: around.anchors.get(report, report) for report in around.erased}


def lock_judgements() -> None:
    """Take the advisory lock for writing judgements, until the end of the transaction; wait while another
    holds it.
    """
    sql.run("SELECT pg_advisory_xact_lock(%s)", [JUDGEMENT_LOCK])


def lock() -> None:
    """Take the advisory lock of dossiers until the end of the transaction; wait for another worker's."""
    sql.run("SELECT pg_advisory_xact_lock(%s)", [LOCK])


class _Around(NamedTuple):
    """Reports connected by certain links, judgements or dossiers (`nodes`), and the desk of each by id
    (`desks`).

    `anchors` maps each report in a dossier to the dossier's earliest report; `erased` are the erased
    reports.
    """

    nodes: set[UUID]
    desks: dict[UUID, int]
    anchors: dict[UUID, UUID]
    erased: set[UUID]


def _around(seeds: Iterable[UUID]) -> _Around:
    """Return the reports on which the dossiers of `seeds` may depend.

    These are all reports connected with the seeds by certain links, judgements or dossiers, directly or
    through others.
    """
    threshold = load_weights().strong
    nodes, fresh = set[UUID](), set(seeds)
    desks: dict[UUID, int] = {}
    links: dict[tuple[UUID, UUID], Strong] = {}
    while fresh:
        nodes |= fresh
        found = strong_links(fresh, score=threshold)
        links |= {(link.one, link.two): link for link in found.links}
        desks |= found.desks
        near = {end for link in found.links for end in (link.one, link.two)}
        for judgement in effective(dossiers.judgements_about(fresh)):
            if judgement.act in (JudgementAct.LINK, JudgementAct.MERGE):
                near.update((*judgement.left, *judgement.right))
        fresh = (near | with_erased(fresh | near)) - nodes
    judgements = dossiers.judgements_about(nodes)
    judged = nodes.intersection(i for one in judgements for i in (*one.left, *one.right))
    return _Around(
        nodes=nodes,
        desks=desks | dossiers.desks_of_reports(nodes),
        anchors=membership(nodes, links.values(), judgements),
        erased=erased_of_ties(nodes) | erased_among(report_ids=judged),
    )


OPEN_DOSSIERS = """
INSERT INTO crosscheck_dossier (id, anchor_id, desk_id, opened_at)
SELECT d.id, d.anchor_id, d.desk_id, %s
FROM unnest(%s::uuid[], %s::uuid[], %s::int[]) AS d (id, anchor_id, desk_id)
ON CONFLICT (id) DO UPDATE SET merged_into = NULL WHERE crosscheck_dossier.merged_into IS NOT NULL
"""
"""Open dossiers, also ones that had been merged: instant of opening; ids, anchors and desks as arrays."""


_LEAD = """
UPDATE crosscheck_dossier d SET merged_into = v.dossier_id
FROM unnest(%s::uuid[], %s::uuid[]) AS v (id, dossier_id)
WHERE d.id = v.id AND d.merged_into IS DISTINCT FROM v.dossier_id
"""


def write_membership(
    reports: set[UUID], anchors: Mapping[UUID, UUID], known: Mapping[UUID, int], now: datetime
) -> None:
    """Store the dossier of each report of `anchors`, and take the other reports of `reports` out of theirs.

    `anchors` maps a report to its anchor (earliest report of its dossier, maybe an erased one), `known`
    maps both to their desks. Missing dossiers are created, with `now` as their time of opening.
    """
    heads = sorted(set(anchors.values()))
    members = sorted(anchors)
    with connection.cursor() as cursor:
        cursor.execute(
            OPEN_DOSSIERS,
            [now, [dossier_id(a) for a in heads], heads, [known[a] for a in heads]],
        )
        cursor.execute(
            "DELETE FROM crosscheck_membership WHERE report_id = ANY(%s::uuid[])",
            [sorted(reports - anchors.keys())],
        )
        cursor.execute(
            "INSERT INTO crosscheck_membership (report_id, dossier_id, desk_id, since)"
            " SELECT m.report_id, m.dossier_id, m.desk_id, %s"
            " FROM unnest(%s::uuid[], %s::uuid[], %s::int[]) AS m (report_id, dossier_id, desk_id)"
            " ON CONFLICT (report_id) DO UPDATE SET dossier_id = EXCLUDED.dossier_id,"
            " since = EXCLUDED.since"
            " WHERE crosscheck_membership.dossier_id <> EXCLUDED.dossier_id",
            [now, members, [dossier_id(anchors[r]) for r in members], [known[r] for r in members]],
        )


def lead_merged(
    anchors: Mapping[UUID, UUID], living: Mapping[UUID, UUID], *, among: Iterable[UUID]
) -> None:
    """Record for each former dossier the dossier that replaced it, or that none did.

    A dossier is given by its earliest report; `among` are these reports. `anchors` maps reports, including
    erased ones, to the earliest reports of their present dossiers; `living` does so for reports that are
    not erased.
    """
    heads, leads = set(living.values()), dict[UUID, UUID | None]()
    for report in among:
        anchor = anchors.get(report)
        leads[report] = anchor if anchor != report and anchor in heads else None
    sql.run(
        _LEAD,
        [
            [dossier_id(report) for report in leads],
            [None if anchor is None else dossier_id(anchor) for anchor in leads.values()],
        ],
    )


def former_anchors() -> set[UUID]:
    """Return the earliest reports (anchors) of the dossiers that were merged into another one."""
    rows = sql.rows("SELECT anchor_id FROM crosscheck_dossier WHERE merged_into IS NOT NULL")
    return {report_id for (report_id,) in rows}
