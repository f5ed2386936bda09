"""What expiry takes from the exchange of lists: the places and origins of items that are no more."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor


def forget_items(*, actor: Actor, item_ids: Sequence[UUID]) -> None:
    """Delete feed places of items without any value, and what their sources held.

    A member that has not read a list for the whole retention period gets no tombstone of them.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        for table in ("exchange_feed", "exchange_taken"):
            cursor.execute(
                f"DELETE FROM {table} WHERE item_id = ANY(%s::uuid[])",  # noqa: S608 - named here
                [list(item_ids)],
            )
