"""A worker that never ends looking for what is similar to one report: `re`, backtracking without end.

Its watch gives it few seconds, and those of the argument by the clock while it shows nothing.
"""

import re
import sys

import msgspec

import fanal.worker.__main__ as worker
from fanal.crosscheck.similar.domain.sketch import Sketcher
from fanal.worker import watch

_sketch = Sketcher.sketch


def _for_ever(self: Sketcher, record: object) -> object:
    if b"holds for ever" in msgspec.json.encode(record):
        re.match(r"(?:a+)+$", "a" * 60 + "b")
    return _sketch(self, record)


Sketcher.sketch = _for_ever
watch.Watch.__init__.__kwdefaults__ = {"together": 4.0, "alone": 4.0, "silent": float(sys.argv[1])}
worker.main()
