"""The reading door of casework: acts within the actor's reach, whole files, what is due to expire."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Count, QuerySet

from fanal.accounts.domain.policy import Resource, allows, reach, require
from fanal.casework import models
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.records import Act, ActApproval, ActFile, ActStep, DueAct
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.figures import Counted
from fanal.kernel.ids import id_bounds, lowest_id

_DUE = """
SELECT a.id, a.report_ids FROM casework_act a
WHERE a.kind = %(kind)s AND a.id > %(after)s AND a.id < %(first)s
  AND NOT EXISTS (SELECT FROM casework_step s WHERE s.act_id = a.id AND s.recorded_at >= %(before)s)
  AND {left}
ORDER BY a.id LIMIT %(limit)s
"""
_WORDS = """(EXISTS (SELECT FROM casework_document d WHERE d.act_id = a.id)
       OR EXISTS (SELECT FROM casework_step s WHERE s.act_id = a.id
                  AND (s.proof NOT IN ('', '[…]') OR s.reason NOT IN ('', '[…]')))
       OR EXISTS (SELECT FROM casework_approval p WHERE p.act_id = a.id AND p.reason NOT IN ('', '[…]')))"""
_SUBJECTS = "a.subject_id <> '00000000-0000-0000-0000-000000000000'"


def list_acts(
    *,
    actor: Actor,
    lifecycle: Lifecycle,
    states: Iterable[str] = (),
    after: UUID | None = None,
    limit: int = 50,
    newest: bool = False,
) -> tuple[Act, ...]:
    """Return the acts of a kind within the actor's reach, oldest first; all states when none is named."""
    rows = _reachable(actor, lifecycle, lifecycle.reads)
    if wanted := list(states):
        rows = rows.filter(state__in=wanted)
    if after is not None:
        rows = rows.filter(id__gt=after)
    return tuple(row.record() for row in rows.order_by("-id" if newest else "id")[:limit])


def acts_on(
    *, actor: Actor, lifecycle: Lifecycle, subject_ids: Sequence[UUID], right: str = ""
) -> dict[UUID, tuple[Act, ...]]:
    """Return the acts of a kind about each subject, within the reach of `right` or of reading."""
    found: dict[UUID, tuple[Act, ...]] = {}
    rows = _reachable(actor, lifecycle, right or lifecycle.reads)
    for row in rows.filter(subject_id__in=subject_ids).order_by("subject_id", "id"):
        found[row.subject_id] = (*found.get(row.subject_id, ()), row.record())
    return found


def get_acts(*, actor: Actor, lifecycle: Lifecycle, act_ids: Collection[UUID]) -> dict[UUID, Act]:
    """Return those of some acts of a kind that are within the actor's reach."""
    rows = _reachable(actor, lifecycle, lifecycle.reads).filter(id__in=act_ids)
    return {row.id: row.record() for row in rows}


def get_act(*, actor: Actor, lifecycle: Lifecycle, act_id: UUID) -> ActFile | None:
    """Return an act with its present document, steps and approvals; None when it is out of reach."""
    # Before the act: a page is never older than the steps that its forms name.
    steps = tuple(
        step.record() for step in models.Step.objects.filter(act_id=act_id).order_by("db_at")
    )
    row = models.Act.objects.filter(id=act_id, kind=lifecycle.kind).first()
    if row is None or not allows(actor, lifecycle.reads, Resource(desk_id=row.desk_id)).allowed:
        return None
    written = row.documents.filter(revision=row.revision).first()
    return ActFile(
        act=row.record(),
        content=bytes(written.content) if written else None,
        digest=bytes(written.digest) if written else b"",
        steps=steps,
        approvals=tuple(one.record() for one in row.approvals.order_by("revision")),
    )


