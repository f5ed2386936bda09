"""The queue of a desk: pages of its views, saved views, and the number of cases in each.

Cases of a view under filters are read in queue order, at a cost independent of the number of stored cases. An
index holds cases in queue order only below fixed values of its leading columns. So a selection is cut into
streams, one for each combination of values that its filters leave open. Each stream is one index range,
already in order, and a page is a k-way merge of the streams with the smallest first cases. A rare value costs
the same as a common one.

Row filters by reader: only rows of the desks within the reader's reach are counted or shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db.models import Count, Model, Q, QuerySet
from django.db.models.functions import TruncHour
from msgspec import Struct

from fanal.accounts.domain.policy import Reach, reach
from fanal.db import sql
from fanal.formats.report.records import Channel, ReportKind
from fanal.kernel.actors import Actor
from fanal.kernel.ids import lowest_id
from fanal.kernel.texts import alphabetical
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

M = TypeVar("M", bound=Model)


def reachable(actor: Actor) -> QuerySet[models.Case]:
    """Return the cases (rows of the queue, one a report) of the desks where the actor may list reports."""
    return bounded(models.Case.objects.all(), reach(actor, "report.list"))


def bounded(rows: QuerySet[M], bounds: Reach) -> QuerySet[M]:
    """Keep the rows of the desks within reach (`bounds`: the desks where an actor has a right, or all).

    A single desk becomes an equality, as the queue's indexes need.
    """
    if bounds.everywhere:
        return rows
    if len(bounds.desk_ids) == 1:
        return rows.filter(desk_id=next(iter(bounds.desk_ids)))
    return rows.filter(desk_id__in=bounds.desk_ids)


FILTERS = ("kind", "channel", "country", "level")
Turn = Sequence[str | int | bool]
Turns = Mapping[str, Turn]
Value = str | int | datetime | UUID | list[str | int | bool]
UNMARKED = 5000
"""Largest number of late cases not yet marked by the worker that a view shows; a minute brings fewer."""
_UNREAD = "SELECT n.report_id FROM orient_answer n WHERE n.read_at IS NULL"
_IN_CHARGE = (
    "SELECT report_id FROM orient_case WHERE state = 'CLAIMED' AND claimed_by = %s UNION ALL"
    " SELECT report_id FROM orient_assignment WHERE person_id = %s AND ended_at IS NULL"
)
"""Reports in a person's charge: claimed by them, or given to them (`assignment`)."""
_WAITING = (CaseState.TO_ASSESS, CaseState.CLAIMED, CaseState.TO_SECOND)
_ANSWERABLE = (
    *_WAITING,
    CaseState.FOLDED,  # its reporter wrote there, and only that report shows the words
    CaseState.HANDED_OVER,
    CaseState.DECIDED,
    CaseState.CLOSED,
)
BEFORE_OTHERS = 101
"""Added to the score of a case in the view MINE that has an unread answer; twice as much for a danger.

So a child in danger comes first, then what a reporter has answered, then the rest.
"""
HIGHEST_PLACE = 100 + 3 * BEFORE_OTHERS
"""The highest such score: a danger with an unread answer."""
_STATES: Mapping[QueueView, Sequence[CaseState]] = {
    QueueView.OPEN: sorted(OPEN_STATES),
    QueueView.DANGER: sorted(OPEN_STATES),
    QueueView.MINE: (CaseState.CLAIMED,),
    QueueView.ANSWERED: _ANSWERABLE,
    QueueView.TO_SECOND: (CaseState.TO_SECOND,),
    QueueView.LATE: _WAITING,
    QueueView.HANDED_OVER: (CaseState.HANDED_OVER,),
    QueueView.DECIDED: (CaseState.DECIDED, CaseState.CLOSED),
}
_LEVELS = ("DANGER", "HIGH", "NORMAL", "LOW")
_TYPES = {"desk_id": "integer", "late": "boolean"}
_ORDER = ("rank", "report_id")
# Conditions repeat those of the partial indexes word for word, so that PostgreSQL can use the indexes.
_LIST = ", ".join(f"'{state}'" for state in _WAITING)
_DANGER_AFTER = (
    "q.level = 'DANGER' AND q.state IN ("
    + ", ".join(f"'{state}'" for state in _ANSWERABLE if state not in OPEN_STATES)
    + ")"
)
"""Cases that are open no more and belong to the view DANGER all the same while an answer is unread."""
_IN_FACETS = "q.state NOT IN ('FOLDED', 'WITHDRAWN')"


