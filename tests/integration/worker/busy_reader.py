"""A worker whose text model never ends with one text: `re`, backtracking without end.

Its watch gives it few seconds.
"""

import re
from collections.abc import Sequence

import fanal.worker.__main__ as worker
from fanal.analyse.signals import reading
from fanal.analyse.signals.domain.text import Segment, Utterance
from fanal.worker import watch

_segments = reading.segments


def _for_ever(said: Sequence[Utterance]) -> tuple[list[Segment], int]:
    if "holds for ever" in str(said):
        re.match(r"(?:a+)+$", "a" * 60 + "b")
    return _segments(said)


reading.segments = _for_ever
watch.Watch.__init__.__kwdefaults__ = {"together": 4.0, "alone": 4.0, "silent": 300.0}
worker.main()
