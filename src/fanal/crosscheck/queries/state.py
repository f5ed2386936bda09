"""Queries on the inputs of dossiers: certain links, officers' judgements on links, and dossier membership.

Internal to the operations of crosscheck.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.domain.dossiers import Judgement, JudgementAct, Strong
from fanal.db import sql
from fanal.db.sql import uuid_array

# A link counts under the newest rule version with which either report was linked. After a replay, a link
# that the new rules did not find again no longer counts, but stays readable.
CURRENT = (
    " l.rule_version = greatest("
    "(SELECT max(k.rule_version) FROM crosscheck_kin k WHERE k.report_id = l.report_id),"
    "(SELECT max(k.rule_version) FROM crosscheck_kin k WHERE k.report_id = l.other_id))"
)
_JUDGEMENT = (
    "SELECT id, act, left_ids, right_ids, undoes, author_id, made_at FROM crosscheck_judgement"
)
_JUDGEMENT_LOCK = 0x43524F53534A5544


class StrongLinks(Struct, frozen=True, kw_only=True):
    """Certain links, and the desks of the reports that they link."""

    links: tuple[Strong, ...]
    desks: dict[UUID, int]


class DossierMembership(Struct, frozen=True, kw_only=True):
    """The anchor (earliest report) of each report's dossier, and the number of reports by anchor."""

    anchors: dict[UUID, UUID]
    sizes: dict[UUID, int]


def standing_of(reports: Iterable[UUID]) -> DossierMembership:
    """Return the anchor (earliest report) of each report's dossier, and the dossiers' sizes by anchor.

    Reports in no dossier are absent.
    """
    rows = sql.rows(
        "WITH found AS (SELECT m.report_id, m.dossier_id FROM crosscheck_membership m"
        " WHERE m.report_id = ANY(%s::uuid[])), sizes AS ("
        " SELECT m.dossier_id, count(*) AS reports FROM crosscheck_membership m"
        " WHERE m.dossier_id IN (SELECT dossier_id FROM found) GROUP BY m.dossier_id)"
        " SELECT f.report_id, d.anchor_id, s.reports FROM found f"
        " JOIN sizes s ON s.dossier_id = f.dossier_id"
        " JOIN crosscheck_dossier d ON d.id = f.dossier_id",
        [uuid_array(reports)],
    )
    return DossierMembership(
        anchors={report_id: anchor for report_id, anchor, _ in rows},
        sizes={anchor: reports for _, anchor, reports in rows},
    )


def judged_among(reports: Iterable[UUID], anchors: Iterable[UUID]) -> set[UUID]:
    """Return the `reports` that a judgement names, and the `anchors` of the dossiers that hold such a report.

    OPEN and CLOSE do not count: they change no membership.
    """
    ends, heads = list(reports), list(anchors)
    # The members are only gathered when there is a judgement to compare them with.
    found = sql.rows(
        "SELECT DISTINCT unnest(left_ids || right_ids) FROM crosscheck_judgement"
        " WHERE (left_ids || right_ids) && (%s::uuid[] || ARRAY(SELECT m.report_id"
        " FROM crosscheck_membership m JOIN crosscheck_dossier d ON d.id = m.dossier_id"
        " WHERE d.anchor_id = ANY(%s::uuid[]))) AND act NOT IN ('OPEN', 'CLOSE')",
        [uuid_array(ends), uuid_array(heads)],
    )
    named = [report_id for (report_id,) in found]
    if not named:
        return set()
    return set(named).intersection(ends) | set(standing_of(named).sizes).intersection(heads)


