"""What expiry takes from measures: the request's bytes, host, addresses' keys, reasons, causes and proofs."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger


def erase_words(*, actor: Actor, measure_ids: Sequence[UUID], now: datetime) -> int:
    """Erase what measures say, and what was said of them in oversight; return how many measures.

    Kind, states, instants, people and the digest of the sent bytes stay. The record of a host's first
    information goes with the last measure on that host. Whether a hold or a date forbids it is the caller's
    question. Erasing twice is harmless.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    if not measure_ids:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT measures_erase_words(%s::uuid[], %s)", [list(measure_ids), now])
        erased = int(cursor.fetchone()[0])
        ledger.record_batch(
            actor=actor,
            action="measure.erase",
            at=now,
            kind="measure",
            items=[(one, b"") for one in measure_ids],
            detail={"count": len(measure_ids)},
        )
    return erased
