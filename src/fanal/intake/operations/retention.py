"""Legal holds, and what expiry leaves of a report here: its ids, states and instants."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import Reason, Refused, Resource, require, require_somewhere
from fanal.intake import queries
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger


def place_hold(*, actor: Actor, report_id: UUID, motive: str, now: datetime) -> UUID:
    """Keep a report of the actor's desks from expiring; return the hold's id.

    Raises:
        Refused: the actor places no hold on it.
        ValueError: no motive.
    """
    require_hold(actor, report_id)
    if not motive.strip():
        raise ValueError("a hold has a motive")
    hold_id = new_id(now)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO intake_hold (id, report_id, placed_by, placed_at, motive)"
            " VALUES (%s, %s, %s, %s, %s)",
            [hold_id, report_id, actor.person_id, now, motive.strip()],
        )
        _log(actor=actor, action="hold.place", report_id=report_id, now=now)
    return hold_id


def lift_holds(*, actor: Actor, report_id: UUID, motive: str, now: datetime) -> int:
    """Lift every hold of a report; return how many there were.

    Raises:
        Refused, ValueError: as `place_hold`.
    """
    require_hold(actor, report_id)
    if not motive.strip():
        raise ValueError("a hold is lifted with a motive")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE intake_hold SET lifted_by = %s, lifted_at = %s, lift_motive = %s"
            " WHERE report_id = %s AND lifted_at IS NULL",
            [actor.person_id, now, motive.strip(), report_id],
        )
        lifted = cursor.rowcount
        if lifted:
            _log(actor=actor, action="hold.lift", report_id=report_id, now=now)
    return int(lifted)


def forget_reports(*, actor: Actor, report_ids: Sequence[UUID], now: datetime) -> int:
    """Empty what a sender wrote into the envelopes of erased reports; return how many were new.

    Keyed digests stay, so that a repeat is still recognised; sealed bytes are the vault's to erase.
    """
    require(actor, "pipeline.run")
    ids = list(report_ids)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM intake_message WHERE report_id = ANY(%s)", [ids])
        cursor.execute("DELETE FROM intake_work WHERE report_id = ANY(%s)", [ids])
        # Only lifted holds are left here; who placed and lifted them stays in the ledger.
        cursor.execute("DELETE FROM intake_hold WHERE report_id = ANY(%s)", [ids])
        cursor.execute(
            "UPDATE intake_upload SET name = '', md5 = NULL, sha1 = NULL, sha256 = NULL, pdq = NULL,"
            " pdq_quality = NULL, frames = '{}'"
            " WHERE report_id = ANY(%s)",
            [ids],
        )
        cursor.execute(
            "UPDATE intake_report SET reference = id::text, language = '', correlation_id = '',"
            " identity_id = NULL, erased_at = %s WHERE id = ANY(%s) AND erased_at IS NULL",
            [now, ids],
        )
        return int(cursor.rowcount)


def forget_messages(*, actor: Actor, report_ids: Sequence[UUID]) -> None:
    """Delete the conversations of these reports; their sealed words are the vault's to erase."""
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM intake_message WHERE report_id = ANY(%s)", [list(report_ids)])


def forget_identities(*, actor: Actor, report_ids: Sequence[UUID]) -> None:
    """Note that the reporters' identities of these reports are gone."""
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE intake_report SET identity_id = NULL WHERE id = ANY(%s)", [list(report_ids)]
        )


def require_hold(actor: Actor, report_id: UUID) -> int:
    """Return the desk of a report that the actor holds, lets go and reviews.

    Raises:
        Refused: out of reach, or without the right.
    """
    require_somewhere(actor, "retention.hold")
    facts = queries.get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if facts is None:
        raise Refused("retention.hold", Reason.OUT_OF_SCOPE)
    require(actor, "retention.hold", Resource(desk_id=facts.desk_id))
    return facts.desk_id


def _log(*, actor: Actor, action: str, report_id: UUID, now: datetime) -> None:
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[ledger.ObjectRef(kind="report", id=report_id)],
    )
