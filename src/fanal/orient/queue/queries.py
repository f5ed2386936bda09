"""The queue of a desk: pages of its views, saved views, and the number of cases in each.

Only rows of the desks within the reader's reach are counted or shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db.models import Count, Model, Q, QuerySet
from django.db.models.functions import TruncHour
from msgspec import structs

from fanal.accounts.domain.policy import Reach, reach
from fanal.db import sql
from fanal.formats.report.records import ReportKind
from fanal.kernel.actors import Actor
from fanal.kernel.ids import lowest_id
from fanal.kernel.texts import alphabetical
from fanal.orient import models
from fanal.orient.domain.filters import stated_by
from fanal.orient.domain.records import (
    QueueFilter,
    QueuePage,
    QueuePosition,
    QueueView,
    SavedView,
    ViewCounts,
)
from fanal.orient.domain.states import OPEN_STATES, CaseState
from fanal.orient.queue.domain.streams import (
    STATES,
    UNREAD,
    Streams,
    count_of,
    desks_of,
    held,
    narrowed,
    page_of,
    streams_of,
)

M = TypeVar("M", bound=Model)


def reachable(actor: Actor) -> QuerySet[models.Case]:
    """Return the cases (rows of the queue, one a report) of the desks where the actor may list reports."""
    return bounded(models.Case.objects.all(), reach(actor, "report.list"))


def bounded(rows: QuerySet[M], bounds: Reach) -> QuerySet[M]:
    """Return the rows of `rows` that belong to the desks within reach.

    `bounds`: the desks where an actor has a right, or all. A single desk becomes an equality in SQL, as the
    queue's indexes need.
    """
    if bounds.everywhere:
        return rows
    if len(bounds.desk_ids) == 1:
        return rows.filter(desk_id=next(iter(bounds.desk_ids)))
    return rows.filter(desk_id__in=bounds.desk_ids)


COUNT_CAP = 1000
WAITING = [*OPEN_STATES, CaseState.TO_SECOND]
_ANNOUNCED = timedelta(hours=1)
K = TypeVar("K")


def list_queue(
    *,
    actor: Actor,
    view: QueueView,
    filters: QueueFilter,
    now: datetime,
    after: QueuePosition | None = None,
    limit: int = 50,
) -> QueuePage:
    """Return a page of a view: highest score first, then the oldest report; or as `filters.sort` says.

    Keyset pagination: the page starts strictly after the position `after`, so that arrivals never repeat or
    skip a row. `now` decides which reports are overdue (view LATE). `filters` narrow the view.
    """
    streams = streams_of(actor=actor, view=view, filters=filters, now=now)
    query, values = page_of(streams, after=after, limit=limit + 1, sort=filters.sort)
    found = list(models.Case.objects.raw(query, values))
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        following = QueuePosition(score=100 - last.place, report_id=last.report_id)
    return QueuePage(
        cases=tuple(row.record() for row in found[:limit]),
        following=following,
    )


def count_views(
    *, actor: Actor, now: datetime, of: QueueView = QueueView.OPEN, cap: int = COUNT_CAP
) -> ViewCounts:
    """Count the reports in each view except DECIDED, and of each report kind in the view `of`, up to `cap`.

    DECIDED is left out, since that view grows for ever. `now` decides which reports are overdue (view LATE).
    """
    views: dict[QueueView | None, Sequence[Streams]] = {
        view: streams_of(actor=actor, view=view, filters=QueueFilter(), now=now)
        for view in QueueView
        if view is not QueueView.DECIDED
    }
    whole = narrowed(QueueFilter(), actor=actor, now=now)
    views[None] = (held(desks_of(actor), actor, whole, answered=True),)
    kinds = {
        kind.value: streams_of(actor=actor, view=of, filters=QueueFilter(kind=kind), now=now)
        for kind in ReportKind
    }
    counted = count_selections(selections=views, cap=cap)
    answered = counted.pop(None)
    return ViewCounts(
        views={view: n for view, n in counted.items() if view is not None},
        answered=answered,
        kinds=count_selections(selections=kinds, cap=cap),
        cap=cap,
    )


def count_selections(*, selections: Mapping[K, Sequence[Streams]], cap: int) -> dict[K, int]:
    """Count the cases of each selection (a view with filters, as `streams_of` gives it) up to `cap`, in one
    statement.

    The result has the keys of `selections`. A case is a report in the queue.
    """
    if not selections:
        return {}
    parts = [count_of(streams, cap=cap) for streams in selections.values()]
    found = sql.one(
        f"SELECT {', '.join(part for part, _ in parts)}",
        [value for _, values in parts for value in values],
    )
    return dict(zip(selections, found, strict=True))


def count_without(
    *, actor: Actor, view: QueueView, filters: QueueFilter, now: datetime, cap: int = COUNT_CAP
) -> dict[str, int]:
    """For each filter that is set, count the reports of a view under the other filters alone, up to `cap`.

    The keys are names of filters. So the page can say how many reports each filter hides.
    """
    selections = {
        name: streams_of(
            actor=actor, view=view, filters=structs.replace(filters, **{name: None}), now=now
        )
        for name in stated_by(filters)
        if name != "sort"
    }
    return count_selections(selections=selections, cap=cap)


# An index holds each desk's senders in order: after each, the next one is looked up.
_SENDERS = """
WITH RECURSIVE found AS (
    SELECT d AS desk_id, (
        SELECT sender_id FROM orient_case WHERE desk_id = d ORDER BY sender_id LIMIT 1) AS sender_id
    FROM unnest(%s::int[]) AS d
    UNION ALL
    SELECT f.desk_id, (
        SELECT c.sender_id FROM orient_case c WHERE c.desk_id = f.desk_id AND c.sender_id > f.sender_id
        ORDER BY c.sender_id LIMIT 1)
    FROM found f WHERE f.sender_id IS NOT NULL)
