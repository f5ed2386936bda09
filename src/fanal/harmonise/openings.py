"""Queries on the disclosures of reporters' identities: who opened one, why, and who has reviewed that."""

from uuid import UUID

from fanal.accounts.domain.policy import reach
from fanal.db import sql
from fanal.harmonise.domain.redaction.reporter import IdentityOpening
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


def list_openings(*, actor: Actor, limit: int = 100, unseen: bool = False) -> list[IdentityOpening]:
    """Return the disclosures of reporters' identities that the actor oversees, newest first, at most `limit`.

    `unseen`: only those that nobody has reviewed yet.
    """
    waiting = (
        " AND NOT EXISTS (SELECT FROM harmonise_opening_seen s WHERE s.opening_id = o.id)"
        if unseen
        else ""
    )
    return _fetch(
        actor, "identity.oversee", f"{waiting} ORDER BY o.id DESC LIMIT %(limit)s", limit=limit
    )


def opening_of(*, actor: Actor, opening_id: UUID) -> IdentityOpening | None:
    """Return a disclosure of a reporter's identity, or None if the actor does not oversee it."""
    found = _fetch(actor, "identity.oversee", " AND o.id = %(id)s", id=opening_id)
    return found[0] if found else None


def openings_of_report(*, actor: Actor, report_id: UUID) -> list[IdentityOpening]:
    """Return the recorded disclosures of the identity of a report's reporter, newest first.

    [] if the actor may not open that identity.
    """
    return _fetch(
        actor, "identity.open", " AND o.report_id = %(report)s ORDER BY o.id DESC", report=report_id
    )


def _fetch(actor: Actor, action: str, rest: str, **values: UUID | int) -> list[IdentityOpening]:
    bounds = reach(actor, action)
    bound: dict[str, bool | int | UUID | list[int]] = {
        "all": bounds.everywhere,
        "desks": sorted(bounds.desk_ids),
        **values,
    }
    return [
        IdentityOpening(
            id=row[0],
            report_id=row[1],
            desk_id=row[2],
            person_id=row[3],
            opened_at=row[4],
            motive=row[5],
            seen=tuple(zip(row[6], row[7], strict=True)),
        )
        for row in sql.rows(_SELECT + rest, bound)
    ]
