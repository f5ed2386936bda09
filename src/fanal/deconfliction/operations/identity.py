"""The installation's own key: made once, sealed in the vault, its public half given to counterparts."""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.deconfliction import queries
from fanal.deconfliction.domain.refusal import DeconflictionRefused
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.vault import operations as vault
from fanal.vault.domain.records import Sealable

_LOCK = 0x44434B4559  # "DCKEY"


def ensure_identity(*, actor: Actor, now: datetime) -> bytes:
    """Return the public key (32 octets, Ed25519) of this installation; made when there is none.

    Raises:
        Refused: the actor keeps no counterparts.
    """
    require(actor, "deconfliction.keep")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        known = queries.public_key()
        if known is not None:
            return known
        made, object_id = Ed25519PrivateKey.generate(), new_id(now)
        vault.seal_batch(
            items=[
                Sealable(
                    id=object_id,
                    owner_id=object_id,
                    kind="deconfliction_key",
                    plaintext=made.private_bytes_raw(),
                )
            ],
            now=now,
        )
        public = made.public_key().public_bytes_raw()
        cursor.execute(
            "INSERT INTO deconfliction_identity (public_key, object_id, made_at) VALUES (%s, %s, %s)",
            [public, object_id, now],
        )
        ledger.record(
            actor=actor,
            action="deconfliction.key",
            at=now,
            objects=[ledger.ObjectRef(kind="key", id=object_id)],
        )
    return public


def signing_key(*, now: datetime) -> Ed25519PrivateKey:
    """Return the key that signs our messages; the entry of the message says what it was opened for.

    Raises:
        DeconflictionRefused: NO_KEY, none was made yet.
        KeyMissing, BlobMissing, BlobDamaged, VaultAway: as `vault.open_batch`.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT object_id FROM deconfliction_identity")
        row = cursor.fetchone()
    if row is None:
        raise DeconflictionRefused("NO_KEY")
    opened = vault.open_batch(
        actor=system_actor("sign a message of de-confliction"),
        object_ids=[row[0]],
        now=now,
        purpose="sign a message of de-confliction",
    )
    return Ed25519PrivateKey.from_private_bytes(opened[row[0]])
