"""Read operations of casework: official acts that the actor may read, complete files, acts due to expire."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice, product
from uuid import UUID

import msgspec
from django.db.models import Count, Func, IntegerField, Q, QuerySet, Value

from fanal.accounts.domain.policy import Resource, allows, reach, require
from fanal.casework import models
from fanal.casework.domain.inbox import (
    LEVELS,
    PAGE,
    Inbox,
    InboxFilter,
    InboxKey,
    InboxPage,
    InboxTab,
    TabCount,
    in_order,
)
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.records import Act, ActApproval, ActFile, ActStep, DueAct
from fanal.db import numbering, sql
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
_DUE_BY_EDGE = """
SELECT width_bucket(ended.at, %(edges)s::timestamptz[]), count(*) FROM casework_act a
CROSS JOIN LATERAL (
    SELECT greatest(a.created_at, max(s.recorded_at)) AS at FROM casework_step s WHERE s.act_id = a.id
) ended
WHERE a.kind = ANY (%(kinds)s) AND a.id < %(first)s AND ended.at < %(last)s AND {left}
GROUP BY 1
"""
_SUBJECTS = "a.subject_id <> '00000000-0000-0000-0000-000000000000'"


def list_acts(
    *,
    actor: Actor,
    lifecycle: Lifecycle,
    states: Iterable[str] = (),
    desk_id: int | None = None,
    after: UUID | None = None,
    newest: bool = False,
    limit: int = 50,
) -> tuple[Act, ...]:
    """Return a page of the official acts of a kind (`lifecycle`) that the actor may read, oldest first.

    Without `states`, acts in every state are returned; without `desk_id`, those of every desk. `after` is the
    last id of the previous page. `newest` returns the newest first, and cannot be combined with `after`.
    """
    rows = _reachable(actor, lifecycle, lifecycle.reads)
    if desk_id is not None:
        rows = rows.filter(desk_id=desk_id)
    if wanted := list(states):
        rows = rows.filter(state__in=wanted)
    if after is not None:
        rows = rows.filter(id__gt=after)
    return tuple(row.record() for row in rows.order_by("-id" if newest else "id")[:limit])


def list_inbox(
    *,
    actor: Actor,
    inbox: Inbox,
    tab: InboxTab,
    chosen: InboxFilter,
    danger: Collection[UUID],
    now: datetime,
    first: int = 0,
) -> InboxPage:
    """Return a page of a tab of an inbox, in its order (`in_order`; closed acts: newest draft first).

    `chosen` is the filter. `danger` are the ids of reports about a child in danger; acts of the level DANGER
    count as such anyway. `first` is the number of acts before the page: the cost grows with it, so callers
    bound it.
    """
    rows = _chosen(_reachable(actor, inbox.lifecycle, inbox.lifecycle.reads), inbox, chosen, now)
    if tab is InboxTab.CLOSED:
        starts: list[datetime] = []
        page = _newest(rows, inbox, first + PAGE)[first:]
    else:
        keys = list(_keys(rows, inbox, tab, danger, first + PAGE))
        starts = [key.start for key in keys]
        page = list(islice(in_order(keys, inbox, tab), first, first + PAGE))
    found = {row.id: row.record() for row in models.Act.objects.filter(id__in=page)}
    acts = tuple(found[act_id] for act_id in page if act_id in found)
    return InboxPage(acts=acts, danger=_dangerous(acts, danger), oldest=min(starts, default=None))


def count_inbox(*, actor: Actor, inbox: Inbox, now: datetime) -> dict[InboxTab, TabCount]:
    """Count the acts of each tab of an inbox that the actor may read, and the late ones among them.

    Each tab has a key.
    """
    tab_of = {state: tab for tab in InboxTab for state in inbox.states(tab)}
    rows = _reachable(actor, inbox.lifecycle, inbox.lifecycle.reads).values("state")
    counted = rows.annotate(n=Count("id"), late=Count("id", filter=_late(inbox, now)))
    found = dict.fromkeys(InboxTab, TabCount())
    for state, acts, late in counted.values_list("state", "n", "late"):
        before = found[tab_of[state]]
        found[tab_of[state]] = TabCount(acts=before.acts + acts, late=before.late + late)
    return found


def count_open_acts(
    *, actor: Actor, inboxes: Iterable[Inbox], lifecycles: Iterable[Lifecycle], now: datetime
) -> dict[tuple[str, str], TabCount]:
    """Count the open official acts that the actor may read, by kind and state, in one statement.

    The kinds are those of `inboxes`, whose late acts are counted too, and `lifecycles`. Pairs without acts
    have no key.
    """
    within, late = Q(pk__in=[]), Q(pk__in=[])
    for inbox in inboxes:
        within |= _open(actor, inbox.lifecycle)
        late |= Q(kind=inbox.lifecycle.kind) & _late(inbox, now)
    for lifecycle in lifecycles:
        within |= _open(actor, lifecycle)
    counted = (
        models.Act.objects.filter(within)
        .values("kind", "state")
        .annotate(n=Count("id"), late=Count("id", filter=late))
    )
    return {
        (kind, state): TabCount(acts=acts, late=past)
        for kind, state, acts, past in counted.values_list("kind", "state", "n", "late")
    }


def _open(actor: Actor, lifecycle: Lifecycle) -> Q:
    """Return the condition that an act is of a kind, not in a final state, and readable by the actor."""
    bounds, states = reach(actor, lifecycle.reads), lifecycle.states
    known = {lifecycle.initial} | {str(move.target) for move in states.transitions}
    chosen = Q(kind=lifecycle.kind, state__in=sorted(known - {str(one) for one in states.final}))
    return chosen if bounds.everywhere else chosen & Q(desk_id__in=sorted(bounds.desk_ids))


def count_chosen(
    *, actor: Actor, inbox: Inbox, tab: InboxTab, chosen: InboxFilter, now: datetime
) -> int:
    """Return how many acts in a tab of an inbox match a filter; only acts that the actor may read count."""
    rows = _reachable(actor, inbox.lifecycle, inbox.lifecycle.reads)
    kept = _chosen(rows, inbox, chosen, now)
    return kept.filter(state__in=inbox.states(tab)).count()


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


def numbers_of(*, act_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the numbers (`M-2026-0007`) of official acts, by id.

    Acts that row-level security hides from the present database session have no key.
    """
    return numbering.numbers_of(numbering.ACTS, list(act_ids))


