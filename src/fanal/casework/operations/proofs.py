"""The files that prove steps of official acts: sealed with the step, opened for readers, erased at expiry."""

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
    """The official act has no such file, or the file has expired."""


def seal_proof(
    act_id: UUID, file: ProofFile, *, now: datetime
) -> tuple[dict[str, object], ObjectRef]:
    """Encrypt the file that proves a step into the vault; return columns and reference to record it.

    `act_id` is the official act. The columns of the step, by name: `proof_object` (id of the file's object),
    `proof_digest` (SHA-256), `proof_size`, `proof_type` and `proof_name`. The reference, for the ledger
    entry, has the keyed digest of the file's SHA-256, which the step keeps after expiry too. Call this in the
    transaction of the step: without the step the vault's row is not kept either.

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
    """Return a step of an official act and the verified bytes of the file that proves it.

    `lifecycle` is the kind of act, `object_id` the file's object in the vault. The access is recorded in the
    ledger before the file is decrypted; commit before the bytes are sent.

    Raises:
        ProofUnknown: no act of that kind, no such file of it, or it has expired.
        Refused: the actor may not read such acts at that desk.
        EnvelopeRefused, BlobMissing, BlobDamaged: the bytes are not those of the step.
        KeyMissing: this process does not hold the object's private key.
        VaultAway: the vault's disk does not respond.
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
    """Erase from the vault the files that prove steps of these official acts; idempotent.

    Called in the transaction of `erase_words`. `act_ids` without proofs are skipped.

    Raises:
        Refused: the actor may not run the processing stages.
        VaultNotOwn: another installation has taken the vault over.
    """
    rows = Step.objects.filter(act_id__in=act_ids, proof_object__isnull=False)
    owners = sorted(set(rows.values_list("act_id", flat=True)))
    erase(actor=actor, owner_ids=owners, now=now, kinds=[PROOF], motive="expiry")
