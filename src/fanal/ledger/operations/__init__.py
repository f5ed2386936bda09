"""The writing door of the ledger: entries, their numbers, checkpoints, expiry of motives."""

from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.operations.recording import (
    MOTIVES_KEPT,
    MotiveMissing,
    expire_motives,
    keyed_digest,
    record,
    record_batch,
)
from fanal.ledger.operations.searches import question_id, record_search, searched_id
from fanal.ledger.operations.sequence import sequence_pending, sign_checkpoint, store_subtrees

__all__ = [
    "MOTIVES_KEPT",
    "MotiveMissing",
    "ObjectRef",
    "expire_motives",
    "keyed_digest",
    "question_id",
    "record",
    "record_batch",
    "record_search",
    "searched_id",
    "sequence_pending",
    "sign_checkpoint",
    "store_subtrees",
]
