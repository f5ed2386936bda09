"""Views of the queue as sorted index ranges ("streams"), merged page by page; filters as conditions in SQL.

A case is a report in the queue. An index holds cases in queue order only below fixed values of its leading
columns. So a selection is cut into streams, one for each combination of values that its filters leave open.
Each stream is one index range, already in order, and a page is a k-way merge of the streams with the smallest
first cases. Under the filters that lead an index, a rare value costs the same as a common one, at any number
of stored cases. Other filters are compared with the entries of an index range of the whole view, in order,
until the page is full: each is a condition on columns of `orient_case`.

Only rows of the desks where the reader may list reports are counted or shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from math import prod
from uuid import UUID

from msgspec import Struct

from fanal.accounts.domain.policy import reach
from fanal.formats.report.records import Channel, ReportKind
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import end_of_day
from fanal.kernel.ids import lowest_id
from fanal.orient.domain.filters import (
    AGES,
    LEVELS,
    ME,
    NOBODY,
    NONE,
    PUBLIC,
    RECEIVED,
    Conversation,
    QueueSort,
)
from fanal.orient.domain.records import QueueFilter, QueuePosition, QueueView
from fanal.orient.domain.states import OPEN_STATES, CaseState

FACETS = ("kind", "channel", "country", "level")
"""Filters whose values lead an index: a view under these alone is read as ranges, in queue order."""
Value = str | int | datetime | UUID | list[str | int | bool]
Condition = tuple[str, tuple[Value, ...]]
_PUBLIC = UUID(int=0)
_GIVEN = "SELECT report_id FROM orient_assignment WHERE ended_at IS NULL"
IN_CHARGE = (
    "SELECT report_id FROM orient_case WHERE state = 'CLAIMED' AND claimed_by = %s"  # noqa: S608 - constants only
    f" UNION ALL {_GIVEN} AND person_id = %s"
)
"""Reports in a person's charge: claimed by them, or given to them (`assignment`)."""


class Narrowed(Struct, frozen=True, kw_only=True):
    """The queue's filters as conditions in SQL, and how they are evaluated.

    `conditions` are SQL texts, `values` their parameters in order. `facets`: value by column, for the filters
    of FACETS, which lead an index. `answered`: only reports with an unread answer of the reporter (not among
    the `conditions`). `sifted`: there are filters other than the facets and `answered`. `holder`: only
    reports in the charge of this person, None for any.
    """

    conditions: tuple[str, ...]
    values: tuple[Value, ...]
    facets: dict[str, str]
    answered: bool
    sifted: bool
    holder: UUID | None


def narrowed(filters: QueueFilter, *, actor: Actor, now: datetime) -> Narrowed:
    """Return the conditions of the filters for a reader at `now`, on columns without a table's name."""
    facets = {name: value for name in FACETS if (value := getattr(filters, name))}
    more = list(_conditions(filters, actor, now))
    return Narrowed(
        conditions=(*(f"{name} = %s" for name in facets), *(text for text, _ in more)),
        values=(*facets.values(), *(value for _, values in more for value in values)),
        facets=facets,
        answered=filters.conversation == Conversation.ANSWER,
        sifted=bool(more),
        holder=_person(filters.holder, actor)
        if filters.holder and filters.holder != NOBODY
        else None,
    )


def _conditions(filters: QueueFilter, actor: Actor, now: datetime) -> Iterator[Condition]:
    if filters.departement:
        yield "departement = %s", (filters.departement,)
    if filters.language:
        yield "language = %s", ("" if filters.language == NONE else filters.language,)
    if filters.sender:
        yield "sender_id = %s", (_PUBLIC if filters.sender == PUBLIC else UUID(filters.sender),)
    if filters.age:
        yield (
            ("age IS NULL", ())
            if filters.age == NONE
            else ("age BETWEEN %s AND %s", AGES[filters.age])
        )
    if filters.conversation == Conversation.WITH:
        yield "conversation", ()
    yield from _holder(filters.holder, actor, now)
    yield from _times(filters, now)


def _holder(holder: str | None, actor: Actor, now: datetime) -> Iterator[Condition]:
    if holder == NOBODY:
        yield f"(claimed_by IS NULL OR lease_until <= %s) AND report_id NOT IN ({_GIVEN})", (now,)
    elif holder:
        person = _person(holder, actor)
        yield f"report_id IN ({IN_CHARGE})", (person, person)


