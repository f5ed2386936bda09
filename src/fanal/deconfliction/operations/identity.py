"""The installation's Ed25519 key pair: private key sealed in the vault, rotation, public key for others.

It signs messages of deconfliction and, with another prefix, packages for other desks (ADR 0039).
"""

from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction

from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.deconfliction import queries
from fanal.deconfliction.operations.rounds import drop_rounds
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.vault.domain.records import Sealable
from fanal.vault.operations.erase import erase
from fanal.vault.operations.opening import open_batch
from fanal.vault.operations.sealing import seal_batch

_LOCK = 0x44434B4559  # "DCKEY"
_KIND = "deconfliction_key"


def ensure_identity(*, actor: Actor, now: datetime) -> bytes:
    """Return the public key of this installation (Ed25519, 32 bytes); create the key pair if there is none.

    Raises:
        Refused: the actor may not manage counterparts (other organisations).
    """
    require(actor, "deconfliction.keep")
    with transaction.atomic():
        _wait_for_others()
        known = queries.public_key()
        return _make(actor, now, replaces=False) if known is None else known


def rotate_identity(*, actor: Actor, now: datetime) -> bytes:
    """Replace the installation's key pair and return the new public key; the old private key is erased.

    Other organisations that pinned the previous public key refuse our signatures until they register the new
    one. Open rounds of private set intersection are closed: points depend on the public keys, so old and new
    points would never match.

    Raises:
        Refused: the actor may not manage counterparts.
        Refusal: NO_KEY, there is none to replace.
    """
    require(actor, "deconfliction.keep")
    with transaction.atomic():
        _wait_for_others()
        before = _newest()
        if before is None:
            raise Refusal("deconfliction", "NO_KEY")
        drop_rounds(actor=actor, now=now, error="OUR_KEY")
        public = _make(actor, now, replaces=True)
        erase(actor=actor, owner_ids=[before], kinds=[_KIND], now=now, right="deconfliction.keep")
    return public


def signing_key(*, now: datetime, purpose: str) -> Ed25519PrivateKey:
    """Return the private key that signs for this installation; `purpose` is recorded with its decryption.

    Raises:
        Refusal: NO_KEY, none was created yet.
        KeyMissing, BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway: the vault does not hold the key, or
            the bytes are missing, altered or out of reach.
    """
    object_id = _newest()
    if object_id is None:
        raise Refusal("deconfliction", "NO_KEY")
    opened = open_batch(
        actor=system_actor(purpose), object_ids=[object_id], now=now, purpose=purpose
    )
    return Ed25519PrivateKey.from_private_bytes(opened[object_id])


def _wait_for_others() -> None:
    """Take an advisory lock, so that two processes do not create a key pair at the same time."""
    sql.run("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _newest() -> UUID | None:
    """Return the id of the vault object that holds the private key in use, None if there is no key."""
    row = sql.row(
        "SELECT object_id FROM deconfliction_identity ORDER BY made_at DESC, object_id DESC LIMIT 1"
    )
    return None if row is None else row[0]


def _make(actor: Actor, now: datetime, *, replaces: bool) -> bytes:
    made, object_id = Ed25519PrivateKey.generate(), new_id(now)
    sealable = Sealable(
        id=object_id, owner_id=object_id, kind=_KIND, plaintext=made.private_bytes_raw()
    )
    seal_batch(items=[sealable], now=now)
    public = made.public_key().public_bytes_raw()
    sql.run(
        "INSERT INTO deconfliction_identity (public_key, object_id, made_at) VALUES (%s, %s, %s)",
        [public, object_id, now],
    )
    ledger.record(
        actor=actor,
        action="deconfliction.key",
        at=now,
        objects=[ObjectRef(kind="key", id=object_id)],
        detail={"replaces": int(replaces)},
    )
    return public
