"""A worker whose reader of sentences takes quadratic time, as one that nobody has found yet.

`re` holds the interpreter's lock meanwhile: no thread of this process runs. Its watch gives it few seconds.
"""

import re

import fanal.worker.__main__ as worker
from fanal.analyse.signals.domain import text
from fanal.worker import watch

text._TOKEN_OR_END = re.compile(rf"[.!?…;]+(?=\s|$)|[\n\r]+|{text._WORD}|[€$£]")
text._SENTENCE_END = re.compile(r"[.!?…;]+(?=\s|$)|[\n\r]+")
watch.Watch.__init__.__kwdefaults__ = {"together": 6.0, "alone": 4.0, "silent": 60.0}
worker.main()