class Streams(Struct, frozen=True, kw_only=True):
    """Sorted index ranges ("streams") of queue rows: one for each combination of values in `turns`.

    `turns` maps the leading columns of the index to their values. The rows come from `source` (a table or
    subquery, alias `q`) and satisfy the SQL condition `where`. `values` are the parameters of `source`, then
    of `where`. A count restricts only the first `counted` columns.
    """

    turns: Turns
    where: str
    values: tuple[Value, ...] = ()
    source: str = "orient_case"
    counted: int = 1


def streams_of(
    *, actor: Actor, view: QueueView, filters: QueueFilter, now: datetime
) -> tuple[Streams, ...]:
    """Return the streams (sorted index ranges) that together contain each case of a selection once.

    A selection: the cases of the actor's desks in `view` that pass `filters`. A case is a report in the
    queue.
    """
    desks = _desks(actor)
    asked = {name: value for name in FILTERS if (value := getattr(filters, name))}
    if view is QueueView.MINE:
        return (_held(desks, actor, asked),)
    if view is QueueView.ANSWERED:
        return (_answered(desks, asked, _condition(view)),)
    marked = _facets(desks, view, asked) if asked else Streams(turns=desks, where=_condition(view))
    if view is QueueView.DANGER:
        return marked, _answered(desks, asked, _DANGER_AFTER)
    return (marked, _unmarked(desks, now, asked)) if view is QueueView.LATE else (marked,)


def page_of(
    streams: Sequence[Streams], *, after: QueuePosition | None, limit: int
) -> tuple[str, list[Value]]:
    """Return the SQL query and parameters of the first `limit` rows after a position in queue order.

    `streams`: the index ranges of the cases, from `streams_of`; without `after` the query starts at the first
    case of the queue.
    """
    below = ""
    place: list[Value] = []
    if after is not None:
        below, place = " AND (q.rank, q.report_id) > (%s, %s)", [100 - after.score, after.report_id]
    parts: list[str] = []
    values: list[Value] = []
    for each in streams:
        by_turn = {name: f"by_{name}.{name}" for name in each.turns}
        # At most `limit` streams contribute to the page: those with the smallest first cases.
        first = _lines(each, by_turn, below, order=_ORDER, limit=1)
        lines = _lines(
            each, {name: f"stream.{name}" for name in each.turns}, below, order=_ORDER, limit=limit
        )
        begins = "".join(f"{column}, " for column in by_turn.values())
        parts.append(
            f"(SELECT line.* FROM (SELECT {begins}line.* FROM {_turns(each.turns)}"  # noqa: S608 - constants only
            f" CROSS JOIN LATERAL ({first}) line ORDER BY line.rank, line.report_id LIMIT {limit}) stream"
            f" CROSS JOIN LATERAL ({lines}) line ORDER BY line.rank, line.report_id LIMIT {limit})"
        )
        values += [*map(list, each.turns.values()), *each.values, *place, *each.values, *place]
    query = (
        "SELECT c.*, page.rank AS place FROM"  # noqa: S608 - as above
        f" (SELECT * FROM ({' UNION ALL '.join(parts)}) found"
        f" ORDER BY rank, report_id LIMIT {limit}) page JOIN orient_case c ON c.report_id = page.report_id"
        " ORDER BY page.rank, page.report_id"
    )
    return query, values


def count_of(streams: Sequence[Streams], *, cap: int) -> tuple[str, list[Value]]:
    """Return the SQL expression that counts up to `cap` cases of a view with filters, and its parameters.

    `streams`: the index ranges of these cases, from `streams_of`. A case is a report in the queue.
    """
    parts: list[str] = []
    values: list[Value] = []
    for each in streams:
        names = list(each.turns)
        needed = {name: each.turns[name] for name in names[: each.counted]}
        lines = _lines(
            each,
            {name: f"by_{name}.{name}" for name in needed},
            order=(*names[each.counted :], *_ORDER),
            limit=cap,
        )
        parts.append(
            f"(SELECT count(*) FROM (SELECT FROM {_turns(needed)}"  # noqa: S608 - as above
            f" CROSS JOIN LATERAL ({lines}) line LIMIT {cap}) counted)"
        )
        values += [*map(list, needed.values()), *each.values]
    return f"least({cap}, {' + '.join(parts)})", values


