"""Key rotation: data keys are wrapped anew for the present public keys; the bytes stay as they are."""

from uuid import UUID

from django.db import connection, transaction

from fanal.kernel import rights
from fanal.kernel.actors import Actor
from fanal.vault import keyring, queries
from fanal.vault.domain.envelope import Wrapper, key_id, unwrap


def rewrap(
    *, actor: Actor, limit: int = 1000, after: UUID | None = None
) -> tuple[int, UUID | None]:
    """Wrap up to `limit` objects (ids above `after`) for the present keys.

    Return how many were wrapped and the id to go on after, None at the end. Each call is one
    transaction; rotation may be stopped and begun again at any time, since a row names its key.

    Raises:
        Refused: the actor is not the system.
        KeyMissing: an old opening key is not at hand.
        EnvelopeRefused: a wrapped key is damaged; nothing of this call is kept.
    """
    rights.require(actor, "pipeline.run")
    ring = keyring.current()
    present = [key_id(ring.content), key_id(ring.identity)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {queries.COLUMNS} FROM vault_object"  # noqa: S608 - constants
            " WHERE id > %s AND wrapped_key IS NOT NULL"
            " AND wrap_key_id <> ALL(%s) ORDER BY id LIMIT %s FOR UPDATE",
            [after or UUID(int=0), present, limit],
        )
        rows = [queries.stored(row) for row in cursor.fetchall()]
        wrappers = {
            kid: Wrapper(k) for kid, k in zip(present, (ring.content, ring.identity), strict=True)
        }
        changes = []
        for row in rows:
            wrapper = wrappers[key_id(ring.sealing_key(row.bound.kind))]
            old = ring.opening_key(row.wrap_key_id)
            data_key = unwrap(row.wrapped_key or b"", private=old, bound=row.bound)
            changes.append((wrapper.wrap(data_key, row.bound), wrapper.key_id, row.bound.id))
        cursor.executemany(
            "UPDATE vault_object SET wrapped_key = %s, wrap_key_id = %s WHERE id = %s", changes
        )
    return len(rows), rows[-1].bound.id if len(rows) == limit else None
