"""The writing door of crosscheck: batches, judgements, erasure."""

from fanal.crosscheck.operations.assemble import rebuild
from fanal.crosscheck.operations.batch import crosscheck_batch
from fanal.crosscheck.operations.erase import erase
from fanal.crosscheck.operations.judge import JudgementRefused, judge

__all__ = ["JudgementRefused", "crosscheck_batch", "erase", "judge", "rebuild"]
