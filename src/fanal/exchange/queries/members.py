"""Members by their number on the wire, what they may read, and how far they have read."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.accounts import queries as accounts
from fanal.accounts.domain.policy import Resource, reach, require
from fanal.exchange.domain.records import FormerOwner, Grant, GrantState, Reading, Service
from fanal.kernel.actors import Actor

DESK = "Fanal"
"""Name of the desk itself among the members: protocol text."""
_READINGS = (
    "SELECT partner_id, service, list_id, first_at, last_at, last_seq, completed_at, responses, entries,"
    " error, error_at FROM exchange_reading"
)


def member_numbers(*, organisation_ids: Iterable[UUID | None]) -> dict[UUID | None, int]:
    """Return the number of each organisation that has one; None stands for the desk."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.organisation_id, m.id FROM exchange_member m"
            " WHERE m.organisation_id IS NULL OR m.organisation_id = ANY(%s::uuid[])",
            [[i for i in set(organisation_ids) if i is not None]],
        )
        return dict(cursor.fetchall())


def member_names(*, organisation_ids: Iterable[UUID | None]) -> dict[UUID | None, str]:
    """Return the names of organisations, the desk (None) among them."""
    known = {i for i in organisation_ids if i is not None}
    found = accounts.partner_names(partner_ids=known)
    return {None: DESK, **{i: found[i] for i in known if i in found}}


def grants_of(*, partner_id: UUID) -> dict[UUID, Grant]:
    """Return the lists that were ever open to a member, and how each stands for it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT list_id, state, since_seq, since FROM exchange_grant WHERE partner_id = %s",
            [partner_id],
        )
        return {
            row[0]: Grant(state=GrantState(row[1]), since=row[2], at=row[3])
            for row in cursor.fetchall()
        }


def reading_since(*, partner_id: UUID, service: Service) -> dict[UUID | None, datetime]:
    """Return when a member first read over a service; by list where it reads each by itself, else None."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT list_id, first_at FROM exchange_reading"
            " WHERE partner_id = %s AND service = %s AND responses > 0",
            [partner_id, service],
        )
        return dict(cursor.fetchall())


def former_owners(*, list_ids: Sequence[UUID]) -> list[FormerOwner]:
    """Return whose some lists were before, in the order of places."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT list_id, seq, owner_id FROM exchange_former"
            " WHERE list_id = ANY(%s::uuid[]) ORDER BY seq",
            [list(list_ids)],
        )
        return [
            FormerOwner(list_id=row[0], place=row[1], owner_id=row[2]) for row in cursor.fetchall()
        ]


def list_readings(*, actor: Actor) -> list[Reading]:
    """Return how far each member has read, the last reader first; a member sees its own.

    Raises:
        Refused: the actor may see neither.
    """
    bounds = reach(actor, "exchange.read")
    if bounds.empty:
        require(actor, "list.receive", Resource(partner_id=actor.partner_id))
    mine = actor.partner_id if bounds.empty else None
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_READINGS} WHERE %s::uuid IS NULL OR partner_id = %s ORDER BY last_at DESC LIMIT 500",
            [mine, mine],
        )
        return [
            Reading(
                partner_id=row[0],
                service=Service(row[1]),
                list_id=row[2],
                first_at=row[3],
                last_at=row[4],
                last_seq=row[5],
                completed_at=row[6],
                responses=row[7],
                entries=row[8],
                error=row[9],
                error_at=row[10],
            )
            for row in cursor.fetchall()
        ]