def find_act_number(*, text: str) -> list[UUID]:
    """Return a list with the id of the official act that a typed number denotes.

    It is empty if the text is no number, or row-level security hides the act from the database session.
    """
    return numbering.ids_of_number(numbering.ACTS, text)


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
        number=numbers_of(act_ids=[act_id]).get(act_id, ""),
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
    *,
    actor: Actor,
    lifecycle: Lifecycle,
    since: datetime,
    until: datetime,
    by_state: bool = False,
) -> list[Counted]:
    """Count the official acts of a kind created from `since` to `until` (excluded), by day and outcome.

    `lifecycle` is the kind. The rows are (day in Paris, outcome, "", number); the third value, a second
    category, is not used here. An act without an outcome is counted under its state; with `by_state` every
    act is.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    found = sql.rows(
        "SELECT (created_at AT TIME ZONE 'Europe/Paris')::date,"
        " CASE WHEN outcome <> '' AND NOT %s THEN outcome ELSE state END, '', count(*) FROM casework_act"
        " WHERE kind = %s AND id >= %s AND id < %s AND created_at >= %s AND created_at < %s"
        " GROUP BY 1, 2",
        [by_state, lifecycle.kind, *id_bounds(since, until), since, until],
    )
    return list(found)


def count_states(*, actor: Actor, lifecycle: Lifecycle) -> dict[str, int]:
    """Count the official acts of a kind (`lifecycle`) that the actor may read, by state.

    States without acts have no key.
    """
    rows = _reachable(actor, lifecycle, lifecycle.reads).values("state").annotate(n=Count("id"))
    return dict(rows.values_list("state", "n"))


def count_open(*, desk_id: int, lifecycles: Iterable[Lifecycle]) -> int:
    """Count the official acts of a desk that have not ended; the caller has checked the actor's right."""
    ended = Q()
    for lifecycle in lifecycles:
        ended |= Q(kind=lifecycle.kind, state__in=[state.value for state in lifecycle.states.final])
    return models.Act.objects.filter(desk_id=desk_id).exclude(ended).count()


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

    They are of the kind `kind`, and were drafted before `before`. Without `subjects` these data are texts
    (documents, proofs, reasons); with it, only the id of what the act is about (`subject_id`). In order of
    id; `after` is the last id of the previous page, None for the first.

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


