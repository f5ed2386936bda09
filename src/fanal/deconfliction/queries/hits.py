"""Hits as the desks that hold their reports see them."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import Reach, reach
from fanal.deconfliction.domain.records import Hit, HitStep, Sign
from fanal.deconfliction.domain.states import HitState
from fanal.kernel.actors import Actor

_Value = bool | int | UUID | list[int] | list[UUID] | list[HitState]
_HELD = (
    " EXISTS (SELECT FROM deconfliction_hit_report o WHERE o.hit_id = h.id"
    " AND (%(all)s OR o.desk_id = ANY(%(desks)s::int[])))"
)
_SELECT = """
    SELECT h.id, h.counterpart_id, c.name, c.contact, h.key, h.state, h.met_at, h.last_met_at,
        h.changed_at, ARRAY(SELECT o.report_id FROM deconfliction_hit_report o WHERE o.hit_id = h.id
            AND (%(all)s OR o.desk_id = ANY(%(desks)s::int[])) ORDER BY o.report_id DESC LIMIT 1000)
    FROM deconfliction_hit h JOIN deconfliction_counterpart c ON c.id = h.counterpart_id
"""


def list_hits(
    *, actor: Actor, states: Sequence[HitState] = tuple(HitState), limit: int = 200
) -> list[Hit]:
    """Return the hits that touch a report of the actor's desks: what waits first, newest change first."""
    bounds = reach(actor, "hit.read")
    if bounds.empty:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_SELECT} WHERE h.state = ANY(%(states)s) AND {_HELD}"
            " ORDER BY array_position(ARRAY['NEW', 'REOPENED', 'CONTACTED', 'CLOSED'], h.state),"
            " h.changed_at DESC, h.id LIMIT %(limit)s",
            _bounded(bounds) | {"states": list(states), "limit": limit},
        )
        return [_hit(row) for row in cursor.fetchall()]


def get_hit(*, actor: Actor, hit_id: UUID) -> Hit | None:
    """Return a hit that touches a report of the actor's desks, or None."""
    bounds = reach(actor, "hit.read")
    if bounds.empty:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_SELECT} WHERE h.id = %(hit)s AND {_HELD}", _bounded(bounds) | {"hit": hit_id}
        )
        row = cursor.fetchone()
    return None if row is None else _hit(row)


def steps_of(*, actor: Actor, hit_id: UUID) -> list[HitStep]:
    """Return what happened to a hit that the actor may see, newest first."""
    if get_hit(actor=actor, hit_id=hit_id) is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.move, s.state, s.author_id, s.at, coalesce(w.words, '')"
            " FROM deconfliction_step s LEFT JOIN deconfliction_step_words w ON w.step_id = s.id"
            " WHERE s.hit_id = %s ORDER BY s.id DESC",
            [hit_id],
        )
        return [
            HitStep(move=row[0], state=HitState(row[1]), author_id=row[2], at=row[3], words=row[4])
            for row in cursor.fetchall()
        ]


def signs_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, list[Sign]]:
    """Return for each report the bodies that hold one of its identifiers too, and whom to call there."""
    bounds = reach(actor, "hit.read")
    if bounds.empty or not report_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT o.report_id, h.id, c.name, c.contact, h.state FROM deconfliction_hit_report o"
            " JOIN deconfliction_hit h ON h.id = o.hit_id"
            " JOIN deconfliction_counterpart c ON c.id = h.counterpart_id"
            " WHERE o.report_id = ANY(%(reports)s::uuid[])"
            " AND (%(all)s OR o.desk_id = ANY(%(desks)s::int[])) ORDER BY h.met_at, h.id",
            _bounded(bounds) | {"reports": list(report_ids)},
        )
        found: dict[UUID, list[Sign]] = {}
        for report_id, hit_id, name, contact, state in cursor.fetchall():
            sign = Sign(hit_id=hit_id, counterpart=name, contact=contact, state=HitState(state))
            found.setdefault(report_id, []).append(sign)
    return found


def _bounded(bounds: Reach) -> dict[str, _Value]:
    return {"all": bounds.everywhere, "desks": sorted(bounds.desk_ids)}


def _hit(row: tuple) -> Hit:  # type: ignore[type-arg]
    return Hit(
        id=row[0],
        counterpart_id=row[1],
        counterpart=row[2],
        contact=row[3],
        key=row[4],
        state=HitState(row[5]),
        met_at=row[6],
        last_met_at=row[7],
        changed_at=row[8],
        report_ids=tuple(row[9]),
    )
