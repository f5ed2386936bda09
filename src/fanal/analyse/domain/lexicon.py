"""Lexicons: editable phrases per language, strictly validated, from `analyse/data/lexicons/*.toml`."""

import tomllib
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from importlib import resources
from typing import Literal

import msgspec
from msgspec import Struct

from fanal.analyse.domain.automaton import Automaton, expand
from fanal.analyse.domain.text import VERSION as SPELLING, normalize_word, running_words, tokenize

_SHORT_LINE = 500
_LINES_KEPT = 10_000


class LexiconRefused(ValueError):
    """Error: a lexicon file is invalid (file, field and reason)."""


class _Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the sections: refuses unknown keys."""


class Signal(_Strict, frozen=True, kw_only=True):
    """Phrases that raise a signal code; `weight` (0..1) is the score of a single phrase."""

    code: str
    category: str
    weight: float
    phrases: tuple[str, ...]


class Context(_Strict, frozen=True, kw_only=True):
    """Phrases that change the score of hits around them: `effect` is a factor (0 removes the hit).

    `scope`: NEGATION (just before or around the phrase), NOT_NEGATION (words of it are no negation),
    SENTENCE, NEAR (also the adjacent sentences of the message), NEXT (a retraction: this message and that
    speaker's message before), SPEAKER (all sentences of the speaker), TALK (the whole conversation), IDIOM
    (only phrases that share a word with it), NAMED (all sentences of a speaker with this name). `codes`
    limits it to these signals; empty means all.
    """

    code: str
    scope: Literal[
        "NEGATION", "NOT_NEGATION", "IDIOM", "SENTENCE", "NEAR", "NEXT", "SPEAKER", "NAMED", "TALK"
    ]
    effect: float = 0.0
    codes: tuple[str, ...] = ()
    phrases: tuple[str, ...]

    def covers(self, code: str) -> bool:
        """Return whether the context applies to signals of this code."""
        return not self.codes or code in self.codes


class LexiconFile(_Strict, frozen=True, kw_only=True):
    """The lexicon of a language, as in its file; `sets` are the named word sets of its phrases."""

    schema: int
    language: str
    version: str
    sets: dict[str, tuple[str, ...]]
    signal: tuple[Signal, ...]
    context: tuple[Context, ...]


class Lexicon:
    """All lexicons compiled into a single automaton, with the meaning of each phrase."""

    def __init__(self, files: Sequence[LexiconFile]) -> None:
        """Compile `files`; sets are per language, so each file's phrases use its own.

        Raises:
            PhraseRefused: a phrase breaks the grammar.
        """
        self.version = "+".join([*sorted(file.version for file in files), SPELLING])
        meanings: list[tuple[str, str, Signal | Context]] = [
            (phrase, file.language, entry)
            for file in files
            for entry in _entries(file)
            for written in entry.phrases
            for phrase in expand(written)
        ]
        self.meanings: tuple[Signal | Context, ...] = tuple(entry for _, _, entry in meanings)
        self.languages = tuple(language for _, language, _ in meanings)
        self.automaton = Automaton(
            [_qualify(phrase, language) for phrase, language, _ in meanings],
            {
                f"{file.language}:{name}": words
                for file in files
                for name, words in file.sets.items()
            },
        )
        self._lines: dict[bytes, bool] = {}
        self._signals = frozenset(
            number for number, entry in enumerate(self.meanings) if isinstance(entry, Signal)
        )
        negations = frozenset(
            normalize_word(phrase)
            for phrase, _, entry in meanings
            if isinstance(entry, Context) and entry.scope == "NEGATION" and len(phrase.split()) == 1
        )
        self.names_negation = tuple(
            self.automaton.names_word(number, negations) for number in range(len(self.meanings))
        )

    def signals_in(self, text: str) -> bool:
        """Return whether any sentence of `text` matches a signal phrase."""
        # A sentence ends with its line, and services repeat many lines, so answers are cached per line.
        return any(
            self._known_line(line) if len(line) <= _SHORT_LINE else self._read_line(line)
            for line in text.split("\n")
        )

    def _known_line(self, line: str) -> bool:
        """Return the cached answer for a line; the key is a digest, so no report text stays in memory."""
        mark = blake2b(line.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        answer = self._lines.get(mark)
        if answer is None:
            if len(self._lines) >= _LINES_KEPT:
                self._lines.clear()
            answer = self._lines[mark] = self._read_line(line)
        return answer

    def _read_line(self, line: str) -> bool:
        return self.automaton.meets(running_words(line), self._signals)

    def named(self, speaker: str) -> list[Context]:
        """Return the contexts that follow from a speaker's name alone ("maman", "coach")."""
        found = self.automaton.find([token.word for token in tokenize(speaker[:80])])
        meanings = (self.meanings[match.phrase] for match in found)
        return [m for m in meanings if isinstance(m, Context) and m.scope == "NAMED"]


def read_lexicon(text: str, *, name: str) -> LexiconFile:
    """Parse and validate the TOML text of a lexicon; `name` is used in messages.

    Raises:
        LexiconRefused: unknown or missing key, weight or effect outside 0..1, a code twice with the same
            weight.
    """
    try:
        file = msgspec.convert(tomllib.loads(text), LexiconFile)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise LexiconRefused(f"{name}: {error}") from error
    codes = [signal.code + "/" + str(signal.weight) for signal in file.signal]
    if len(codes) != len(set(codes)):
        raise LexiconRefused(f"{name}: a code stands twice with the same weight")
    if not all(0 < signal.weight <= 1 for signal in file.signal):
        raise LexiconRefused(f"{name}: a weight lies outside 0..1")
    if not all(0 <= context.effect <= 1 for context in file.context):
        raise LexiconRefused(f"{name}: an effect lies outside 0..1")
    return file


def shipped_lexicons() -> Mapping[str, str]:
    """Return name and text of each lexicon file of the package."""
    folder = resources.files("fanal.analyse").joinpath("data", "lexicons")
    return {
        entry.name: entry.read_text("utf-8")
        for entry in sorted(folder.iterdir(), key=lambda e: e.name)
        if entry.name.endswith(".toml")
    }


def load_lexicon() -> Lexicon:
    """Return the shipped lexicons, compiled."""
    return Lexicon([read_lexicon(text, name=name) for name, text in shipped_lexicons().items()])


def _entries(file: LexiconFile) -> list[Signal | Context]:
    return [*file.signal, *file.context]


def _qualify(phrase: str, language: str) -> str:
    return phrase.replace("<", f"<{language}:")
