"""Comparison of the names of organisations: whether two names may be spellings of one."""

import re
from difflib import SequenceMatcher
from typing import Final

from fanal.harmonise.domain.written_otherwise import skeleton

_SIMILAR: Final = 0.9
"""Share of letters in common, in order, from which two names count as one, misspelled: one wrong of ten."""
_WORD = re.compile(r"[^\W_]+")


def resembles(name: str, other: str) -> bool:
    """Return whether two names of organisations may be spellings of one name.

    Case, accents, look-alike letters, punctuation, blanks and the order of words do not count, and about one
    letter of ten may differ.

    >>> resembles("South desk", "DESK, south"), resembles("South desk", "North desk")
    (True, False)
    """
    first, second = _words(name), _words(other)
    if sorted(first) == sorted(second):
        return first != [] or name.casefold() == other.casefold()
    joined = "".join(first), "".join(second)
    return SequenceMatcher(None, *joined, autojunk=False).ratio() >= _SIMILAR


def _words(name: str) -> list[str]:
    return [skeleton(word) for word in _WORD.findall(name)]
