"""Writes of harmonise: a batch of reports, the reporter's identity given back, erasure."""

from fanal.harmonise.operations.batch import (
    Batch,
    harmonise_batch,
    harmonise_sources,
    reveal_reporter,
)
from fanal.harmonise.operations.erase import erase

__all__ = ["Batch", "erase", "harmonise_batch", "harmonise_sources", "reveal_reporter"]
