"""Queries on folds: the duplicates of a report, and decided reports with the same or a similar file."""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from msgspec import Struct

from fanal.accounts.domain.policy import reach
from fanal.analyse.material.domain.known import PDQ_RADIUS, distance, near_pieces
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.kernel.actors import Actor
from fanal.orient import models
from fanal.orient.domain.records import Case
from fanal.orient.folding.domain import LEVELS, Sameness
from fanal.orient.queue.queries import bounded

# Reports folded into a report, with their level of sameness, and people's judgements to unfold.


class FoldedReport(Struct, frozen=True, kw_only=True):
    """The fold of a report: level of sameness, and `parent`, the report into which it is folded.

    The parent is the head, which the queue shows for all reports folded into it, or itself folded.
    """

    level: Sameness
    parent: UUID


class Unfolding(Struct, frozen=True, kw_only=True):
    """A person's judgement that a folded report is no duplicate of its head (the report shown in its place).

    `author_id` judged it at `judged_at`; `reason` is their text, empty once expired.
    """

    head_id: UUID
    author_id: UUID
    judged_at: datetime
    reason: str


def list_folded(
    *, actor: Actor, head_id: UUID, offset: int = 0, limit: int = 100
) -> tuple[list[Case], dict[UUID, FoldedReport]]:
    """Return the queue rows of a report's duplicates (folded), highest priority first, and their folds.

    `head_id`: that report. The folds are by id of the folded report; each says at which level of sameness,
    and into which report (`parent`). A page: at most `limit` rows after the first `offset`.
    """
    rows = bounded(models.Case.objects.filter(head_id=head_id), reach(actor, "report.read"))
    cases = [row.record() for row in rows.order_by("rank", "report_id")[offset : offset + limit]]
    found = sql.rows(
        "SELECT report_id, level, parent FROM orient_fold"
        " WHERE report_id = ANY (%s::uuid[]) AND level > 0",
        [[case.report_id for case in cases]],
    )
    members = {
        report_id: FoldedReport(level=LEVELS[level - 1], parent=parent)
        for report_id, level, parent in found
    }
    return cases, members


def folded_of(
    *, actor: Actor, head_ids: Collection[UUID], limit: int = 100
) -> dict[UUID, list[UUID]]:
    """Return the ids of the duplicates folded into each of the reports `head_ids`, by id of that report.

    A report without duplicates has no key. The ids are in the order of `list_folded` (highest priority
    first), at most `limit` for each report.
    """
    desks = reach(actor, "report.read").desks
    found = sql.rows(
        "SELECT head_id, array_agg(report_id ORDER BY place) FROM (SELECT head_id, report_id,"
        " row_number() OVER (PARTITION BY head_id ORDER BY rank, report_id) AS place FROM orient_case"
        " WHERE head_id = ANY (%s::uuid[]) AND (%s::int[] IS NULL OR desk_id = ANY (%s::int[]))) c"
        " WHERE place <= %s GROUP BY head_id",
        [list(head_ids), desks, desks, limit],
    )
    return dict(found)


def unfoldings_of(*, actor: Actor, report_id: UUID) -> list[Unfolding]:
    """Return the judgements by which people took a report out of a fold of duplicates, oldest first.

    Empty if the actor may not read the report.
    """
    if not bounded(
        models.Case.objects.filter(report_id=report_id), reach(actor, "report.read")
    ).exists():
        return []
    found = sql.rows(
        "SELECT u.head_id, u.author_id, u.judged_at, coalesce(w.words, '') FROM orient_unfolding u"
        " LEFT JOIN orient_unfolding_words w ON w.unfolding_id = u.id"
        " WHERE u.report_id = %s ORDER BY u.id",
        [report_id],
    )
    return [
        Unfolding(head_id=head_id, author_id=author_id, judged_at=judged_at, reason=reason)
        for head_id, author_id, judged_at, reason in found
    ]


_NEAR = (
    "SELECT a.report_id, a.pdq FROM orient_assessed a JOIN orient_case c ON c.report_id = a.report_id"
    " WHERE a.bands && %s AND c.decided_at IS NOT NULL AND (%s OR a.desk_id = ANY (%s))"
)


class NearAssessed(Struct, frozen=True, kw_only=True, order=True):
    """A decided report with a similar picture: `distance` of the 256 bits of the PDQ hash differ."""

    distance: int
    report_id: UUID


def assessed_same(*, actor: Actor, keys: Iterable[UUID]) -> dict[UUID, UUID]:
    """Return the last decided report that has a file, for each of the given keys of file hashes.

    A key is the look-up digest under which a file's hash is stored (selector key). Keys without such a
    report, and reports outside the actor's desks, are left out.
    """
    bounds = reach(actor, "report.read")
    found = sql.rows(
        "SELECT DISTINCT ON (a.key) a.key, a.report_id FROM orient_assessed_file a"
        " JOIN orient_case c ON c.report_id = a.report_id WHERE a.key = ANY (%s::uuid[])"
        " AND c.decided_at IS NOT NULL AND (%s OR a.desk_id = ANY (%s))"
        " ORDER BY a.key, c.decided_at DESC, a.report_id DESC",
        [uuid_array(set(keys)), bounds.everywhere, sorted(bounds.desk_ids)],
    )
    return dict(found)


def assessed_near(*, actor: Actor, pictures: Iterable[bytes]) -> dict[bytes, NearAssessed]:
    """Return, for each PDQ hash (32 bytes), the decided report with the most similar picture.

    The two hashes differ in at most `PDQ_RADIUS` bits; of several reports at the same distance, the newest
    is returned. Hashes without such a report, and reports outside the actor's desks, are left out.
    """
    bounds = reach(actor, "report.read")
    found: dict[bytes, NearAssessed] = {}
    wanted = list(dict.fromkeys(pictures))
    if not wanted:
        return found
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        # For 272 pieces the planner expects nearly all rows, and would scan the table instead of the index.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for pdq in wanted:
            cursor.execute(_NEAR, [near_pieces(pdq), bounds.everywhere, sorted(bounds.desk_ids)])
            near = [
                (apart, -report_id.int, report_id)
                for report_id, other in cursor.fetchall()
                if (apart := distance(pdq, bytes(other))) <= PDQ_RADIUS
            ]
            if near:
                apart, _newest, report_id = min(near)
                found[pdq] = NearAssessed(distance=apart, report_id=report_id)
        cursor.execute("SET LOCAL enable_seqscan = on")
    return found