def steps_of(*, act_ids: Collection[UUID]) -> dict[UUID, tuple[ActStep, ...]]:
    """Return the steps of each of some acts that were listed, first to last."""
    found: dict[UUID, tuple[ActStep, ...]] = {}
    for row in models.Step.objects.filter(act_id__in=act_ids).order_by("act_id", "db_at"):
        found[row.act_id] = (*found.get(row.act_id, ()), row.record())
    return found


def approvals_of(*, act_ids: Collection[UUID]) -> dict[UUID, tuple[ActApproval, ...]]:
    """Return the verdicts on each of some acts that were listed, by revision."""
    found: dict[UUID, tuple[ActApproval, ...]] = {}
    for row in models.Approval.objects.filter(act_id__in=act_ids).order_by("act_id", "revision"):
        found[row.act_id] = (*found.get(row.act_id, ()), row.record())
    return found


def list_lapsed(
    *, actor: Actor, lifecycle: Lifecycle, limit: int = 50
) -> tuple[tuple[Act, ActStep], ...]:
    """Return the acts within reach that had left without what they rest on, with that step, newest first."""
    rows = models.Step.objects.filter(
        lapsed_at__isnull=False, act__in=_reachable(actor, lifecycle, lifecycle.reads)
    )
    found = rows.select_related("act").order_by("-recorded_at")[:limit]
    return tuple((row.act.record(), row.record()) for row in found)


def contents_of(*, acts: Iterable[Act]) -> dict[UUID, bytes]:
    """Return the present document of each of some acts that were listed; those that expired are left out."""
    revisions = {act.id: act.revision for act in acts}
    written = models.Document.objects.filter(act_id__in=revisions)
    found = written.values_list("act_id", "revision", "content")
    return {act: bytes(content) for act, n, content in found if revisions[act] == n}


def count_acts(
    *, actor: Actor, lifecycle: Lifecycle, since: datetime, until: datetime
) -> list[Counted]:
    """Return acts by day of their draft and by outcome, or state where none is known.

    Raises:
        Refused: the actor reads no figures.
    """
    require(actor, "statistics.read")
    found = sql.rows(
        "SELECT (created_at AT TIME ZONE 'Europe/Paris')::date,"
        " CASE WHEN outcome <> '' THEN outcome ELSE state END, '', count(*) FROM casework_act"
        " WHERE kind = %s AND id >= %s AND id < %s AND created_at >= %s AND created_at < %s"
        " GROUP BY 1, 2",
        [lifecycle.kind, *id_bounds(since, until), since, until],
    )
    return list(found)


def count_states(*, actor: Actor, lifecycle: Lifecycle) -> dict[str, int]:
    """Return how many acts of a kind within the actor's reach are in each state."""
    rows = _reachable(actor, lifecycle, lifecycle.reads).values("state").annotate(n=Count("id"))
    return dict(rows.values_list("state", "n"))


def count_in(*, actor: Actor, lifecycle: Lifecycle, states: Iterable[str]) -> int:
    """Return how many acts of a kind are in some states.

    Raises:
        Refused: the actor reads no figures.
    """
    require(actor, "statistics.read")
    return models.Act.objects.filter(kind=lifecycle.kind, state__in=list(states)).count()


def list_due(
    *,
    actor: Actor,
    kind: str,
    before: datetime,
    after: UUID | None = None,
    limit: int = 500,
    subjects: bool = False,
) -> list[DueAct]:
    """Return acts (ids above `after`) without a step since `before` that still hold words, or their subject.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        _DUE.format(left=_SUBJECTS if subjects else _WORDS),
        {
            "kind": kind,
            "after": after or UUID(int=0),
            "first": lowest_id(before),
            "before": before,
            "limit": limit,
        },
    )
    return [DueAct(id=row[0], report_ids=tuple(row[1])) for row in found]


def _reachable(actor: Actor, lifecycle: Lifecycle, right: str) -> QuerySet[models.Act]:
    bounds = reach(actor, right)
    rows = models.Act.objects.filter(kind=lifecycle.kind)
    return rows if bounds.everywhere else rows.filter(desk_id__in=bounds.desk_ids)