def count_acts_due(
    *, kinds: Sequence[str], edges: Sequence[datetime], subjects: bool = False
) -> list[int]:
    """Count the official acts of some `kinds` that have data to erase, by the time of their last step.

    The first number counts the acts before the first of `edges` (ascending), each other number those between
    an edge and the next. `subjects` as in `list_due`. Acts on a report under a legal hold are counted too.
    The caller has checked the right.
    """
    return sql.by_slot(
        _DUE_BY_EDGE.format(left=_SUBJECTS if subjects else _WORDS),
        {
            "kinds": list(kinds),
            "first": lowest_id(edges[-1]),
            "edges": list(edges),
            "last": edges[-1],
        },
        slots=len(edges),
    )


def _newest(rows: QuerySet[models.Act], inbox: Inbox, most: int) -> list[UUID]:
    """Return the ids of the newest `most` closed acts, read as the newest of each state in index order."""
    parts = [
        rows.filter(state=state).order_by("-id").values_list("id", flat=True)[:most]
        for state in inbox.states(InboxTab.CLOSED)
    ]
    return sorted(parts[0].union(*parts[1:], all=True), reverse=True)[:most]


def _keys(
    rows: QuerySet[models.Act], inbox: Inbox, tab: InboxTab, danger: Collection[UUID], most: int
) -> Iterator[InboxKey]:
    """Yield at least the first `most` keys of a tab: the first of each state and level, in index order."""
    start = "sent_at" if tab is InboxTab.AWAITED else "created_at"
    columns = ("id", "state", "level", start, "subject_id")
    parts = [
        rows.filter(state=state, level=level, **{f"{start}__isnull": False})
        .order_by(start, "id")
        .values_list(*columns)[:most]
        for state, level in product(inbox.states(tab), LEVELS)
    ]
    if danger and tab is InboxTab.TO_SEND:
        raised = rows.filter(state__in=inbox.states(tab), subject_id__in=danger)
        parts.append(raised.exclude(level="DANGER").values_list(*columns))
    for act_id, state, level, at, subject in parts[0].union(*parts[1:], all=True):
        in_danger = level == "DANGER" or subject in danger
        yield InboxKey(id=act_id, state=state, level=level, start=at, danger=in_danger)


def _dangerous(acts: Iterable[Act], danger: Collection[UUID]) -> frozenset[UUID]:
    return frozenset(act.id for act in acts if act.level == "DANGER" or act.subject_id in danger)


def _chosen(
    rows: QuerySet[models.Act], inbox: Inbox, chosen: InboxFilter, now: datetime
) -> QuerySet[models.Act]:
    if chosen.addressee:
        rows = rows.filter(addressee=chosen.addressee)
    if chosen.basis:
        named = f'"code":{msgspec.json.encode(chosen.basis).decode()}'.encode()
        rows = rows.alias(at=_Position(Value(named), "basis")).filter(at__gt=0)
    if chosen.person_id is not None:
        taken = models.Step.objects.filter(actor_id=chosen.person_id).values("act_id")
        rows = rows.filter(Q(author_id=chosen.person_id) | Q(id__in=taken))
    return rows.filter(_late(inbox, now)) if chosen.late else rows


class _Position(Func):
    """The SQL function `position`: the place (from 1) of the first byte string in the second, else 0."""

    template = "position(%(expressions)s)"
    arg_joiner = " IN "
    output_field = IntegerField()


def _late(inbox: Inbox, now: datetime) -> Q:
    """Return the condition that an act is late at `now`: its clock started before the bound of its level."""
    late = Q(pk__in=[])
    for tab in (InboxTab.TO_SEND, InboxTab.AWAITED):
        start = "sent_at__lt" if tab is InboxTab.AWAITED else "created_at__lt"
        for state, level in product(inbox.states(tab), LEVELS):
            if (bound := inbox.late_before(state, level, now)) is not None:
                late |= Q(state=state, level=level, **{start: bound})
    return late


def _reachable(actor: Actor, lifecycle: Lifecycle, right: str) -> QuerySet[models.Act]:
    bounds = reach(actor, right)
    rows = models.Act.objects.filter(kind=lifecycle.kind)
    if bounds.everywhere:
        return rows
    if len(bounds.desk_ids) == 1:  # an equality, as the order of the inbox's indexes needs
        return rows.filter(desk_id=next(iter(bounds.desk_ids)))
    return rows.filter(desk_id__in=bounds.desk_ids)
