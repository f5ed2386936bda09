"""What expiry takes from lists: entries that were withdrawn long ago, and why matches were suspended."""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor


def forget_withdrawn(
    *, actor: Actor, before: datetime, limit: int = 5000
) -> tuple[int, list[UUID]]:
    """Delete values withdrawn before `before`; return how many, and the items of which none is left.

    Suspensions that ended before then go with the words of whoever ended them.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM analyse_entry WHERE id IN (SELECT id FROM analyse_entry"
            " WHERE withdrawn_at < %s ORDER BY withdrawn_at LIMIT %s) RETURNING item_id",
            [before, limit],
        )
        touched = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "SELECT t.item_id FROM unnest(%s::uuid[]) AS t (item_id) WHERE NOT EXISTS"
            " (SELECT FROM analyse_entry e WHERE e.item_id = t.item_id)",
            [list(set(touched))],
        )
        gone = [row[0] for row in cursor.fetchall()]
        cursor.execute("DELETE FROM analyse_aside WHERE ended_at < %s", [before])
    return len(touched), gone