def strong_links(reports: Iterable[UUID], *, score: float) -> StrongLinks:
    """Return the current links of `reports` with at least `score`, to earlier and to later reports."""
    ids = list(reports)
    statement = " UNION ".join(
        "SELECT l.report_id, l.other_id, l.score, l.desk_id, l.other_desk_id FROM crosscheck_link l"  # noqa: S608
        f" WHERE l.{side} = ANY(%(ids)s::uuid[]) AND l.score >= %(score)s AND{CURRENT}"
        for side in ("report_id", "other_id")
    )
    rows = sql.rows(statement, {"ids": ids, "score": score - 1e-6})
    desks: dict[UUID, int] = {}
    for report_id, other_id, _, desk_id, other_desk_id in rows:
        desks[report_id], desks[other_id] = desk_id, other_desk_id
    return StrongLinks(
        links=tuple(Strong(one=row[0], two=row[1], score=row[2]) for row in rows), desks=desks
    )


def judgements_about(reports: Iterable[UUID]) -> list[Judgement]:
    """Return all judgements that name one of `reports`, with the UNDO judgements that refer to them."""
    found = sql.rows(
        "WITH RECURSIVE named AS ("  # noqa: S608
        f"{_JUDGEMENT} WHERE (left_ids || right_ids) && %s::uuid[]"
        " UNION SELECT j.id, j.act, j.left_ids, j.right_ids, j.undoes, j.author_id, j.made_at"
        " FROM crosscheck_judgement j JOIN named n ON j.undoes = n.id)"
        " SELECT * FROM named ORDER BY id",
        [list(reports)],
    )
    return [_judgement(row) for row in found]


def judgements() -> list[Judgement]:
    """Return every judgement, oldest first."""
    return [_judgement(row) for row in sql.rows(f"{_JUDGEMENT} ORDER BY id")]


def judgements_by_id(ids: Sequence[UUID]) -> list[Judgement]:
    """Return the judgements with these ids; unknown ids are skipped."""
    return [
        _judgement(row) for row in sql.rows(f"{_JUDGEMENT} WHERE id = ANY(%s::uuid[])", [list(ids)])
    ]


def is_undone(judgement_id: UUID) -> bool:
    """Return whether an UNDO that is itself in force names the judgement."""
    row = sql.row(
        "SELECT id FROM crosscheck_judgement WHERE undoes = %s ORDER BY id DESC LIMIT 1",
        [judgement_id],
    )
    return row is not None and not is_undone(row[0])


def last_judgement_id() -> UUID | None:
    """Return the greatest id of all judgements; None without judgements."""
    row = sql.row("SELECT id FROM crosscheck_judgement ORDER BY id DESC LIMIT 1")
    return None if row is None else row[0]


def lock_judgements() -> None:
    """Take the advisory lock of judgements until the end of the transaction: they are written in turn."""
    sql.run("SELECT pg_advisory_xact_lock(%s)", [_JUDGEMENT_LOCK])


def co_members(reports: Iterable[UUID]) -> set[UUID]:
    """Return all reports of the dossiers that contain one of `reports`."""
    found = sql.rows(
        "SELECT report_id FROM crosscheck_membership WHERE dossier_id IN"
        " (SELECT dossier_id FROM crosscheck_membership WHERE report_id = ANY(%s::uuid[]))",
        [list(reports)],
    )
    return {row[0] for row in found}


def desks_of_reports(reports: Iterable[UUID]) -> dict[UUID, int]:
    """Return the desk of each report that cross-check has linked or that a link names."""
    ids = list(reports)
    found = sql.rows(
        "SELECT report_id, desk_id FROM crosscheck_kin WHERE report_id = ANY(%(ids)s::uuid[])"
        " UNION SELECT other_id, other_desk_id FROM crosscheck_link"
        " WHERE other_id = ANY(%(ids)s::uuid[])",
        {"ids": ids},
    )
    return dict(found)


def _judgement(
    row: tuple[UUID, str, list[UUID], list[UUID], UUID | None, UUID, object],
) -> Judgement:
    return Judgement(
        id=row[0],
        act=JudgementAct(row[1]),
        left=tuple(row[2]),
        right=tuple(row[3]),
        undoes=row[4],
        author_id=row[5],
    )
