"""Cases of a view under filters in queue order, at a cost independent of the number of stored cases.

An index holds cases in queue order only below fixed values of its leading columns. So a selection is cut
into streams, one for each combination of values that its filters leave open. Each stream is one index range,
already in order, and a page is a k-way merge of the streams with the smallest first cases. A rare value
costs the same as a common one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.accounts.domain.policy import reach
from fanal.formats.report.records import Channel, ReportKind
from fanal.kernel.actors import Actor
from fanal.orient.domain.records import QueueFilter, QueuePosition, QueueView
from fanal.orient.domain.states import OPEN_STATES, CaseState

FILTERS = ("kind", "channel", "country", "level")
Turn = Sequence[str | int | bool]
Turns = Mapping[str, Turn]
Value = str | int | datetime | UUID | list[str | int | bool]
UNMARKED = 5000
"""Largest number of late cases not yet marked by the worker that a view shows; a minute brings fewer."""
_WAITING = (CaseState.TO_ASSESS, CaseState.CLAIMED, CaseState.TO_SECOND)
_STATES: Mapping[QueueView, Sequence[CaseState]] = {
    QueueView.OPEN: sorted(OPEN_STATES),
    QueueView.DANGER: sorted(OPEN_STATES),
    QueueView.MINE: (CaseState.CLAIMED,),
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
_IN_FACETS = "q.state NOT IN ('FOLDED', 'WITHDRAWN')"


class Streams(Struct, frozen=True, kw_only=True):
    """The rows of `source` (alias `q`) that satisfy `where`, one stream for each combination of `turns`.

    `turns` maps the leading columns of the index to their values. `values` are the parameters of `source`,
    then of `where`. A count needs only the first `counted` columns: the others are not restricted.
    """

    turns: Turns
    where: str
    values: tuple[Value, ...] = ()
    source: str = "orient_case"
    counted: int = 1


def streams_of(
    *, actor: Actor, view: QueueView, filters: QueueFilter, now: datetime
) -> tuple[Streams, ...]:
    """Return the streams (sorted index ranges) that together contain each case of a selection once."""
    bounds = reach(actor, "report.list")
    desks = {} if bounds.everywhere else {"desk_id": sorted(bounds.desk_ids)}
    asked = {name: value for name in FILTERS if (value := getattr(filters, name))}
    if view is QueueView.MINE:
        return (_held(desks, actor, asked),)
    marked = _facets(desks, view, asked) if asked else Streams(turns=desks, where=_condition(view))
    return (marked, _unmarked(desks, now, asked)) if view is QueueView.LATE else (marked,)


def page_of(
    streams: Sequence[Streams], *, after: QueuePosition | None, limit: int
) -> tuple[str, list[Value]]:
    """Return the SQL query and parameters of the first `limit` cases after a position in queue order.

    `streams` are from `streams_of`; without `after` the query starts at the head of the queue.
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
        f"SELECT c.* FROM (SELECT * FROM ({' UNION ALL '.join(parts)}) found"  # noqa: S608 - as above
        f" ORDER BY rank, report_id LIMIT {limit}) page JOIN orient_case c ON c.report_id = page.report_id"
        " ORDER BY c.rank, c.report_id"
    )
    return query, values


def count_of(streams: Sequence[Streams], *, cap: int) -> tuple[str, list[Value]]:
    """Return the SQL expression that counts the cases of a selection up to `cap`, and its parameters."""
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
    """Return the SQL condition of a view without filters, in the words of that view's partial index."""
    states = ", ".join(f"'{state}'" for state in _STATES[view])
    condition = f"q.state IN ({states})"
    if view is QueueView.DANGER:
        return f"{condition} AND q.level = 'DANGER'"
    return f"{condition} AND q.late" if view is QueueView.LATE else condition


def _held(desks: Turns, actor: Actor, asked: Mapping[str, str]) -> Streams:
    """Return the cases that the actor holds: few enough to be read one by one."""
    return Streams(
        turns=desks,
        where=_and("q.state = 'CLAIMED' AND q.claimed_by = %s", asked),
        values=(actor.person_id, *asked.values()),
    )


def _facets(desks: Turns, view: QueueView, asked: Mapping[str, str]) -> Streams:
    """Return the stream of each combination of column values that the filters allow: a sorted index range."""
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
    """Return the overdue cases that the worker has not marked `late` yet, as one unsorted stream."""
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
