"""Proof of the entries about one object: their bytes, their leaf, and the signed root that holds it."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db import connection

from fanal.kernel.actors import Actor
from fanal.ledger import signer
from fanal.ledger.domain import canonical
from fanal.ledger.domain.checkpoint import Checkpoint
from fanal.ledger.domain.merkle import root_of
from fanal.ledger.queries import entries_of, list_checkpoints

MOST_LEAVES = 100_000
"""Above this, a page does not recompute the root: `fanal ledger verify` does."""


class ProofState(StrEnum):
    """How far an entry is proved."""

    PENDING = "PENDING"
    NUMBERED = "NUMBERED"
    PROVED = "PROVED"
    NOT_PROVED = "NOT_PROVED"
    CHANGED = "CHANGED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectProofs:
    """The state of each entry about an object, under the newest signed checkpoint (None before it)."""

    checkpoint: Checkpoint | None
    states: dict[UUID, ProofState]


def prove_object(*, actor: Actor, object_id: UUID) -> ObjectProofs:
    """Recompute the leaves of an object's entries, and the root of the newest checkpoint over all leaves.

    PENDING: not numbered yet. NUMBERED: after the newest checkpoint. PROVED: the bytes give the leaf, and
    all leaves give the signed root. NOT_PROVED: too many leaves for a page. CHANGED: they do not agree.

    Raises:
        Refused: the actor may not read the ledger.
        CheckpointRefused: a stored checkpoint does not verify.
        SignerMissing: no ledger keys are installed.
    """
    ids = [line.id for line in entries_of(actor=actor, object_id=object_id)]
    checkpoint = max(
        list_checkpoints(keys=signer.current().known_keys), key=lambda c: c.size, default=None
    )
    sound = _root_agrees(checkpoint)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.id, c.seq, e.body, e.db_at, e.writer, c.leaf_hash FROM ledger_entry e"
            " LEFT JOIN ledger_chain c ON c.entry_id = e.id WHERE e.id = ANY(%s)",
            [ids],
        )
        rows = cursor.fetchall()
    states = {}
    for entry_id, seq, body, db_at, writer, leaf in rows:
        agrees = leaf is not None and (
            canonical.leaf_hash(body=bytes(body), db_at=db_at, writer=writer) == bytes(leaf)
        )
        states[entry_id] = _state(seq, agrees=agrees, checkpoint=checkpoint, sound=sound)
    return ObjectProofs(checkpoint=checkpoint, states=states)


def _state(
    seq: int | None, *, agrees: bool, checkpoint: Checkpoint | None, sound: bool | None
) -> ProofState:
    if seq is None:
        return ProofState.PENDING
    if not agrees or sound is False:
        return ProofState.CHANGED
    if checkpoint is None or seq > checkpoint.size:
        return ProofState.NUMBERED
    return ProofState.NOT_PROVED if sound is None else ProofState.PROVED


def _root_agrees(checkpoint: Checkpoint | None) -> bool | None:
    """Return whether all leaves give the signed root; None where that was not recomputed."""
    if checkpoint is None or checkpoint.size > MOST_LEAVES:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT leaf_hash FROM ledger_chain WHERE seq <= %s ORDER BY seq", [checkpoint.size]
        )
        leaves = [bytes(row[0]) for row in cursor.fetchall()]
    return len(leaves) == checkpoint.size and root_of(leaves) == checkpoint.root
