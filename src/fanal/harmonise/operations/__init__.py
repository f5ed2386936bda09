"""Write operations of harmonise: batches of reports, disclosure of a reporter's identity, erasure."""

from fanal.harmonise.operations.batch import harmonise_batch, hash_files, reveal_reporter, source_of
from fanal.harmonise.operations.identity import (
    IDENTITY_NOTICE,
    IdentityUnknown,
    MotiveRefused,
    erase,
    open_identity,
    reporters_values,
    see_opening,
)

__all__ = [
    "IDENTITY_NOTICE",
    "IdentityUnknown",
    "MotiveRefused",
    "erase",
    "harmonise_batch",
    "hash_files",
    "open_identity",
    "reporters_values",
    "reveal_reporter",
    "see_opening",
    "source_of",
]
