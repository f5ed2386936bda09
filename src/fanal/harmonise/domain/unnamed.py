"""Texts without whoever reported: what leaves the desk names nobody who trusted it (decisions 8)."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Final

from fanal.harmonise.domain.search import fold

MARK: Final = "[…]"
"""Stands where a text named its reporter."""
_SHORTEST: Final = 3
"""Letters of a value that is looked for: with fewer it is a word of every other sentence."""
_SHORTEST_INSIDE: Final = 6
"""Letters from which a value is found within other letters, as in a user name."""
_APART: Final = "\\s.\\-'\u2019\u2010-\u2015\u00ad\u200b-\u200d\u2060\ufeff"
"""What may stand between two letters of a value: spaces, dots, dashes, apostrophes, signs without width."""
_BETWEEN: Final = f"[{_APART}]{{0,2}}"
_BETWEEN_SIGNS: Final = re.compile(f"[{_APART}]+")
_NUMBER: Final = re.compile(r"\+?\d[\d .()/\u00a0\u202f\-]{5,20}\d")
_NOT_DIGITS: Final = re.compile(r"\D")


def without_reporter(text: str, own: frozenset[str]) -> str:
    """Return a text with `MARK` in place of each of a reporter's values that stands there whole.

    Case, accents and what stands between letters do not count; of a name the family name may come first.
    Single words of a longer name stay, which are often those of a family, or of everybody; a value of one
    word, or a short one, is whole where it stands as a word.
    """
    if not own:
        return text
    longest_first = sorted(own, key=lambda whole: (-len(whole), whole))
    numbers = {digits[-9:] for whole in own if len(digits := _digits(whole)) >= _SHORTEST_INSIDE}
    folded, places = _placed(text)
    letters = _BETWEEN_SIGNS.sub("", folded)
    for order, alone in (way for whole in longest_first for way in _orders(whole)):
        if order not in letters:  # a pattern costs milliseconds to make, and next to none is found
            continue
        spans = list(_spans(text, _pattern(order, alone=alone).finditer(folded), places))
        for start, end in reversed(spans):
            text = text[:start] + MARK + text[end:]
        if spans:
            folded, places = _placed(text)
            letters = _BETWEEN_SIGNS.sub("", folded)
    return _NUMBER.sub(partial(_marked, numbers=tuple(numbers)), text) if numbers else text


def _digits(text: str) -> str:
    return _NOT_DIGITS.sub("", text)


def _marked(found: re.Match[str], *, numbers: tuple[str, ...]) -> str:
    return MARK if _digits(found[0]).endswith(numbers) else found[0]


def _orders(whole: str) -> Iterator[tuple[str, bool]]:
    """Yield the letters by which a value is found in folded text, and whether it must stand as a word.

    Nothing where it is too short.
    """
    words = [word for word in _BETWEEN_SIGNS.split(fold(whole)) if word]
    letters = "".join(words)
    if len(letters) < _SHORTEST:
        return
    for order in sorted({letters, "".join((words[-1], *words[:-1]))}):
        yield order, len(order) < _SHORTEST_INSIDE or (len(words) == 1 and order.isalpha())


@lru_cache(maxsize=256)
def _pattern(order: str, *, alone: bool) -> re.Pattern[str]:
    """Return what finds letters with signs between them, within other letters or not."""
    pattern = _BETWEEN.join(map(re.escape, order))
    return re.compile(rf"(?<!\w){pattern}(?!\w)" if alone else pattern)


def _spans(
    text: str, found: Iterable[re.Match[str]], places: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Yield from where to where a text holds what was found in its folded form."""
    for match in found:
        end = places[match.end() - 1] + 1
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1  # an accent written apart goes with its letter
        yield places[match.start()], end


def _placed(text: str) -> tuple[str, Sequence[int]]:
    """Return `fold(text)`, which folds letter by letter, and from which place in `text` each of it comes."""
    if text.isascii():
        return text.lower(), range(len(text))
    each = [letter.lower() if letter.isascii() else fold(letter) for letter in text]
    return "".join(each), [place for place, letters in enumerate(each) for _ in letters]
