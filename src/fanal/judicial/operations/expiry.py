"""What expiry takes from judicial: facts, written accounts and proofs; states, dates and digests stay."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.judicial.models import StoredSheet
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger

_NOBODY = UUID(int=0)
"""What stands for the payer of a sheet whose structure has expired too."""
_ACTIONS = {"referral": "referral.erase", "sheet": "sheet.erase"}


def erase_words(
    *, actor: Actor, referral_ids: Sequence[UUID], sheet_ids: Sequence[UUID], now: datetime
) -> int:
    """Erase facts, accounts and proofs of referrals and sheets; return how many texts went.

    Whether a hold or a date forbids it is the caller's question. Erasing twice is harmless.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT judicial_erase_words(%s::uuid[], %s::uuid[])",
            [list(referral_ids), list(sheet_ids)],
        )
        erased = int(cursor.fetchone()[0])
        for kind, ids in (("referral", referral_ids), ("sheet", sheet_ids)):
            if ids:
                ledger.record_batch(
                    actor=actor,
                    action=_ACTIONS[kind],
                    at=now,
                    kind=kind,
                    items=[(one, b"") for one in ids],
                    detail={"count": len(ids)},
                )
    return erased


def erase_payers(*, actor: Actor, sheet_ids: Sequence[UUID]) -> int:
    """Take the payer's digest out of sheets whose words expired; return how many.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    return StoredSheet.objects.filter(id__in=sheet_ids).update(payer=_NOBODY)
