"""The queue of a desk: pages of its views, saved views, and the number of cases in each."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db.models import Q

from fanal.accounts.domain.policy import reach
from fanal.db import sql
from fanal.formats.report.records import ReportKind
from fanal.kernel.actors import Actor
from fanal.kernel.alphabet import alphabetical
from fanal.kernel.ids import lowest_id
from fanal.orient import models
from fanal.orient.domain.records import (
    QueueFilter,
    QueuePage,
    QueuePosition,
    QueueView,
    SavedView,
    ViewCounts,
)
from fanal.orient.domain.states import OPEN_STATES, CaseState
from fanal.orient.queries.bounds import bounded, reachable
from fanal.orient.queries.streams import FILTERS, Streams, count_of, page_of, streams_of

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
    """Return a page of a view: highest score first, then the oldest report.

    Keyset pagination: the page starts strictly after the position `after`, so that arrivals never repeat or
    skip a row.
    """
    streams = streams_of(actor=actor, view=view, filters=filters, now=now)
    query, values = page_of(streams, after=after, limit=limit + 1)
    found = [row.record() for row in models.Case.objects.raw(query, values)]
    page, more = found[:limit], len(found) > limit
    last = page[-1] if page and more else None
    return QueuePage(
        cases=tuple(page),
        following=QueuePosition(score=last.score, report_id=last.report_id) if last else None,
    )


def count_views(
    *, actor: Actor, now: datetime, of: QueueView = QueueView.OPEN, cap: int = COUNT_CAP
) -> ViewCounts:
    """Count the cases of each view, and of each report kind in the view `of`; counts stop at `cap`."""
    views: dict[QueueView, Sequence[Streams]] = {
        view: streams_of(actor=actor, view=view, filters=QueueFilter(), now=now)
        for view in QueueView
        if view is not QueueView.DECIDED
    }
    kinds = {
        kind.value: streams_of(actor=actor, view=of, filters=QueueFilter(kind=kind), now=now)
        for kind in ReportKind
    }
    return ViewCounts(
        views=count_selections(views, cap=cap), kinds=count_selections(kinds, cap=cap), cap=cap
    )


def count_selections(selections: Mapping[K, Sequence[Streams]], *, cap: int) -> dict[K, int]:
    """Count the cases of each selection (its streams, from `streams_of`) in one statement, up to `cap`."""
    if not selections:
        return {}
    parts = [count_of(streams, cap=cap) for streams in selections.values()]
    found = sql.one(
        f"SELECT {', '.join(part for part, _ in parts)}",
        [value for _, values in parts for value in values],
    )
    return dict(zip(selections, found, strict=True))


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

    Reports received more than an hour before `since` are not considered: an older report that was stuck in a
    stage joins the queue without being announced.
    """
    first = lowest_id(since - _ANNOUNCED)
    fresh = models.StoredProposal.objects.filter(
        report_id__gte=first, revision=1, created_at__gt=since
    )
    rows = reachable(actor).filter(
        _in_view(view, actor=actor, now=now), report_id__gte=first, **_narrowed(filters)
    )
    return rows.filter(report_id__in=fresh.values("report_id")).order_by("-report_id")[:cap].count()


def _in_view(view: QueueView, *, actor: Actor, now: datetime) -> Q:
    """Return the condition for membership in a view."""
    match view:
        case QueueView.OPEN:
            return Q(state__in=OPEN_STATES)
        case QueueView.DANGER:
            return Q(state__in=OPEN_STATES, level="DANGER")
        case QueueView.MINE:
            return Q(state=CaseState.CLAIMED, claimed_by=actor.person_id)
        case QueueView.TO_SECOND | QueueView.HANDED_OVER:
            return Q(state=CaseState(view.value))
        case QueueView.LATE:
            return Q(state__in=WAITING, due_at__lte=now)
        case QueueView.DECIDED:
            return Q(state__in=[CaseState.DECIDED, CaseState.CLOSED])


def _narrowed(filters: QueueFilter) -> dict[str, str]:
    """Return the filters that are set, as keyword arguments for a Django query."""
    return {name: value for name in FILTERS if (value := getattr(filters, name))}


# Saved views: a person's own, those of their desks, and the number of cases in each.


def list_saved_views(*, actor: Actor) -> tuple[SavedView, ...]:
    """Return the views saved by the actor, then those shared with the actor's desks, each by name."""
    own = Q(shared=False, person_id=actor.person_id)
    rows = bounded(models.StoredView.objects.all(), reach(actor, "report.list"))
    found = [row.record() for row in rows.filter(own | Q(shared=True))]
    return tuple(sorted(found, key=lambda saved: (saved.shared, alphabetical(saved.name))))


def count_saved_views(
    *, actor: Actor, views: Iterable[SavedView], now: datetime, cap: int = COUNT_CAP
) -> dict[UUID, int]:
    """Count the cases of each saved view; counts stop at `cap`.

    The view DECIDED has no count: it grows for ever and needs no action.
    """
    waiting = {
        saved.id: streams_of(actor=actor, view=saved.view, filters=saved.filters, now=now)
        for saved in views
        if saved.view is not QueueView.DECIDED
    }
    return count_selections(waiting, cap=cap)
