"""The files of proofs: sealed with their step, opened for the readers of the act, erased with its words."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from fanal.accounts.domain.policy import Resource, require
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.proofs import PROOF, ProofFile, clean_name, clean_type
from fanal.casework.domain.records import ActStep
from fanal.casework.models import Act, Step
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.operations import keyed_digest
from fanal.vault.domain.envelope import EnvelopeRefused
from fanal.vault.domain.records import Sealable
from fanal.vault.operations.erase import erase
from fanal.vault.operations.opening import ObjectUnknown, open_object
from fanal.vault.operations.sealing import seal_batch


class ProofUnknown(LookupError):
    """The act has no such file, or it has expired."""


def seal_proof(
    act_id: UUID, file: ProofFile, *, now: datetime
) -> tuple[dict[str, object], ObjectRef]:
    """Encrypt the file of a step into the vault; return the step's columns and a reference to the file.

    `act_id` is the act of the step. The columns, by name, hold the file's object id, SHA-256, size, type and
    name. The reference, for the ledger entry, has the keyed digest of the file's SHA-256, which the step
    keeps after expiry too. Call this in the transaction of the step: without the step the vault's row is not
    kept either.

    Raises:
        OSError: the vault's disk is unavailable; nothing is recorded.
    """
    item = Sealable(id=new_id(now), owner_id=act_id, kind=PROOF, plaintext=file.content)
    (sealed,) = seal_batch(items=[item], now=now)
    digest = keyed_digest(kind="object", object_id=sealed.id, content=bytes.fromhex(sealed.sha256))
    columns: dict[str, object] = {
        "proof_object": sealed.id,
        "proof_digest": sealed.sha256,
        "proof_size": sealed.size,
        "proof_type": clean_type(file.media_type),
        "proof_name": clean_name(file.name),
    }
    return columns, ObjectRef(kind="object", id=sealed.id, digest=digest)


def open_proof(
    *, actor: Actor, lifecycle: Lifecycle, act_id: UUID, object_id: UUID, now: datetime
) -> tuple[ActStep, bytes]:
    """Return the step with this file (`object_id`: its object in the vault) and the verified bytes.

    `lifecycle` is the kind of act. The access is recorded in the ledger before the file is decrypted; commit
    before the bytes are sent.

    Raises:
        ProofUnknown: no act of that kind, no such file of it, or it has expired.
        Refused: the actor may not read such acts at that desk.
        EnvelopeRefused, BlobMissing, BlobDamaged: the bytes are not those of the step.
        KeyMissing, VaultAway: as `vault.operations.open_object`.
    """
    row = Act.objects.filter(id=act_id, kind=lifecycle.kind).first()
    found = Step.objects.filter(act_id=act_id, proof_object=object_id).first()
    if row is None or found is None:
        raise ProofUnknown(str(object_id))
    require(actor, lifecycle.reads, Resource(desk_id=row.desk_id))
    try:
        content = open_object(
            actor=actor,
            object_id=object_id,
            now=now,
            purpose=actor.motive or row.kind.upper(),
            right=lifecycle.reads,
        )
    except ObjectUnknown:
        raise ProofUnknown(str(object_id)) from None
    # The vault compares with its own row; this is the digest that the step states.
    if hashlib.sha256(content).hexdigest() != found.proof_digest:
        raise EnvelopeRefused(f"object {object_id}: another content than its step states")
    return found.record(), content


def erase_proofs(*, actor: Actor, act_ids: Sequence[UUID], now: datetime) -> None:
    """Erase the files of these acts from the vault. Idempotent; called in the transaction of `erase_words`.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    rows = Step.objects.filter(act_id__in=act_ids, proof_object__isnull=False)
    owners = sorted(set(rows.values_list("act_id", flat=True)))
    erase(actor=actor, owner_ids=owners, now=now, kinds=[PROOF], motive="expiry")
