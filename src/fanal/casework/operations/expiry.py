"""What expiry takes from acts: documents, proofs, reasons; states, dates, people and digests stay."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger


def erase_words(*, actor: Actor, kind: str, act_ids: Sequence[UUID], now: datetime) -> int:
    """Erase what acts of a kind say; return how many had something to say.

    Whether a hold or a date forbids it is the caller's question. Erasing twice is harmless.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    if not act_ids:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT casework_erase_words(%s::uuid[])", [list(act_ids)])
        erased = int(cursor.fetchone()[0])
        ledger.record_batch(
            actor=actor,
            action=f"{kind}.erase",
            at=now,
            kind=kind,
            items=[(act_id, b"") for act_id in act_ids],
            detail={"count": len(act_ids)},
        )
    return erased


def forget_subjects(*, actor: Actor, act_ids: Sequence[UUID]) -> int:
    """Take out of acts what they are about, once their structure has expired too; return how many.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        cursor.execute("SELECT casework_forget_subjects(%s::uuid[])", [list(act_ids)])
        return int(cursor.fetchone()[0])
