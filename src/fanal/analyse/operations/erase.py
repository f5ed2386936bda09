"""Erasure at expiry: findings with their report; withdrawn list entries and past suspensions by age."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.analyse.operations.payers import forget_payments
from fanal.db import sql
from fanal.kernel.actors import Actor

# Expiry in lists: entries withdrawn long ago, and past suspensions with their reasons.


def forget_withdrawn(
    *, actor: Actor, before: datetime, limit: int = 5000
) -> tuple[int, list[UUID]]:
    """Delete values withdrawn before `before`; return their number and the items left without any value.

    Suspensions that ended before `before` are deleted too, with their written reasons.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        found = sql.rows(
            "DELETE FROM analyse_entry WHERE id IN (SELECT id FROM analyse_entry"
            " WHERE withdrawn_at < %s ORDER BY withdrawn_at LIMIT %s) RETURNING item_id",
            [before, limit],
        )
        touched = [row[0] for row in found]
        found = sql.rows(
            "SELECT t.item_id FROM unnest(%s::uuid[]) AS t (item_id) WHERE NOT EXISTS"
            " (SELECT FROM analyse_entry e WHERE e.item_id = t.item_id)",
            [list(set(touched))],
        )
        gone = [row[0] for row in found]
        sql.run("DELETE FROM analyse_aside WHERE ended_at < %s", [before])
    return len(touched), gone


_EMPTY = b"\x78\x9c\x8b\x8e\x05\x00\x01\x15\x00\xb9"  # zlib of `[]`


def erase(  # every stage has the same signature for erasure
    *,
    actor: Actor,
    report_ids: Sequence[UUID],
    now: datetime,  # noqa: ARG001
) -> int:
    """Empty findings and priority parts of reports in all revisions, and delete their payments.

    Payers without any other payment are deleted too. Return the number of rows changed or deleted.

    Scores, levels and rule versions stay, since they name nobody. The caller writes the ledger entry of the
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
