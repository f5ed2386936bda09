"""Openings of identities, for those who watch over them: never what was opened."""

from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import reach
from fanal.harmonise.domain.opening import Opening
from fanal.kernel.actors import Actor

_SELECT = (
    "SELECT o.id, o.report_id, o.desk_id, o.person_id, o.opened_at, m.words,"
    " ARRAY(SELECT s.person_id FROM harmonise_opening_seen s WHERE s.opening_id = o.id"
    " ORDER BY s.seen_at, s.person_id),"
    " ARRAY(SELECT s.seen_at FROM harmonise_opening_seen s WHERE s.opening_id = o.id"
    " ORDER BY s.seen_at, s.person_id)"
    " FROM harmonise_opening o LEFT JOIN harmonise_opening_motive m ON m.opening_id = o.id"
    " WHERE (%(all)s OR o.desk_id = ANY(%(desks)s))"
)


def list_openings(*, actor: Actor, limit: int = 100, unseen: bool = False) -> list[Opening]:
    """Return the openings that the actor watches over, newest first; `unseen`: by nobody else yet."""
    waiting = (
        " AND NOT EXISTS (SELECT FROM harmonise_opening_seen s WHERE s.opening_id = o.id)"
        if unseen
        else ""
    )
    return _fetch(
        actor, "identity.oversee", f"{waiting} ORDER BY o.id DESC LIMIT %(limit)s", limit=limit
    )


def opening_of(*, actor: Actor, opening_id: UUID) -> Opening | None:
    """Return one opening that the actor watches over, or None."""
    found = _fetch(actor, "identity.oversee", " AND o.id = %(id)s", id=opening_id)
    return found[0] if found else None


def openings_of_report(*, actor: Actor, report_id: UUID) -> list[Opening]:
    """Return the earlier openings of a report, newest first, to whoever may open it again."""
    return _fetch(
        actor, "identity.open", " AND o.report_id = %(report)s ORDER BY o.id DESC", report=report_id
    )


def _fetch(actor: Actor, action: str, rest: str, **values: UUID | int) -> list[Opening]:
    bounds = reach(actor, action)
    bound: dict[str, bool | int | UUID | list[int]] = {
        "all": bounds.everywhere,
        "desks": sorted(bounds.desk_ids),
        **values,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SELECT + rest, bound)
        return [
            Opening(
                id=row[0],
                report_id=row[1],
                desk_id=row[2],
                person_id=row[3],
                opened_at=row[4],
                motive=row[5],
                seen=tuple(zip(row[6], row[7], strict=True)),
            )
            for row in cursor.fetchall()
        ]
