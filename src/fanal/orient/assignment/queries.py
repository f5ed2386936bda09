"""Read operations of assignments: who is in charge of reports, and what each person has in charge."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from fanal.accounts.domain.policy import reach
from fanal.accounts.queries.people import list_colleagues
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.orient.assignment.domain import Assignment, Load
from fanal.orient.domain.records import Case
from fanal.orient.models import Case as StoredCase, StoredAssignment


def record_of(row: StoredAssignment) -> Assignment:
    """Return a stored assignment (database row) as the record that queries return."""
    return Assignment(
        id=row.id,
        report_id=row.report_id,
        desk_id=row.desk_id,
        person_id=row.person_id,
        made_by=row.made_by,
        handed_over=row.handed_over,
        former_id=row.former_id,
        act_id=row.act_id,
        note_id=row.note_id,
        made_at=row.made_at,
        seen_at=row.seen_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
    )


def assignments_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, Assignment]:
    """Return the open assignment of each report that the actor may list; a report without one has no key."""
    rows = StoredAssignment.objects.filter(report_id__in=report_ids, ended_at=None)
    desks = reach(actor, "report.list").desks
    if desks is not None:
        rows = rows.filter(desk_id__in=desks)
    return {row.report_id: record_of(row) for row in rows}


_HELD = """
SELECT c.report_id, c.level, c.received_at, coalesce(a.person_id, c.claimed_by) AS person_id,
    a.id IS NOT NULL AND a.seen_at IS NULL AS unseen
FROM orient_case c
LEFT JOIN orient_assignment a ON a.report_id = c.report_id AND a.ended_at IS NULL
WHERE c.desk_id = %(desk)s AND c.report_id IN (
    SELECT report_id FROM orient_case
    WHERE state = 'CLAIMED' AND lease_until > %(now)s AND claimed_by = ANY(%(people)s::uuid[])
    UNION ALL
    SELECT report_id FROM orient_assignment WHERE ended_at IS NULL AND person_id = ANY(%(people)s::uuid[]))
"""
_LOADS = f"""
SELECT person_id, count(*), count(*) FILTER (WHERE level = 'DANGER'), count(*) FILTER (WHERE unseen),
    (array_agg(report_id ORDER BY received_at, report_id))[1], min(received_at)
FROM ({_HELD}) held GROUP BY person_id
"""  # noqa: S608 - constants only
_CHARGE = f"""
SELECT report_id FROM ({_HELD}) held WHERE person_id = ANY(%(people)s::uuid[])
ORDER BY level <> 'DANGER', received_at, report_id LIMIT %(most)s
"""  # noqa: S608 - constants only


def list_loads(*, actor: Actor, desk_id: int, now: datetime) -> list[tuple[str, Load]]:
    """Return the workload of each person who may claim reports at a desk, as (name, load), sorted by name.

    Empty if the actor may not claim reports there.
    """
    if not reach(actor, "report.claim").holds(desk_id):
        return []
    people = list_colleagues(action="report.claim", desk_ids=[desk_id], now=now)[desk_id]
    found = {
        person_id: Load(
            person_id=person_id,
            held=held,
            danger=danger,
            unseen=unseen,
            oldest_id=oldest_id,
            oldest_at=oldest_at,
        )
        for person_id, held, danger, unseen, oldest_id, oldest_at in sql.rows(
            _LOADS, {"desk": desk_id, "people": list(people), "now": now}
        )
    }
    return [
        (name, found.get(person_id, Load(person_id=person_id)))
        for person_id, name in people.items()
    ]


def list_charge(
    *, actor: Actor, desk_id: int, person_id: UUID, now: datetime, most: int
) -> list[Case]:
    """Return the reports that a person has in charge at a desk: children in danger first, then the oldest.

    At most `most` are returned; [] if the actor may not claim reports at that desk.
    """
    if not reach(actor, "report.claim").holds(desk_id):
        return []
    values = {"desk": desk_id, "people": [person_id], "now": now, "most": most}
    ids = [row[0] for row in sql.rows(_CHARGE, values)]
    rows = StoredCase.objects.in_bulk(ids)
    return [rows[report_id].record() for report_id in ids if report_id in rows]
