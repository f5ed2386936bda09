"""The queue of a desk: its views in pages, and how many cases each holds."""

from datetime import datetime, timedelta

from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from fanal.kernel.actors import Actor
from fanal.kernel.ids import lowest_id
from fanal.orient import models
from fanal.orient.domain.records import QueueFilter, QueuePage, QueuePosition, QueueView, ViewCounts
from fanal.orient.domain.states import OPEN_STATES, CaseState
from fanal.orient.queries.bounds import reachable

COUNT_CAP = 1000
WAITING = [*OPEN_STATES, CaseState.TO_SECOND]
_ANNOUNCED = timedelta(hours=1)
_KINDS = (
    "GROOMING",
    "LIVESTREAM",
    "ABUSE_MATERIAL",
    "SEXTORTION",
    "NONCONSENSUAL_IMAGE",
    "SEX_TOURISM",
    "TRAFFICKING",
    "SOLICITATION",
    "OTHER",
)


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

    The page after `after` starts strictly below it, so that arrivals never repeat or skip a row.
    """
    rows = _filtered(_view(reachable(actor), view, actor=actor, now=now), filters)
    if after is not None:
        rows = rows.filter(
            RawSQL(
                "(rank, report_id) > (%s, %s)",
                [100 - after.score, after.report_id],
                output_field=BooleanField(),
            )
        )
    found = [row.record() for row in rows.order_by("rank", "report_id")[: limit + 1]]
    page, more = found[:limit], len(found) > limit
    last = page[-1] if page and more else None
    return QueuePage(
        cases=tuple(page),
        following=QueuePosition(score=last.score, report_id=last.report_id) if last else None,
    )


def count_views(*, actor: Actor, now: datetime, cap: int = COUNT_CAP) -> ViewCounts:
    """Return how many cases each view and each kind holds, each counted up to `cap`."""
    mine = reachable(actor)
    queries = {
        str(view): _view(mine, view, actor=actor, now=now)
        for view in QueueView
        if view is not QueueView.DECIDED
    }
    opened = _view(mine, QueueView.OPEN, actor=actor, now=now)
    queries |= {kind: opened.filter(kind=kind) for kind in _KINDS}
    counts = {name: _capped(rows, cap) for name, rows in queries.items()}
    return ViewCounts(
        views={view: counts[view] for view in QueueView if view is not QueueView.DECIDED},
        kinds={kind: counts[kind] for kind in _KINDS},
        cap=cap,
    )


def count_arrivals(
    *,
    actor: Actor,
    view: QueueView,
    filters: QueueFilter,
    since: datetime,
    now: datetime,
    cap: int = COUNT_CAP,
) -> int:
    """Return how many reports came to a view after `since`, counted up to `cap`.

    Only reports received in the hour before `since` or later are looked at: an older one that was
    stuck in a stage joins the queue without being announced.
    """
    fresh = models.StoredProposal.objects.filter(
        report_id__gte=lowest_id(since - _ANNOUNCED), revision=1, created_at__gt=since
    )
    rows = _filtered(_view(reachable(actor), view, actor=actor, now=now), filters)
    return _capped(rows.filter(report_id__in=fresh.values("report_id")), cap)


def in_view(view: QueueView, *, actor: Actor, now: datetime) -> Q:
    """Return what makes a case belong to a view."""
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


def narrowed(filters: QueueFilter) -> dict[str, str]:
    """Return the conditions of the filters that are set."""
    return {
        name: value
        for name in ("kind", "channel", "country", "level")
        if (value := getattr(filters, name)) is not None
    }


def _view(
    rows: QuerySet[models.Case], view: QueueView, *, actor: Actor, now: datetime
) -> QuerySet[models.Case]:
    return rows.filter(in_view(view, actor=actor, now=now))


def _filtered(rows: QuerySet[models.Case], filters: QueueFilter) -> QuerySet[models.Case]:
    return rows.filter(**narrowed(filters))


def _capped(rows: QuerySet[models.Case], cap: int) -> int:
    return rows.order_by()[:cap].count()
