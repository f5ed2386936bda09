"""Erasure at expiry: findings cite what people wrote, so they go with the report."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.analyse.operations.payers import forget_payments
from fanal.kernel.actors import Actor

_EMPTY = b"\x78\x9c\x8b\x8e\x05\x00\x01\x15\x00\xb9"  # zlib of `[]`


def erase(  # every stage erases under one signature
    *,
    actor: Actor,
    report_ids: Sequence[UUID],
    now: datetime,  # noqa: ARG001
) -> int:
    """Empty findings and reasons of `report_ids` in all revisions, and who pays whom; return how many rows.

    Scores, levels and rule versions stay: they name nobody. The caller writes the ledger entry of the
    expiry, which covers every stage; `now` is the instant of that entry.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    emptied = 0
    with transaction.atomic(), connection.cursor() as cursor:
        for table, column in (("analyse_result", "findings"), ("analyse_priority", "parts")):
            cursor.execute(
                f"UPDATE {table} SET {column} = %s"  # noqa: S608 - names of this module
                f" WHERE report_id = ANY(%s::uuid[]) AND {column} <> %s",
                [_EMPTY, list(report_ids), _EMPTY],
            )
            emptied += cursor.rowcount
        emptied += forget_payments(report_ids)
    return emptied
