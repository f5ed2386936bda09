"""Public write operations of the vault: sealing, opening, erasure, rewrapping of keys."""

from fanal.vault.domain.records import Sealable, SealedObject
from fanal.vault.operations.erase import erase
from fanal.vault.operations.opening import (
    ObjectUnknown,
    Stream,
    open_batch,
    open_object,
    open_stream,
    open_streams,
)
from fanal.vault.operations.sealing import StreamTooLarge, rewrap, seal_batch, seal_stream

__all__ = [
    "ObjectUnknown",
    "Sealable",
    "SealedObject",
    "Stream",
    "StreamTooLarge",
    "erase",
    "open_batch",
    "open_object",
    "open_stream",
    "open_streams",
    "rewrap",
    "seal_batch",
    "seal_stream",
]