def _person(holder: str, actor: Actor) -> UUID:
    return actor.person_id if holder == ME else UUID(holder)


def _times(filters: QueueFilter, now: datetime) -> Iterator[Condition]:
    """Yield the SQL conditions of the filters on the time of receipt, as bounds of the report's id.

    A report's id begins with the time of its receipt.
    """
    if filters.received:
        yield "report_id >= %s", (lowest_id(now - RECEIVED[filters.received]),)
    if filters.since:
        yield "report_id >= %s", (lowest_id(_beginning(filters.since)),)
    if filters.until:
        yield "report_id < %s", (lowest_id(end_of_day(filters.until)),)


def _beginning(day: date) -> datetime:
    return end_of_day(day - timedelta(days=1))


Turn = Sequence[str | int | bool]
Turns = Mapping[str, Turn]
UNMARKED = 5000
"""Largest number of late cases not yet marked by the worker that a view shows; a minute brings fewer."""
UNREAD = "SELECT n.report_id FROM orient_answer n WHERE n.read_at IS NULL"
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
STATES: Mapping[QueueView, Sequence[CaseState]] = {
    QueueView.OPEN: sorted(OPEN_STATES),
    QueueView.DANGER: sorted(OPEN_STATES),
    QueueView.MINE: (CaseState.CLAIMED,),
    QueueView.ANSWERED: _ANSWERABLE,
    QueueView.TO_SECOND: (CaseState.TO_SECOND,),
    QueueView.LATE: _WAITING,
    QueueView.HANDED_OVER: (CaseState.HANDED_OVER,),
    QueueView.DECIDED: (CaseState.DECIDED, CaseState.CLOSED),
}
_TYPES = {"desk_id": "integer", "late": "boolean"}
_ORDER = ("rank", "report_id")
_ORDERS: Mapping[str | None, Sequence[str]] = {
    None: _ORDER,
    QueueSort.NEWEST: ("report_id DESC",),
    QueueSort.OLDEST: ("report_id",),
}
_FEW = 10
"""Largest number of streams that are all read for a page, without a look at which begin first."""
# Conditions repeat those of the partial indexes word for word, so that PostgreSQL can use the indexes.
_LIST = ", ".join(f"'{state}'" for state in _WAITING)
_DANGER_AFTER = (
    "q.level = 'DANGER' AND q.state IN ("
    + ", ".join(f"'{state}'" for state in _ANSWERABLE if state not in OPEN_STATES)
    + ")"
)
"""Cases that are open no more and belong to the view DANGER all the same while an answer is unread."""
_COMPARED = (
    "h.report_id, h.desk_id, h.state, h.kind, h.channel, h.country, h.level, h.departement, h.language,"
    " h.sender_id, h.age, h.conversation, h.claimed_by, h.lease_until"
)
"""Columns of a case that filters compare."""
_MORE = {QueueView.DANGER: " AND q.level = 'DANGER'", QueueView.LATE: " AND q.late"}
"""What views require but a state: a list of states would let in partial indexes without filters."""
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
    desks = desks_of(actor)
    narrow = narrowed(filters, actor=actor, now=now)
    if view is QueueView.MINE:
        return (held(desks, actor, narrow),)
    if view is QueueView.ANSWERED:
        return (_answered(desks, narrow, _condition(view)),)
    marked = _marked(desks, view, narrow, in_order=filters.sort is not None)
    if view is QueueView.DANGER:
        return marked, _answered(desks, narrow, _DANGER_AFTER)
    return (marked, _unmarked(desks, now, narrow)) if view is QueueView.LATE else (marked,)


def _marked(desks: Turns, view: QueueView, narrow: Narrowed, *, in_order: bool) -> Streams:
    """Return the index ranges (`Streams`) of a view, without the cases that the view takes from another
    source.

    `desks`: the desks within reach; `narrow`: the filters; `in_order`: the order asked for is by receipt,
    not by priority.
    """
    if narrow.holder:
        return _in_charge(desks, narrow, _condition(view), narrow.holder)
    if narrow.answered:
        return _answered(desks, narrow, _condition(view))
    if narrow.sifted or in_order:
        return _sifted(desks, view, narrow)
    if narrow.facets:
        return _facets(desks, view, narrow.facets)
    return Streams(turns=desks, where=_condition(view))


