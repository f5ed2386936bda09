"""The spelling of short messages, read as plain words: `jvx` is "je veux" (`analyse/data/spelling.toml`).

Every word keeps the place of what was written, so that a citation shows the writer's own letters.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources

import msgspec
from msgspec import Struct

_NUMBER = "#number"


class _Letter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    word: str
    words: str
    before: frozenset[str]


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: int
    version: str
    words: Mapping[str, str]
    letter: tuple[_Letter, ...]


def read_plainly(words: Sequence[str]) -> Iterable[tuple[int, str]]:
    """Return, for words in compared form, the place of each and the word or words it is read as.

    One pass; a word that is spelt plainly comes back as it is.
    """
    return enumerate(words) if _SHORT.isdisjoint(words) else _spelt_out(words)


def _spelt_out(held: Sequence[str]) -> Iterator[tuple[int, str]]:
    for place, word in enumerate(held):
        letter = _LETTERS.get(word)
        if letter is not None and place + 1 < len(held) and _fits(letter, held[place + 1]):
            yield from ((place, part) for part in letter.words.split())
        else:
            yield from ((place, part) for part in _WORDS.get(word, word).split() or (word,))


def _fits(letter: _Letter, following: str) -> bool:
    return following in letter.before or (_NUMBER in letter.before and following.isdigit())


def _load() -> _File:
    text = resources.files("fanal.analyse").joinpath("data", "spelling.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _File)


_FILE = _load()
_WORDS = dict(_FILE.words)
_LETTERS = {letter.word: letter for letter in _FILE.letter}
_SHORT = frozenset(_WORDS) | frozenset(_LETTERS)
VERSION = _FILE.version
