"""Values that people put into a list with an end leave on that day, without being said again."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.analyse.domain.listfile import Item
from fanal.analyse.operations.changes import Change, tell_change
from fanal.analyse.operations.lists import add_items
from fanal.kernel.actors import Actor

_PORTION: Final = 1_000
_Pair = tuple[str, str]


def end_values(
    *,
    actor: Actor,
    said_besides: Callable[[UUID, Sequence[_Pair]], Sequence[Item]],
    now: datetime,
) -> int:
    """Withdraw what people put into lists and whose stated end has come; return how many values that were.

    `said_besides` names what sources of a list say of these (kind, value) pairs: that comes back as theirs.
    It is asked while nobody else changes the list. Portions of a thousand, each a transaction of its own.

    Raises:
        Refused: the actor keeps no lists.
    """
    require(actor, "list.keep")
    count = 0
    while (found := _next_list(now)) is not None:
        list_id, name = found
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT id FROM analyse_list WHERE id = %s FOR UPDATE", [list_id])
            cursor.execute(
                "SELECT id, kind, value FROM analyse_entry WHERE list_id = %s AND ends_at <= %s"
                " AND withdrawn_at IS NULL ORDER BY ends_at, id LIMIT %s",
                [list_id, now, _PORTION],
            )
            over = cursor.fetchall()
            if not over:
                continue
            change = Change(actor=actor, list_id=list_id, now=now)
            change.withdraw([entry_id for entry_id, _, _ in over])
            change.finish()
            tell_change(actor, "list.end", list_id, count=len(over), now=now)
            if items := said_besides(list_id, [(kind, value) for _, kind, value in over]):
                add_items(actor=actor, name=name, items=items, now=now, own=False)
        count += len(over)
    return count


def _next_list(now: datetime) -> tuple[UUID, str] | None:
    """Return a list, with its name, in which something has come to its end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.id, l.name FROM analyse_entry e JOIN analyse_list l ON l.id = e.list_id"
            " WHERE e.ends_at <= %s AND e.withdrawn_at IS NULL LIMIT 1",
            [now],
        )
        row = cursor.fetchone()
    return None if row is None else (row[0], row[1])