def page_of(
    streams: Sequence[Streams], *, after: QueuePosition | None, limit: int, sort: str | None = None
) -> tuple[str, list[Value]]:
    """Return the SQL query and parameters of the first `limit` rows after a position, in the order `sort`.

    `streams`: the index ranges of the cases, from `streams_of`; without `after` the query starts at the first
    case. `sort`: a value of `QueueSort`, None for the order by priority.
    """
    order = _ORDERS[sort]
    below, place = _after(after, sort)
    by = ", ".join(f"line.{column}" for column in order)
    parts: list[str] = []
    values: list[Value] = []
    for each in streams:
        few = prod(map(len, each.turns.values())) <= _FEW
        by_turn = {name: f"by_{name}.{name}" for name in each.turns}
        turns, starts = _turns(each.turns), by_turn
        values += map(list, each.turns.values())
        if not few:
            # At most `limit` streams contribute to the page: those with the smallest first cases.
            first = _lines(each, by_turn, below, order=order, limit=1)
            begins = "".join(f"{column}, " for column in by_turn.values())
            turns = (
                f"(SELECT {begins}line.* FROM {turns}"  # noqa: S608 - constants only
                f" CROSS JOIN LATERAL ({first}) line ORDER BY {by} LIMIT {limit}) stream"
            )
            starts = {name: f"stream.{name}" for name in each.turns}
            values += [*each.values, *place]
        lines = _lines(each, starts, below, order=order, limit=limit)
        parts.append(
            f"(SELECT line.* FROM {turns} CROSS JOIN LATERAL ({lines}) line"  # noqa: S608 - as above
            f" ORDER BY {by} LIMIT {limit})"
        )
        values += [*each.values, *place]
    found = " UNION ALL ".join(parts)
    query = (
        "SELECT c.*, page.rank AS place FROM"  # noqa: S608 - as above
        f" (SELECT * FROM ({found}) line ORDER BY {by} LIMIT {limit}) page"
        " JOIN orient_case c ON c.report_id = page.report_id"
        f" ORDER BY {by.replace('line.', 'page.')}"
    )
    return query, values


def _after(after: QueuePosition | None, sort: str | None) -> tuple[str, list[Value]]:
    """Return the condition that a row follows a position in the order `sort`, and its parameters."""
    if after is None:
        return "", []
    if sort is None:
        return " AND (q.rank, q.report_id) > (%s, %s)", [100 - after.score, after.report_id]
    sign = "<" if sort == QueueSort.NEWEST else ">"
    return f" AND q.report_id {sign} %s", [after.report_id]


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
    states = ", ".join(f"'{state}'" for state in STATES[view])
    condition = f"q.state IN ({states})"
    if view is QueueView.DANGER:
        return f"{condition} AND q.level = 'DANGER'"
    return f"{condition} AND q.late" if view is QueueView.LATE else condition


def desks_of(actor: Actor) -> Turns:
    """Return the desks where the actor may list reports, as values of the index column `desk_id`.

    Without a restriction the result is empty, which means all desks.
    """
    bounds = reach(actor, "report.list")
    return {} if bounds.everywhere else {"desk_id": sorted(bounds.desk_ids)}


def held(desks: Turns, actor: Actor, narrow: Narrowed, *, answered: bool = False) -> Streams:
    """Return the index range (`Streams`) of the cases in the actor's charge (view MINE).

    A case is a report in the queue. These are few enough to be read one by one. A child in danger comes
    first, then an unread answer of the reporter: their ranks lie below all others. `desks`: the desks within
    reach; `narrow`: the filters; `answered`: only those with such an answer.
    """
    unread = f"EXISTS ({UNREAD} AND n.report_id = h.report_id)"
    return Streams(
        turns=desks,
        source=f"(SELECT {_COMPARED}, h.unread, h.rank"  # noqa: S608 - as above
        f" - {BEFORE_OTHERS} * ((h.level = 'DANGER')::int * 2 + h.unread::int) AS rank"
        f" FROM (SELECT h.*, {unread} AS unread FROM orient_case h"
        f" WHERE h.report_id IN ({IN_CHARGE})) h)",
        where=_and("q.unread" if answered or narrow.answered else "true", narrow),
        values=(actor.person_id, actor.person_id, *narrow.values),
    )


