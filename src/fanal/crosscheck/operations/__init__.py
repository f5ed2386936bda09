"""The writing door of crosscheck: batches, judgements, erasure."""

from fanal.crosscheck.operations.batch import crosscheck_batch
from fanal.crosscheck.operations.erase import erase
from fanal.crosscheck.operations.judge import JudgementRefused, judge, judge_suggestion
from fanal.crosscheck.operations.rebuild import Rebuilt, rebuild

__all__ = [
    "JudgementRefused",
    "Rebuilt",
    "crosscheck_batch",
    "erase",
    "judge",
    "judge_suggestion",
    "rebuild",
]