def _condition(view: QueueView) -> str:
    """Return the SQL condition of a view without filters, written exactly as in that view's partial index."""
    states = ", ".join(f"'{state}'" for state in _STATES[view])
    condition = f"q.state IN ({states})"
    if view is QueueView.DANGER:
        return f"{condition} AND q.level = 'DANGER'"
    return f"{condition} AND q.late" if view is QueueView.LATE else condition


def _desks(actor: Actor) -> Turns:
    """Return the desks where the actor may list reports, as turns of a stream; none: all desks."""
    bounds = reach(actor, "report.list")
    return {} if bounds.everywhere else {"desk_id": sorted(bounds.desk_ids)}


def _held(
    desks: Turns, actor: Actor, asked: Mapping[str, str], *, answered: bool = False
) -> Streams:
    """Return the range (`Streams`) of the cases in the actor's charge (view MINE), few enough to read singly.

    A child in danger comes first, then an unread answer of the reporter: their ranks lie below all others.
    `desks`: the desks within reach; `asked`: the filters, value by column; `answered`: only those with such
    an answer. A case is a report in the queue.
    """
    unread = f"EXISTS ({_UNREAD} AND n.report_id = h.report_id)"
    return Streams(
        turns=desks,
        source="(SELECT h.report_id, h.desk_id, h.kind, h.channel, h.country, h.level, h.unread, h.rank"  # noqa: S608 - as above
        f" - {BEFORE_OTHERS} * ((h.level = 'DANGER')::int * 2 + h.unread::int) AS rank"
        f" FROM (SELECT h.*, {unread} AS unread FROM orient_case h"
        f" WHERE h.report_id IN ({_IN_CHARGE})) h)",
        where=_and("q.unread" if answered else "true", asked),
        values=(actor.person_id, actor.person_id, *asked.values()),
    )


def _answered(desks: Turns, asked: Mapping[str, str], condition: str) -> Streams:
    """Return the cases with an unread answer of the reporter, as a single unsorted stream.

    `desks`: the desks within reach; `asked`: the filters, value by column; `condition`: which cases, in SQL.
    Every such case belongs to it: a limit on answers would let one sender's push out another's.
    """
    here = " AND n.desk_id = ANY (%s)" if desks else ""
    return Streams(
        turns={},
        source=f"(SELECT c.* FROM ({_UNREAD}{here} GROUP BY n.report_id) a"  # noqa: S608 - as above
        " JOIN orient_case c USING (report_id))",
        where=_and(condition, asked),
        values=(*map(list, desks.values()), *asked.values()),
    )


def _facets(desks: Turns, view: QueueView, asked: Mapping[str, str]) -> Streams:
    """Return the sorted index ranges (`Streams`) of a view with filters, to be merged in queue order.

    One for each combination of the values that `view` and the filters leave open: kind, state, late, channel,
    level. `desks`: the desks within reach; `asked`: the filters, value by column.
    """
    levels = ("DANGER",) if view is QueueView.DANGER else _LEVELS
    facets: dict[str, Turn] = {
        "kind": [kind.value for kind in ReportKind],
        "state": [state.value for state in _STATES[view]],
        "late": (True,) if view is QueueView.LATE else (False, True),
        "channel": ["", *(channel.value for channel in Channel)],
        "level": levels,
    }
    narrow = {"state"} | asked.keys()
    narrow |= {"late"} if view is QueueView.LATE else set()
    narrow |= {"level"} if view is QueueView.DANGER else set()
    facets |= {name: [value] for name, value in asked.items() if name in facets}
    if asked.get("level", levels[0]) not in levels:
        facets["level"] = ()
    country = asked.get("country")
    return Streams(
        turns={**desks, **facets},
        where=_IN_FACETS + (" AND q.country <> '' AND q.country = %s" if country else ""),
        values=(country,) if country else (),
        counted=len(desks) + max(place for place, name in enumerate(facets, 1) if name in narrow),
    )