SELECT DISTINCT sender_id FROM found WHERE sender_id IS NOT NULL LIMIT %s
"""
MOST_SENDERS = 1000
"""Largest number of senders that are offered: more are no list."""


def senders_of(*, actor: Actor) -> set[UUID]:
    """Return the ids of senders of the reports that the actor may list, at most `MOST_SENDERS`.

    The id of the public is zero. Only the actor's own desks are searched; the system has none, so that it
    gets an empty set.
    """
    desks = sorted(reach(actor, "report.list").desk_ids)
    return {row[0] for row in sql.rows(_SENDERS, [desks, MOST_SENDERS])}


def holders_of(*, actor: Actor) -> set[UUID]:
    """Return the ids of people, other than the actor, in charge of a report that the actor may list.

    In charge: the person who claimed it, even if the lease has run out, or to whom it is assigned.
    """
    rows = reachable(actor).filter(state=CaseState.CLAIMED)
    claimed = rows.values_list("claimed_by", flat=True).distinct()
    given = models.StoredAssignment.objects.filter(ended_at=None)
    given = bounded(given, reach(actor, "report.list"))
    found = {holder for holder in claimed if holder is not None}
    return (found | {*given.values_list("person_id", flat=True).distinct()}) - {actor.person_id}


def count_arrivals(
    *,
    actor: Actor,
    view: QueueView,
    filters: QueueFilter,
    since: datetime,
    now: datetime,
    cap: int = COUNT_CAP,
) -> int:
    """Count the reports that entered a view after `since`, up to `cap`.

    A report entered when its first proposal was stored; in the view ANSWERED, when an unread answer came.
    Reports received more than an hour before `since` are not counted: an older report that was stuck in a
    stage joins the queue without being announced. `now` decides which cases are overdue (view LATE).
    `filters` narrow the view.
    """
    belong = _in_view(view, actor=actor, now=now)
    if view is QueueView.ANSWERED:
        answers = models.StoredAnswer.objects.filter(read_at=None, came_at__gt=since)
        rows = _narrowed(reachable(actor), filters, actor=actor, now=now).filter(belong)
        return rows.filter(report_id__in=answers.values("report_id"))[:cap].count()
    first = lowest_id(since - _ANNOUNCED)
    fresh = models.StoredProposal.objects.filter(
        report_id__gte=first, revision=1, created_at__gt=since
    )
    rows = _narrowed(reachable(actor), filters, actor=actor, now=now)
    rows = rows.filter(belong, report_id__gte=first)
    return rows.filter(report_id__in=fresh.values("report_id")).order_by("-report_id")[:cap].count()


def count_arrivals_by_hour(*, actor: Actor, since: datetime, now: datetime) -> dict[datetime, int]:
    """Count the reports of the actor's desks that were received from `since` to `now`, by hour (UTC).

    The keys are the beginnings of hours; an hour without a report has no key. Tests are left out.
    """
    rows = reachable(actor).filter(
        report_id__gte=lowest_id(since), received_at__range=(since, now), is_test=False
    )
    hours = rows.annotate(hour=TruncHour("received_at", tzinfo=UTC)).values("hour")
    return dict(hours.annotate(n=Count("report_id")).values_list("hour", "n"))


def _in_view(view: QueueView, *, actor: Actor, now: datetime) -> Q:
    """Return the condition (Django `Q`) that a case belongs to a view; of ANSWERED: on its state alone.

    `now` decides which cases are overdue (LATE); MINE are the cases in the actor's charge. A case is a report
    in the queue.
    """
    match view:
        case QueueView.OPEN:
            return Q(state__in=OPEN_STATES)
        case QueueView.DANGER:
            return Q(state__in=OPEN_STATES, level="DANGER")
        case QueueView.MINE:
            given = models.StoredAssignment.objects.filter(person_id=actor.person_id, ended_at=None)
            claimed = Q(state=CaseState.CLAIMED, claimed_by=actor.person_id)
            return claimed | Q(report_id__in=given.values("report_id"))
        case QueueView.TO_SECOND | QueueView.HANDED_OVER:
            return Q(state=CaseState(view.value))
        case QueueView.LATE:
            return Q(state__in=WAITING, due_at__lte=now)
        case QueueView.ANSWERED | QueueView.DECIDED:
            return Q(state__in=STATES[view])


def _narrowed(
    rows: QuerySet[models.Case], filters: QueueFilter, *, actor: Actor, now: datetime
) -> QuerySet[models.Case]:
    """Return the rows that pass the filters of the reader `actor` at `now`."""
    narrow = narrowed(filters, actor=actor, now=now)
    unread = [f"orient_case.report_id IN ({UNREAD})"] if narrow.answered else []
    return rows.extra(where=[*narrow.conditions, *unread], params=narrow.values)  # noqa: S610 - constants only


# Saved views: a person's own, those of their desks, and the number of cases in each.


def list_saved_views(*, actor: Actor) -> tuple[SavedView, ...]:
    """Return the views saved by the actor, then those shared with the actor's desks, each by name.

    An own view is left out if the actor may no longer list the reports of the desk where it is stored.
    """
    own = Q(shared=False, person_id=actor.person_id)
    rows = bounded(models.StoredView.objects.all(), reach(actor, "report.list"))
    found = [row.record() for row in rows.filter(own | Q(shared=True))]
    return tuple(sorted(found, key=lambda saved: (saved.shared, alphabetical(saved.name))))


def count_saved_views(
    *, actor: Actor, views: Iterable[SavedView], now: datetime, cap: int = COUNT_CAP
) -> dict[UUID, int]:
    """Count the reports in each saved view (a queue filter), by view id; counts stop at `cap`.

    Saved views of DECIDED are absent from the result: that view grows for ever and needs no action. `now`
    decides which reports are overdue (view LATE).
    """
    waiting = {
        saved.id: streams_of(actor=actor, view=saved.view, filters=saved.filters, now=now)
        for saved in views
        if saved.view is not QueueView.DECIDED
    }
    return count_selections(selections=waiting, cap=cap)
