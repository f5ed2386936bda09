"""Keeps what the trained model found alike, in place of what it found before."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.crosscheck.domain.encoding import pack_reasons
from fanal.crosscheck.domain.resembling import Resemblance
from fanal.crosscheck.operations.assemble import lock
from fanal.crosscheck.queries import state
from fanal.kernel.actors import Actor
from fanal.kernel.arrays import plain_array, uuid_array
from fanal.ledger import operations as ledger

_WRITE = (
    "INSERT INTO crosscheck_resemblance"
    " (report_id, other_id, desk_id, other_desk_id, score, model, reasons)"
    " SELECT r.report_id, r.other_id, r.desk_id, r.other_desk_id, r.score, %s, decode(r.reasons, 'hex')"
    " FROM unnest(%s::uuid[], %s::uuid[], %s::int[], %s::int[], %s::real[], %s::text[])"
    " AS r (report_id, other_id, desk_id, other_desk_id, score, reasons)"
)


def keep_resemblances(
    *, actor: Actor, found: Sequence[Resemblance], model: str, now: datetime
) -> int:
    """Keep the pairs that are not in one dossier already, in place of all before; return how many.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        lock()
        ends = {end for one in found for end in (one.report_id, one.other_id)}
        anchors = state.standing_of(ends).anchors
        desks = state.desks_of_reports(ends)
        kept = [
            one
            for one in found
            if one.report_id in desks
            and one.other_id in desks
            and (
                one.report_id not in anchors or anchors[one.report_id] != anchors.get(one.other_id)
            )
        ]
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM crosscheck_resemblance")
        _write(kept, desks, model)
        ledger.record(
            actor=actor,
            action="crosscheck.rebuild",
            at=now,
            objects=[],
            detail={"resemblances": len(kept), "model": model},
        )
    return len(kept)


def _write(kept: Sequence[Resemblance], desks: Mapping[UUID, int], model: str) -> None:
    if not kept:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            [
                model,
                uuid_array(one.report_id for one in kept),
                uuid_array(one.other_id for one in kept),
                plain_array(str(desks[one.report_id]) for one in kept),
                plain_array(str(desks[one.other_id]) for one in kept),
                plain_array(str(one.score()) for one in kept),
                plain_array(pack_reasons(one.reasons()).hex() for one in kept),
            ],
        )
