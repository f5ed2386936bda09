"""Writes of harmonise: a batch of reports, a reporter's identity opened by a named act, erasure."""

from fanal.harmonise.operations.batch import harmonise_batch, reveal_reporter, source_of
from fanal.harmonise.operations.erase import erase
from fanal.harmonise.operations.hashing import hash_files
from fanal.harmonise.operations.identity import (
    IDENTITY_NOTICE,
    IdentityUnknown,
    MotiveRefused,
    open_identity,
    see_opening,
)
from fanal.harmonise.operations.leaving import reporters_values

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
