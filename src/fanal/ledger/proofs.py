"""Inclusion proofs of the entries on an object, under the newest signed checkpoint."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.ledger import signer
from fanal.ledger.domain import canonical
from fanal.ledger.domain.checkpoint import Checkpoint
from fanal.ledger.domain.merkle import (
    ProofRefused,
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from fanal.ledger.queries import entries_of, newest_checkpoint
from fanal.ledger.tree import LeavesMissing, StoredTree


class ProofState(StrEnum):
    """How far an entry is proved; see `prove_object`."""

    PENDING = "PENDING"
    NUMBERED = "NUMBERED"
    PROVED = "PROVED"
    CHANGED = "CHANGED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectProofs:
    """The proof state of each entry on an object, by entry id; `checkpoint`: the newest, None without any."""

    checkpoint: Checkpoint | None
    states: dict[UUID, ProofState]


def prove_object(*, actor: Actor, object_id: UUID) -> ObjectProofs:
    """Verify the entries on an object: recompute each leaf hash and its inclusion proof.

    PENDING: not numbered yet. NUMBERED: after the newest checkpoint. PROVED: the entry's bytes give the leaf,
    and its inclusion proof leads to the signed root. CHANGED: they disagree. A proof reads stored subtrees: a
    few queries per entry in a log of any size. At most the 500 oldest entries are verified.

    Raises:
        Refused: the actor may not read the ledger.
        CheckpointRefused: the newest stored checkpoint cannot be verified.
        SignerMissing: no ledger keys are installed.
    """
    ids = [line.id for line in entries_of(actor=actor, object_id=object_id)]
    checkpoint, tree = newest_checkpoint(keys=signer.current().known_keys), StoredTree()
    rows = sql.rows(
        "SELECT e.id, c.seq, e.body, e.db_at, e.writer, c.leaf_hash FROM ledger_entry e"
        " LEFT JOIN ledger_chain c ON c.entry_id = e.id WHERE e.id = ANY(%s)",
        [ids],
    )
    states = {}
    for entry_id, seq, body, db_at, writer, leaf in rows:
        if seq is None:
            states[entry_id] = ProofState.PENDING
        elif canonical.leaf_hash(body=bytes(body), db_at=db_at, writer=writer) != bytes(leaf):
            states[entry_id] = ProofState.CHANGED
        elif checkpoint is None or seq > checkpoint.size:
            states[entry_id] = ProofState.NUMBERED
        else:
            proved = _is_proved(bytes(leaf), seq=seq, checkpoint=checkpoint, tree=tree)
            states[entry_id] = ProofState.PROVED if proved else ProofState.CHANGED
    return ObjectProofs(checkpoint=checkpoint, states=states)


def _is_proved(leaf: bytes, *, seq: int, checkpoint: Checkpoint, tree: StoredTree) -> bool:
    """Return whether a leaf hash is that of entry `seq` (from 1) in a checkpoint's tree (RFC 6962, 2.1.1)."""
    try:
        path = inclusion_proof(tree.span, index=seq - 1, size=checkpoint.size)
        verify_inclusion(
            leaf_hash=leaf, index=seq - 1, size=checkpoint.size, proof=path, root=checkpoint.root
        )
    except (LeavesMissing, ProofRefused):
        return False
    return True


def is_consistent(*, earlier: Checkpoint, later: Checkpoint) -> bool:
    """Return whether the log of `earlier` is a prefix of that of `later` (RFC 6962, section 2.1.2)."""
    try:
        proof = consistency_proof(StoredTree().span, size1=earlier.size, size2=later.size)
        verify_consistency(
            size1=earlier.size,
            size2=later.size,
            root1=earlier.root,
            root2=later.root,
            proof=proof,
        )
    except (LeavesMissing, ProofRefused, ValueError):
        return False
    return True
