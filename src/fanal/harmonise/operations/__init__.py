"""Writes of harmonise: a batch of reports, the reporter's identity given back, erasure."""

from fanal.harmonise.operations.batch import harmonise_batch, reveal_reporter
from fanal.harmonise.operations.erase import erase

__all__ = ["erase", "harmonise_batch", "reveal_reporter"]
