"""Erasure at expiry: findings go with their report; withdrawn entries and old suspensions by their age."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.analyse.operations.payers import forget_payments
from fanal.db import sql
from fanal.kernel.actors import Actor

# What expiry takes from lists: entries that were withdrawn long ago, and why matches were suspended.


def forget_withdrawn(
    *, actor: Actor, before: datetime, limit: int = 5000
) -> tuple[int, list[UUID]]:
    """Delete values withdrawn before `before`; return how many, and the items of which none is left.

    Suspensions that ended before then go with the words of whoever ended them.

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