def _in_charge(desks: Turns, narrow: Narrowed, condition: str, person_id: UUID) -> Streams:
    """Return the cases in a person's charge, as a single unsorted stream.

    `desks`: the desks within reach; `narrow`: the filters; `condition`: which cases, in SQL.
    """
    here = " AND c.desk_id = ANY (%s)" if desks else ""
    unread = f" AND q.report_id IN ({UNREAD})" if narrow.answered else ""
    return Streams(
        turns={},
        source=f"(SELECT c.* FROM orient_case c WHERE c.report_id IN ({IN_CHARGE}){here})",  # noqa: S608 - as above
        where=_and(condition + unread, narrow),
        values=(person_id, person_id, *map(list, desks.values()), *narrow.values),
    )


def _answered(desks: Turns, narrow: Narrowed, condition: str) -> Streams:
    """Return the cases with an unread answer of the reporter, as a single unsorted stream.

    `desks`: the desks within reach; `narrow`: the filters; `condition`: which cases, in SQL. The number of
    answers is not limited: otherwise one sender's many answers could displace those of another.
    """
    here = " AND n.desk_id = ANY (%s)" if desks else ""
    case = " JOIN orient_case c USING (report_id)"
    if narrow.answered:  # OFFSET: each case is looked up; a join could read the whole view instead
        looked_up = "SELECT * FROM orient_case o WHERE o.report_id = a.report_id OFFSET 0"
        case = f" CROSS JOIN LATERAL ({looked_up}) c"
    return Streams(
        turns={},
        source=f"(SELECT c.* FROM ({UNREAD}{here} GROUP BY n.report_id) a{case})",  # noqa: S608 - as above
        where=_and(condition, narrow),
        values=(*map(list, desks.values()), *narrow.values),
    )


def _sifted(desks: Turns, view: QueueView, narrow: Narrowed) -> Streams:
    """Return the index ranges (`Streams`) of a view by state; the filters are compared with the entries of
    the index.

    `desks`: the desks within reach; `narrow`: the filters. Each range is in order. A case that does not
    match is not read from the table.
    """
    return Streams(
        turns={**desks, "state": STATES[view]},
        where=_and(_IN_FACETS + _MORE.get(view, ""), narrow),
        values=narrow.values,
        counted=len(desks) + 1,
    )


def _facets(desks: Turns, view: QueueView, asked: Mapping[str, str]) -> Streams:
    """Return the sorted index ranges (`Streams`) of a view with filters, to be merged in queue order.

    One for each combination of the values that `view` and the filters leave open: kind, state, late, channel,
    level. `desks`: the desks within reach; `asked`: the filters, value by column.
    """
    levels = ("DANGER",) if view is QueueView.DANGER else LEVELS
    facets: dict[str, Turn] = {
        "kind": [kind.value for kind in ReportKind],
        "state": [state.value for state in STATES[view]],
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


def _unmarked(desks: Turns, now: datetime, narrow: Narrowed) -> Streams:
    """Return the overdue cases that the worker has not marked `late` yet, as a single unsorted stream.

    `desks`: the desks within reach; `narrow`: the filters; `now`: cases due by then are overdue. At most
    `UNMARKED`, the longest overdue. A case is a report in the queue.
    """
    here = " AND d.desk_id = ANY (%s)" if desks else ""
    unread = f"q.report_id IN ({UNREAD})" if narrow.answered else "true"
    return Streams(
        turns={},
        source=f"(SELECT * FROM orient_case d WHERE d.state IN ({_LIST}) AND NOT d.late"  # noqa: S608 - as above
        f" AND d.due_at <= %s{here} ORDER BY d.due_at LIMIT {UNMARKED})",
        where=_and(unread, narrow),
        values=(now, *map(list, desks.values()), *narrow.values),
    )


def _and(condition: str, narrow: Narrowed) -> str:
    return " AND ".join([condition, *narrow.conditions])


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
