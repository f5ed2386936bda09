"""One change of one list: its number, given under a lock so that numbers commit in their order."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger

_CHANGE_LOCK = 7_310_420_002


class Change:
    """A change that takes its number with its first row; one that changed nothing leaves no trace."""

    def __init__(self, *, actor: Actor, list_id: UUID, now: datetime) -> None:
        self.list_id, self.now = list_id, now
        self.added = 0
        self._actor = actor
        self._changed = 0
        self._withdrawn = 0
        self._number: int | None = None

    @property
    def number(self) -> int:
        """The number of this change; the next one waits until it is committed or undone."""
        if self._number is None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHANGE_LOCK])
                cursor.execute(
                    "SELECT 1 + greatest((SELECT max(change) FROM analyse_entry),"
                    " (SELECT max(number) FROM analyse_change), 0)"
                )
                self._number = int(cursor.fetchone()[0])
        return self._number

    def withdraw(self, entry_ids: Sequence[UUID]) -> None:
        """Make tombstones of these rows."""
        self._end(entry_ids)
        self._withdrawn += len(entry_ids)

    def replace(self, entry_ids: Sequence[UUID]) -> None:
        """End rows whose values come back in this change with another class."""
        self._end(entry_ids)
        self._changed += len(entry_ids)

    def finish(self) -> None:
        """Count the list's version up and keep what the change did, where it did anything."""
        if self._number is None:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO analyse_change"
                " (number, list_id, at, actor_id, added, changed, withdrawn)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                [
                    self._number,
                    self.list_id,
                    self.now,
                    self._actor.person_id,
                    self.added,
                    self._changed,
                    self._withdrawn,
                ],
            )
        touch_list(self.list_id, now=self.now)

    def _end(self, entry_ids: Sequence[UUID]) -> None:
        if not entry_ids:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE analyse_entry SET withdrawn_at = %s, change = %s WHERE id = ANY(%s::uuid[])",
                [self.now, self.number, list(entry_ids)],
            )


def touch_list(list_id: UUID, *, now: datetime) -> None:
    """Count a list's version up: results from now on rest on something else."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE analyse_list SET version = version + 1, changed_at = %s WHERE id = %s",
            [now, list_id],
        )


def tell_change(actor: Actor, action: str, list_id: UUID, *, count: int, now: datetime) -> None:
    """Write a change of a list to the ledger: how many entries, never which values."""
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[ledger.ObjectRef(kind="list", id=list_id)],
        detail={"count": count},
    )
