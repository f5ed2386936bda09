"""Certain links between reports, and the ties that replace those of erased reports.

The links of a report quote values and are deleted when it is erased. Of each certain link a tie remains:
the ids of both reports and the score. So the other reports stay in one dossier, and the dossier keeps its
earliest report, from which its id comes: its number, its address and its withholding from other
organisations outlive the report.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.dossiers.domain import Strong
from fanal.crosscheck.dossiers.queries import CURRENT, erased_members, judged_among
from fanal.db import sql


class StrongLinks(Struct, frozen=True, kw_only=True):
    """Certain links between reports (score from 0.9); `desks` maps each of these reports to its desk."""

    links: tuple[Strong, ...]
    desks: dict[UUID, int]


def strong_links(reports: Iterable[UUID], *, score: float) -> StrongLinks:
    """Return the links of `reports` with at least `score` (0..1), to earlier and to later reports.

    Only links of the newest version of the linkage rule under which one of the two reports was linked. The
    ties of erased reports (`write_ties`) are included.
    """
    ids = list(reports)
    links = (
        "SELECT l.report_id, l.other_id, l.score, l.desk_id, l.other_desk_id FROM crosscheck_link l"  # noqa: S608
        f" WHERE l.{side} = ANY(%(ids)s::uuid[]) AND l.score >= %(score)s AND{CURRENT}"
        for side in ("report_id", "other_id")
    )
    ties = (
        "SELECT t.erased_id, t.other_id, t.score, t.desk_id, t.other_desk_id FROM crosscheck_tie t"  # noqa: S608
        f" WHERE t.{side} = ANY(%(ids)s::uuid[])"
        for side in ("erased_id", "other_id")
    )
    rows = sql.rows(" UNION ".join((*links, *ties)), {"ids": ids, "score": score - 1e-6})
    return _strong(rows)


def _strong(rows: Sequence[tuple[UUID, UUID, float, int, int]]) -> StrongLinks:
    desks: dict[UUID, int] = {}
    for report_id, other_id, _, desk_id, other_desk_id in rows:
        desks[report_id], desks[other_id] = desk_id, other_desk_id
    return StrongLinks(
        links=tuple(Strong(one=row[0], two=row[1], score=row[2]) for row in rows), desks=desks
    )


def all_ties() -> StrongLinks:
    """Return the ties of erased reports, each pair once.

    A tie is a certain link of which only the ids of both reports and the score remain (`write_ties`).
    """
    rows = sql.rows(
        "SELECT DISTINCT ON (least(erased_id, other_id), greatest(erased_id, other_id))"
        " erased_id, other_id, score, desk_id, other_desk_id FROM crosscheck_tie"
        " ORDER BY least(erased_id, other_id), greatest(erased_id, other_id)"
    )
    return _strong(rows)


def write_ties(reports: Sequence[UUID], *, score: float) -> None:
    """Store a tie (ids of both reports, score) for each link of `reports` with a score of at least `score`
    (0..1).

    Called for reports that are being erased, since their links quote values and are deleted. The ties keep
    the other reports in one dossier, and keep the earliest report of a dossier, from which its id comes.
    """
    found = strong_links(reports, score=score)
    erased = set(reports)
    ties = [
        (one, other, found.desks[one], found.desks[other], link.score)
        for link in found.links
        for one, other in ((link.one, link.two), (link.two, link.one))
        if one in erased
    ]
    columns = zip(*ties, strict=True) if ties else ((), (), (), (), ())
    sql.run(
        "INSERT INTO crosscheck_tie (erased_id, other_id, desk_id, other_desk_id, score)"
        " SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::int[], %s::int[], %s::real[])"
        " ON CONFLICT DO NOTHING",
        [list(column) for column in columns],
    )


def keep_memberships(reports: Sequence[UUID]) -> None:
    """Store the ids of the dossiers of reports that are about to be erased.

    People's judgements about an erased report then still count for its dossier: otherwise an open dossier
    would become a proposal again once all reports that a person had seen in it are erased.
    """
    sql.run(
        "INSERT INTO crosscheck_erased_member (report_id, dossier_id, desk_id)"
        " SELECT report_id, dossier_id, desk_id FROM crosscheck_membership"
        " WHERE report_id = ANY(%s::uuid[])"
        " ON CONFLICT (report_id) DO UPDATE SET dossier_id = EXCLUDED.dossier_id",
        [list(reports)],
    )


def write_erased_members(dossiers: Mapping[UUID, UUID | None], desks: Mapping[UUID, int]) -> None:
    """Record the dossier that each erased report would be in; delete the record of one that would be in
    none.

    `dossiers` maps erased reports to their dossiers (None: in none), `desks` maps the reports to their
    desks.
    """
    gone = [report for report, dossier in dossiers.items() if dossier is None]
    sql.run("DELETE FROM crosscheck_erased_member WHERE report_id = ANY(%s::uuid[])", [gone])
    stay = {report: dossier for report, dossier in dossiers.items() if dossier is not None}
    sql.run(
        "INSERT INTO crosscheck_erased_member (report_id, dossier_id, desk_id)"
        " SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::int[])"
        " ON CONFLICT (report_id) DO UPDATE SET dossier_id = EXCLUDED.dossier_id"
        " WHERE crosscheck_erased_member.dossier_id <> EXCLUDED.dossier_id",
        [list(stay), list(stay.values()), [desks[report] for report in stay]],
    )


def all_erased_members() -> set[UUID]:
    """Return the ids of all erased reports that would be in a dossier if they were not erased."""
    rows = sql.rows("SELECT report_id FROM crosscheck_erased_member")
    return {report_id for (report_id,) in rows}


def with_erased(reports: Iterable[UUID]) -> set[UUID]:
    """Return all reports of the dossiers of `reports`, including erased reports that would be in them.

    `reports` may be erased too. So a dossier connected through many erased reports is found in one query.
    """
    found = sql.rows(
        "WITH theirs AS (SELECT dossier_id FROM crosscheck_membership WHERE report_id = ANY(%(ids)s::uuid[])"
        " UNION SELECT dossier_id FROM crosscheck_erased_member WHERE report_id = ANY(%(ids)s::uuid[]))"
        " SELECT report_id FROM crosscheck_membership JOIN theirs USING (dossier_id)"
        " UNION SELECT report_id FROM crosscheck_erased_member JOIN theirs USING (dossier_id)",
        {"ids": list(reports)},
    )
    return {row[0] for row in found}


def erased_beside(reports: Sequence[UUID], desks: list[int] | None) -> set[UUID]:
    """Return the erased reports of `desks` (None: all) that would be in a dossier with one of `reports`."""
    rows = sql.rows(
        "SELECT DISTINCT dossier_id FROM crosscheck_membership WHERE report_id = ANY(%s::uuid[])",
        [list(reports)],
    )
    return set(erased_members([dossier_id for (dossier_id,) in rows], desks))


def erased_of_ties(reports: Iterable[UUID]) -> set[UUID]:
    """Return those of `reports` that are erased and had certain links."""
    found = sql.rows(
        "SELECT DISTINCT erased_id FROM crosscheck_tie WHERE erased_id = ANY(%s::uuid[])",
        [list(reports)],
    )
    return {report_id for (report_id,) in found}


_REACHED = """
WITH RECURSIVE reached (id, home) AS (
    SELECT * FROM unnest(%s::uuid[], %s::uuid[])
    UNION SELECT t.erased_id, r.home FROM reached r JOIN crosscheck_tie t ON t.other_id = r.id
), erased AS MATERIALIZED (
    SELECT r.id, r.home FROM reached r
    WHERE EXISTS (SELECT FROM crosscheck_tie o WHERE o.erased_id = r.id)
)
"""


def judged_near(ends: Collection[UUID], anchors: Collection[UUID]) -> set[UUID]:
    """Return those of `ends` and `anchors` whose dossier depends on people's judgements.

    `ends` are reports, `anchors` the earliest reports of dossiers. A judgement counts if it names one of
    `ends`, a report of the dossiers of `anchors`, or an erased report connected with them by ties. OPEN and
    CLOSE do not count.
    """
    members = sql.rows(
        "SELECT m.report_id, d.anchor_id FROM crosscheck_membership m"
        " JOIN crosscheck_dossier d ON d.id = m.dossier_id WHERE d.anchor_id = ANY(%s::uuid[])",
        [list(anchors)],
    )
    ids, homes = zip(*[*((end, end) for end in ends), *members], strict=True) if ends else ((), ())
    found = sql.rows(
        f"{_REACHED} SELECT DISTINCT e.home FROM erased e JOIN crosscheck_judgement j"  # noqa: S608
        " ON (j.left_ids || j.right_ids) && ARRAY[e.id] WHERE j.act NOT IN ('OPEN', 'CLOSE')",
        [list(ids), list(homes)],
    )
    return judged_among(ends, anchors) | {home for (home,) in found}