def _unmarked(desks: Turns, now: datetime, asked: Mapping[str, str]) -> Streams:
    """Return the overdue cases that the worker has not marked `late` yet, as a single unsorted stream.

    `desks`: the desks within reach; `asked`: the filters, value by column; `now`: cases due by then are
    overdue. At most `UNMARKED`, the longest overdue. A case is a report in the queue.
    """
    here = " AND d.desk_id = ANY (%s)" if desks else ""
    return Streams(
        turns={},
        source=f"(SELECT * FROM orient_case d WHERE d.state IN ({_LIST}) AND NOT d.late"  # noqa: S608 - as above
        f" AND d.due_at <= %s{here} ORDER BY d.due_at LIMIT {UNMARKED})",
        where=_and("true", asked),
        values=(now, *map(list, desks.values()), *asked.values()),
    )


def _and(condition: str, asked: Mapping[str, str]) -> str:
    return " AND ".join([condition, *(f"q.{name} = %s" for name in asked)])


def _turns(turns: Turns) -> str:
    each = (
        f" CROSS JOIN unnest(%s::{_TYPES.get(name, 'text')}[]) AS by_{name} ({name})"
        for name in turns
    )
    return "(SELECT) AS one" + "".join(each)


def _lines(
    each: Streams,
    turn: Mapping[str, str],
    below: str = "",
    *,
    order: Sequence[str],
    limit: int,
) -> str:
    conditions = [*(f"q.{name} = {value}" for name, value in turn.items()), each.where]
    return (
        f"SELECT q.rank, q.report_id FROM {each.source} q WHERE {' AND '.join(conditions)}{below}"  # noqa: S608
        f" ORDER BY {', '.join(f'q.{name}' for name in order)} LIMIT {limit}"
    )


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
    skip a row. `now` decides which reports are overdue (view LATE). `filters` narrow the view.
    """
    streams = streams_of(actor=actor, view=view, filters=filters, now=now)
    query, values = page_of(streams, after=after, limit=limit + 1)
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
    views[None] = (_held(_desks(actor), actor, {}, answered=True),)
    kinds = {
        kind.value: streams_of(actor=actor, view=of, filters=QueueFilter(kind=kind), now=now)
        for kind in ReportKind
    }
    counted = count_selections(views, cap=cap)
    answered = counted.pop(None)
    return ViewCounts(
        views={view: n for view, n in counted.items() if view is not None},
        answered=answered,
        kinds=count_selections(kinds, cap=cap),
        cap=cap,
    )


def count_selections(selections: Mapping[K, Sequence[Streams]], *, cap: int) -> dict[K, int]:
    """Count the cases of each selection (a view with filters, as `streams_of` gives it) up to `cap`.

    In one statement, by the keys of `selections`. A case is a report in the queue.
    """
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
    stage joins the queue without being announced. Entered: its first proposal was stored after `since`; of
    the view ANSWERED, an unread answer came after `since`. `now` decides which cases are overdue (view LATE).
    `filters` narrow the view.
    """
    belong = _in_view(view, actor=actor, now=now)
    if view is QueueView.ANSWERED:
        answers = models.StoredAnswer.objects.filter(read_at=None, came_at__gt=since)
        rows = reachable(actor).filter(belong, **_narrowed(filters))
        return rows.filter(report_id__in=answers.values("report_id"))[:cap].count()
    first = lowest_id(since - _ANNOUNCED)
    fresh = models.StoredProposal.objects.filter(
        report_id__gte=first, revision=1, created_at__gt=since
    )
    rows = reachable(actor).filter(belong, report_id__gte=first, **_narrowed(filters))
    return rows.filter(report_id__in=fresh.values("report_id")).order_by("-report_id")[:cap].count()


def count_arrivals_by_hour(*, actor: Actor, since: datetime, now: datetime) -> dict[datetime, int]:
    """Count the reports of the actor's desks that were received from `since` to `now`, by hour (UTC).

    The keys are beginnings of hours; an hour without a report has none. Tests are left out.
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
            return Q(state__in=_STATES[view])


def _narrowed(filters: QueueFilter) -> dict[str, str]:
    """Return the filters that are set, as keyword arguments for a Django query."""
    return {name: value for name in FILTERS if (value := getattr(filters, name))}


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
    return count_selections(waiting, cap=cap)
