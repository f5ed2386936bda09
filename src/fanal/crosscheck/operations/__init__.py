"""Write operations of crosscheck: link a batch, record judgements, rebuild, store suggestions, erase."""

from fanal.crosscheck.operations.batch import crosscheck_batch
from fanal.crosscheck.operations.judge import JudgementRefused, judge, judge_suggestion
from fanal.crosscheck.operations.rebuild import Rebuilt, rebuild
from fanal.crosscheck.operations.similar import (
    AT_ONCE as NEAR_AT_ONCE,
    keep_resemblances,
    renew_near,
    stop_near,
)
from fanal.crosscheck.operations.store import erase

__all__ = [
    "NEAR_AT_ONCE",
    "JudgementRefused",
    "Rebuilt",
    "crosscheck_batch",
    "erase",
    "judge",
    "judge_suggestion",
    "keep_resemblances",
    "rebuild",
    "renew_near",
    "stop_near",
]
