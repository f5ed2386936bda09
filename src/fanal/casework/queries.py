"""Read operations of casework: official acts that the actor may read, complete files, acts due to expire."""

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
                  AND (s.proof NOT IN ('', '[…]') OR s.proof_name NOT IN ('', '[…]')
                       OR s.reason NOT IN ('', '[…]')))
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
    """Return a page of the official acts of a kind (`lifecycle`) that the actor may read, oldest first.

    Without `states`, acts in every state are returned. `after` is the last id of the previous page. `newest`
    reverses the order, without pages.
    """
    rows = _reachable(actor, lifecycle, lifecycle.reads)
    if wanted := list(states):
        rows = rows.filter(state__in=wanted)
    if after is not None:
        rows = rows.filter(id__gt=after)
    return tuple(row.record() for row in rows.order_by("-id" if newest else "id")[:limit])


def acts_on(
    *, actor: Actor, lifecycle: Lifecycle, subject_ids: Sequence[UUID], right: str = ""
) -> dict[UUID, tuple[Act, ...]]:
    """Return the official acts of a kind (`lifecycle`) about each subject, oldest first, by subject id.

    A subject is the report or payer in `Act.subject_id`. `right` (an action of the access policy) restricts
    the acts to the desks where the actor holds it; without it, to the desks where the actor may read such
    acts. Subjects without acts have no key.
    """
    found: dict[UUID, tuple[Act, ...]] = {}
    rows = _reachable(actor, lifecycle, right or lifecycle.reads)
    for row in rows.filter(subject_id__in=subject_ids).order_by("subject_id", "id"):
        found[row.subject_id] = (*found.get(row.subject_id, ()), row.record())
    return found


def get_acts(*, actor: Actor, lifecycle: Lifecycle, act_ids: Collection[UUID]) -> dict[UUID, Act]:
    """Return the official acts with these ids, by id.

    Acts of another kind than `lifecycle`, or that the actor may not read, are omitted.
    """
    rows = _reachable(actor, lifecycle, lifecycle.reads).filter(id__in=act_ids)
    return {row.id: row.record() for row in rows}


def get_act(*, actor: Actor, lifecycle: Lifecycle, act_id: UUID) -> ActFile | None:
    """Return an official act of the kind `lifecycle` with its current document, steps and approvals.

    The result is None if the act is unknown, of another kind, or the actor may not read it.
    """
    # Steps are read before the act: the page then shows an act at least as recent as its list of steps.
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
    """Return the transitions that each official act has made (`ActStep`), in order of recording, by act id.

    Acts without any have no key. The caller has already checked access to the acts.
    """
    found: dict[UUID, tuple[ActStep, ...]] = {}
    for row in models.Step.objects.filter(act_id__in=act_ids).order_by("act_id", "db_at"):
        found[row.act_id] = (*found.get(row.act_id, ()), row.record())
    return found


def approvals_of(*, act_ids: Collection[UUID]) -> dict[UUID, tuple[ActApproval, ...]]:
    """Return the approvals and refusals of each official act, in order of revision, by act id.

    An act without any has no key. The caller has already checked access to the acts.
    """
    found: dict[UUID, tuple[ActApproval, ...]] = {}
    for row in models.Approval.objects.filter(act_id__in=act_ids).order_by("act_id", "revision"):
        found[row.act_id] = (*found.get(row.act_id, ()), row.record())
    return found


def list_lapsed(
    *, actor: Actor, lifecycle: Lifecycle, limit: int = 50
) -> tuple[tuple[Act, ActStep], ...]:
    """Return the official acts whose sending was recorded after their legal basis had lapsed, newest first.

    Each comes with the step of the sending; `ActStep.left_after` says whether the act was also sent after the
    lapse. Only acts of the kind `lifecycle` that the actor may read are returned, at most `limit`.
    """
    rows = models.Step.objects.filter(
        lapsed_at__isnull=False, act__in=_reachable(actor, lifecycle, lifecycle.reads)
    )
    found = rows.select_related("act").order_by("-recorded_at")[:limit]
    return tuple((row.act.record(), row.record()) for row in found)


def contents_of(*, acts: Iterable[Act]) -> dict[UUID, bytes]:
    """Return the current document of each official act, by id; acts whose document has expired are omitted.

    The caller has already checked access to the acts.
    """
    revisions = {act.id: act.revision for act in acts}
    written = models.Document.objects.filter(act_id__in=revisions)
    found = written.values_list("act_id", "revision", "content")
    return {act: bytes(content) for act, n, content in found if revisions[act] == n}


def count_acts(
    *, actor: Actor, lifecycle: Lifecycle, since: datetime, until: datetime
) -> list[Counted]:
    """Count the official acts of a kind created from `since` to `until` (excluded), by day and outcome.

    `lifecycle` is the kind. The rows are (day in Paris, outcome, "", number); the third value, a second
    category, is not used here. An act without an outcome is counted under its state.

    Raises:
        Refused: the actor may not read statistics.
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
    """Count the official acts of a kind (`lifecycle`) that the actor may read, by state.

    States without acts have no key.
    """
    rows = _reachable(actor, lifecycle, lifecycle.reads).values("state").annotate(n=Count("id"))
    return dict(rows.values_list("state", "n"))


def count_in(*, actor: Actor, lifecycle: Lifecycle, states: Iterable[str]) -> int:
    """Count the official acts of a kind (`lifecycle`) that are in any of `states`, at all desks.

    Raises:
        Refused: the actor may not read statistics.
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
    """Return the official acts without a step since `before` (past their retention) that have data to erase.

    They are of the kind `kind`. Without `subjects` these data are texts (documents, proofs, reasons); with
    it, only the id of what the act is about (`subject_id`). In order of id; `after` is the last id of the
    previous page, None for the first.

    Raises:
        Refused: the actor may not run the processing stages.
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
