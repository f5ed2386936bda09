"""Passages of a text: runs of words without case, accents and figures, of which a sample is kept.

The sample is the smallest digests (Broder 1997: the smallest under one random order are a fair sample of a
set), a share of a long text and more of a short one. Who has no key can tell no word from a digest.
"""

import re
from collections.abc import Iterator

from fanal.crosscheck.domain.near.rules import TextRule
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.search import fold

# Words of letters; scripts that set no blanks between words are read letter by letter.
_WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]+")
# Addresses, numbers and names on services change from copy to copy, and are compared as values.
_VALUE = re.compile(r"://|@|\d")


def passages_of(report: HarmonisedReport, rule: TextRule) -> Iterator[str]:
    """Yield the passages of a report's own texts, in their order; none where they are too short."""
    told = (part for part in _text(report)[: rule.characters].split() if not _VALUE.search(part))
    words = _WORD.findall(fold(" ".join(told)))
    if len(words) >= rule.least + rule.words - 1:
        yield from map(" ".join, zip(*(words[n:] for n in range(rule.words)), strict=False))


def sample(digests: set[int], rule: TextRule) -> list[int]:
    """Return the smallest of the digests of a text's passages; empty where they are too few."""
    if len(digests) < rule.least:
        return []
    return sorted(digests)[: max(rule.fewest, min(rule.most, len(digests) // rule.one_in))]


def _text(report: HarmonisedReport) -> str:
    texts = (report.description, *(message.text for message in report.conversation))
    return "\n".join(text for text in texts if text)
