"""What is folded into a report, at which level of sameness, and what people said of it."""

from datetime import datetime
from uuid import UUID

from django.db import connection
from msgspec import Struct

from fanal.accounts.domain.policy import reach
from fanal.kernel.actors import Actor
from fanal.orient import models
from fanal.orient.domain.folding import LEVELS, Sameness
from fanal.orient.domain.records import Case
from fanal.orient.queries.bounds import bounded


class Member(Struct, frozen=True, kw_only=True):
    """A folded report: by what it is the same, and as which report (the head, or one folded with it)."""

    level: Sameness
    parent: UUID


class Unfolding(Struct, frozen=True, kw_only=True):
    """A person's judgement that a report stands for itself; `reason` is empty once it has expired."""

    head_id: UUID
    author_id: UUID
    judged_at: datetime
    reason: str


def list_folded(
    *, actor: Actor, head_id: UUID, offset: int = 0, limit: int = 100
) -> tuple[list[Case], dict[UUID, Member]]:
    """Return the cases folded into a report, highest priority first, and by what each is the same.

    `limit` of them, past the first `offset`.
    """
    rows = bounded(models.Case.objects.filter(head_id=head_id), reach(actor, "report.read"))
    cases = [row.record() for row in rows.order_by("rank", "report_id")[offset : offset + limit]]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id, level, parent FROM orient_fold"
            " WHERE report_id = ANY (%s::uuid[]) AND level > 0",
            [[case.report_id for case in cases]],
        )
        members = {
            report_id: Member(level=LEVELS[level - 1], parent=parent)
            for report_id, level, parent in cursor.fetchall()
        }
    return cases, members


def unfoldings_of(*, actor: Actor, report_id: UUID) -> list[Unfolding]:
    """Return the judgements by which people took a report out of a fold, oldest first."""
    if not bounded(
        models.Case.objects.filter(report_id=report_id), reach(actor, "report.read")
    ).exists():
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT u.head_id, u.author_id, u.judged_at, coalesce(w.words, '') FROM orient_unfolding u"
            " LEFT JOIN orient_unfolding_words w ON w.unfolding_id = u.id"
            " WHERE u.report_id = %s ORDER BY u.id",
            [report_id],
        )
        return [
            Unfolding(head_id=head_id, author_id=author_id, judged_at=judged_at, reason=reason)
            for head_id, author_id, judged_at, reason in cursor.fetchall()
        ]
