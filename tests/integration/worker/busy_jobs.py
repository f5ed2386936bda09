"""A worker one of whose jobs holds the interpreter's lock for hours: `re`, backtracking without end.

Its keeper gives it few seconds.
"""

import re

import fanal.worker.__main__ as worker
from fanal.worker import job_process, upkeep


def _for_ever(**_: object) -> None:
    re.match(r"(?:a+)+$", "a" * 60 + "b")


upkeep.forget_challenges = _for_ever
job_process.HELD, job_process.SILENT = 3.0, 20.0
worker.main()
