"""Lexicons: editable phrases per language, strictly validated, and their matching over words.

The files are `analyse/data/lexicons/*.toml`. Matching takes time linear in the text. A phrase is a sequence
of slots. All phrases of a lexicon form a single automaton (lazy DFA): its states are built on demand and kept
in a cache of bounded size, so that any text, even a hostile one, costs a constant per word. There is no
backtracking.

Grammar of a phrase (slots are separated by spaces; case and accents do not count)::

    word            that word                     a|b|c      one of these (`t'as|tas` may be two words)
    word*           any word that begins so       <set>      one of the words of a named set
    slot?           the slot may be missing       ...        up to three words of any kind
    #num            a number                      #age       a number from 4 to 17
    #hour           an hour (18h, 18h30, 6pm)
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from importlib import resources
from typing import Literal

import msgspec
from msgspec import Struct

from fanal.analyse.signals.domain.text import (
    BREAK,
    VERSION as SPELLING,
    normalize_word,
    running_words,
    tokenize,
    unmask_word,
)
from fanal.reference.reader import ReferenceRefused

GAP = 3
_ANY = "*"
_MAX_TRANSITIONS = 50_000
_MAX_WORDS = 100_000
_HOUR = re.compile(r"([01]?\d|2[0-3])(h|heures?|am|pm)([0-5]\d)?")
_NUMBER = re.compile(r"\d{1,6}")


class Match(Struct, frozen=True):
    """A match of a phrase in a sequence of words.

    `phrase` is the number of the phrase, `first` and `last` are the indexes of its first and last word
    (included).
    """

    phrase: int
    first: int
    last: int


class _Slot(Struct, frozen=True):
    atoms: frozenset[str]  # plain words, `prefix*`, `#class`, or `*` for any word
    optional: bool


_Position = tuple[int, int]  # a phrase number and the next slot to match


class _WordState:
    """A state of the automaton: positions reached in phrases, phrases that end here, known transitions."""

    __slots__ = ("accepts", "following", "positions")

    def __init__(self, positions: frozenset[_Position], accepts: tuple[int, ...]) -> None:
        self.positions = positions
        self.accepts = accepts
        self.following: dict[int, _WordState] = {}


class Automaton:
    """A matcher that finds all phrases of a list in a sequence of words. Not thread-safe.

    `sets` holds the words of each named set (`<set>` in a phrase). A phrase is identified by its index in
    `phrases`.
    """

    def __init__(self, phrases: Sequence[str], sets: Mapping[str, Sequence[str]]) -> None:
        """Compile the phrases; `sets` are the words of each named set that a phrase may use (`<set>`).

        Raises:
            ReferenceRefused: an empty phrase, an unknown set, a choice of more than one word, or a gap at the
                start or end.
        """
        self._phrases = [_parse(phrase, sets) for phrase in phrases]
        self._atoms = {a for phrase in self._phrases for slot in phrase for a in slot.atoms}
        self._prefixes = tuple(sorted(a[:-1] for a in self._atoms if a.endswith("*") and a != _ANY))
        self._starts = self._first_slots()
        self._classes: dict[str, int] = {}
        self._class_atoms: list[frozenset[str]] = [frozenset()]
        self._class_numbers: dict[frozenset[str], int] = {frozenset(): 0}
        self._forget()

    def names_word(self, phrase: int, words: frozenset[str]) -> bool:
        """Return whether the phrase of this number contains one of `words` literally.

        A gap (`...`) in the phrase contains none.
        """
        return any(not slot.atoms.isdisjoint(words) for slot in self._phrases[phrase])

    def find(self, words: Sequence[str]) -> list[Match]:
        """Return the matches in `words` (in normal form), in order of their last word.

        If a phrase matches in several ways that end with the same word, only the shortest match is
        returned.
        """
        classes = [self._class_of(word) for word in words]
        state = self._root
        found: list[Match] = []
        for index, class_id in enumerate(classes):
            state = state.following.get(class_id) or self._step(state, class_id)
            found.extend(
                Match(phrase, self._first(phrase, classes, index), index)
                for phrase in state.accepts
            )
        return found

    def meets(self, words: Sequence[str], phrases: frozenset[int]) -> bool:
        """Return whether one of `phrases` (numbers) matches in running words, within a single sentence.

        `words` are those of `text.running_words`, where `BREAK` ends a sentence.
        """
        classes, state = self._classes, self._root
        for word in words:
            if word == BREAK:
                state = self._root
                continue
            class_id = classes.get(word)
            if class_id is None:
                class_id = self._class_of(word)
            state = state.following.get(class_id) or self._step(state, class_id)
            if state.accepts and not phrases.isdisjoint(state.accepts):
                return True
        return False

    def _first_slots(self) -> dict[str, list[_Position]]:
        starts: dict[str, list[_Position]] = {}
        for number, slots in enumerate(self._phrases):
            for slot in self._reachable(number, 0):
                for atom in slots[slot].atoms if slot < len(slots) else ():
                    starts.setdefault(atom, []).append((number, slot))
        return starts

    def _forget(self) -> None:
        """Empty the cache of automaton states; states in use remain until their search ends."""
        self._root = _WordState(frozenset(), ())
        self._known = {(self._root.positions, self._root.accepts): self._root}
        self._transitions = 0

    def _class_of(self, word: str) -> int:
        """Return the index in `_class_atoms` of the set of slot conditions that a word satisfies (0: none).

        A slot is a position of a phrase. If the word satisfies none, its unmasked form (leet digits read as
        letters) is tried.
        """
        known = self._classes.get(word)
        if known is not None:
            return known
        if len(self._classes) >= _MAX_WORDS:
            self._classes.clear()
        atoms = frozenset(self._atoms_of(word) or self._atoms_of(unmask_word(word)))
        number = self._class_numbers.setdefault(atoms, len(self._class_atoms))
        if number == len(self._class_atoms):
            self._class_atoms.append(atoms)
        self._classes[word] = number
        return number

    def _atoms_of(self, word: str) -> set[str]:
        atoms = {word} & self._atoms
        atoms.update(f"{p}*" for p in self._prefixes if word.startswith(p))
        if _NUMBER.fullmatch(word):
            atoms.add("#num")
            if 4 <= int(word) <= 17:
                atoms.add("#age")
        if _HOUR.fullmatch(word):
            atoms.add("#hour")
        return atoms & self._atoms

    def _step(self, state: _WordState, class_id: int) -> _WordState:
        atoms = self._class_atoms[class_id]
        reached: set[_Position] = set()
        for atom in atoms:
            for phrase, slot in self._starts.get(atom, ()):
                reached.update((phrase, s) for s in self._reachable(phrase, slot + 1))
        for phrase, slot in state.positions:
            wanted = self._phrases[phrase][slot].atoms
            if _ANY in wanted or not atoms.isdisjoint(wanted):
                reached.update((phrase, s) for s in self._reachable(phrase, slot + 1))
        accepts = tuple(sorted({p for p, s in reached if s == len(self._phrases[p])}))
        positions = frozenset((p, s) for p, s in reached if s < len(self._phrases[p]))
        if self._transitions >= _MAX_TRANSITIONS:
            self._forget()
        following = self._known.setdefault((positions, accepts), _WordState(positions, accepts))
        state.following[class_id] = following
        self._transitions += 1
        return following

    def _reachable(self, phrase: int, slot: int) -> list[int]:
        """Return slot number `slot` of a phrase and the later slots reachable by skipping optional ones.

        A slot is an element of a phrase, numbered from 0. The number of slots itself means the end of the
        phrase.
        """
        slots, reached = self._phrases[phrase], [slot]
        while slot < len(slots) and slots[slot].optional:
            slot += 1
            reached.append(slot)
        return reached

    def _first(self, phrase: int, classes: Sequence[int], last: int) -> int:
        """Return the index of the first word of the shortest match of `phrase` that ends at word `last`.

        `classes` are the results of `_class_of` for the words.
        """
        slots = self._phrases[phrase]
        waiting = {len(slots)}
        for index in range(last, -1, -1):
            waiting = {s for w in waiting for s in _before(slots, w)}
            atoms = self._class_atoms[classes[index]]
            waiting = {
                s for s in waiting if _ANY in slots[s].atoms or not atoms.isdisjoint(slots[s].atoms)
            }
            if any(all(slot.optional for slot in slots[:s]) for s in waiting):
                return index
        return last


def _before(slots: Sequence[_Slot], slot: int) -> list[int]:
    """Return the numbers of the slots that can match the word just before position `slot` of a phrase.

    Several, if the nearest slots are optional. A slot is an element of a phrase, numbered from 0.
    """
    found = []
    while slot > 0:
        slot -= 1
        found.append(slot)
        if not slots[slot].optional:
            break
    return found


def expand(phrase: str) -> list[str]:
    """Return the phrases equivalent to a phrase with choices of several words (`t'as|tas` gives two).

    A phrase without such choices gives itself alone.
    """
    rows: list[list[str]] = [[]]
    for part in phrase.split():
        body = part.removesuffix("?")
        choices = body.split("|")
        long = [c for c in choices if not c.startswith("<") and len(tokenize(c)) > 1]
        if not long or part == "...":
            rows = [[*row, part] for row in rows]
            continue
        mark = part[len(body) :]
        short = "|".join(c for c in choices if c not in long)
        ways = [*long, *([short + mark] if short else [""] if mark else [])]
        rows = [[*row, way] for row in rows for way in ways]
    return [" ".join(filter(None, row)) for row in rows]


def _parse(phrase: str, sets: Mapping[str, Sequence[str]]) -> tuple[_Slot, ...]:
    slots: list[_Slot] = []
    for part in phrase.split():
        slots.extend(_slots(part, phrase, sets))
    if not slots or all(slot.optional for slot in slots):
        raise ReferenceRefused(f"empty phrase: {phrase!r}")
    if _ANY in slots[0].atoms or _ANY in slots[-1].atoms:
        raise ReferenceRefused(f"a phrase neither begins nor ends with a gap: {phrase!r}")
    return tuple(slots)


def _slots(part: str, phrase: str, sets: Mapping[str, Sequence[str]]) -> list[_Slot]:
    if part == "...":
        return [_Slot(frozenset({_ANY}), optional=True)] * GAP
    optional = part.endswith("?")
    body = part.removesuffix("?")
    if "|" not in body and not body.startswith(("<", "#")) and not body.endswith("*"):
        words = [token.word for token in tokenize(body)]
        if not words or (optional and len(words) > 1):
            raise ReferenceRefused(f"{part!r} in {phrase!r}")
        return [_Slot(frozenset({word}), optional=optional) for word in words]
    atoms: set[str] = set()
    for choice in body.split("|"):
        atoms.update(_atoms(choice, phrase, sets))
    return [_Slot(frozenset(atoms), optional=optional)]


def _atoms(choice: str, phrase: str, sets: Mapping[str, Sequence[str]]) -> set[str]:
    if choice.startswith("<") and choice.endswith(">"):
        if choice[1:-1] not in sets:
            raise ReferenceRefused(f"unknown set {choice} in {phrase!r}")
        return {a for word in sets[choice[1:-1]] for a in _atoms(word, phrase, sets)}
    if choice in ("#num", "#age", "#hour"):
        return {choice}
    tokens = tokenize(choice.removesuffix("*"))
    if len(tokens) != 1:
        raise ReferenceRefused(f"{choice!r} in {phrase!r} is not one word")
    return {tokens[0].word + ("*" if choice.endswith("*") else "")}


_SHORT_LINE = 500
_LINES_KEPT = 10_000


class _Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the records of a lexicon (phrase) file: immutable, unknown keys are refused."""


class Signal(_Strict, frozen=True, kw_only=True):
    """The phrases of a lexicon that raise a signal code (such as GROOMING_SECRECY).

    `category` is the code's group (such as GROOMING), `weight` (0..1) the score of a single phrase. The
    grammar of `phrases` is that of this module.
    """

    code: str
    category: str
    weight: float
    phrases: tuple[str, ...]


class Context(_Strict, frozen=True, kw_only=True):
    """Phrases that change the scores of signals found around them; `effect` is a factor, 0 removes a signal.

    `scope` says where: NEGATION (just before or around the phrase), NOT_NEGATION (words of it are no
    negation), SENTENCE, NEAR (also the adjacent sentences of the message), NEXT (a retraction: this message
    and that speaker's message before), SPEAKER (all sentences of the speaker), TALK (the whole conversation),
    IDIOM (only phrases that share a word with it), NAMED (all sentences of a speaker with this name). `codes`
    limits it to these signals; empty means all. `code` names the context in explanations.
    """

    code: str
    scope: Literal[
        "NEGATION", "NOT_NEGATION", "IDIOM", "SENTENCE", "NEAR", "NEXT", "SPEAKER", "NAMED", "TALK"
    ]
    effect: float = 0.0
    codes: tuple[str, ...] = ()
    phrases: tuple[str, ...]

    def covers(self, code: str) -> bool:
        """Return whether the context (phrases that change scores nearby) applies to signals of this code."""
        return not self.codes or code in self.codes


class LexiconFile(_Strict, frozen=True, kw_only=True):
    """The content of a lexicon file: the phrases of one language (`language`).

    `schema` is the version of the format, `version` that of the content. `sets` are the named word sets used
    in phrases, `signal` the phrases that raise signals, `context` those that change the scores of signals
    around them.
    """

    schema: int
    language: str
    version: str
    sets: dict[str, tuple[str, ...]]
    signal: tuple[Signal, ...]
    context: tuple[Context, ...]


class Lexicon:
    """All lexicons compiled into a single automaton.

    By the number of a phrase in `automaton`: `meanings` (its `Signal` or `Context`), `languages`, and
    `names_negation` (whether it contains a word of negation). `version` names the files and the version of
    the spelling rules.
    """

    def __init__(self, files: Sequence[LexiconFile]) -> None:
        """Compile `files`; sets are per language, so each file's phrases use its own.

        Raises:
            ReferenceRefused: a phrase breaks the grammar.
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
        """Return the cached answer whether a line matches a signal phrase.

        The key is a digest, so no report text stays in memory.
        """
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
        """Return the contexts (of scope NAMED) that follow from a speaker's name alone ("maman", "coach").

        A context changes the scores of signals around it.
        """
        found = self.automaton.find([token.word for token in tokenize(speaker[:80])])
        meanings = (self.meanings[match.phrase] for match in found)
        return [m for m in meanings if isinstance(m, Context) and m.scope == "NAMED"]


def read_lexicon(text: str, *, name: str) -> LexiconFile:
    """Parse and validate the TOML text of a lexicon (phrases); `name` is used in messages.

    Raises:
        ReferenceRefused: unknown or missing key, weight or effect outside 0..1 (a weight of 0 too), a code
            twice with the same weight.
    """
    try:
        file = msgspec.convert(tomllib.loads(text), LexiconFile)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise ReferenceRefused(f"{name}: {error}") from error
    codes = [signal.code + "/" + str(signal.weight) for signal in file.signal]
    if len(codes) != len(set(codes)):
        raise ReferenceRefused(f"{name}: a code stands twice with the same weight")
    if not all(0 < signal.weight <= 1 for signal in file.signal):
        raise ReferenceRefused(f"{name}: a weight lies outside 0..1")
    if not all(0 <= context.effect <= 1 for context in file.context):
        raise ReferenceRefused(f"{name}: an effect lies outside 0..1")
    return file


def shipped_lexicons() -> Mapping[str, str]:
    """Return the text of each lexicon file of the package (phrases of a language), by file name."""
    folder = resources.files("fanal.analyse").joinpath("data", "lexicons")
    return {
        entry.name: entry.read_text("utf-8")
        for entry in sorted(folder.iterdir(), key=lambda e: e.name)
        if entry.name.endswith(".toml")
    }


def load_lexicon() -> Lexicon:
    """Return the shipped lexicons (phrases per language), compiled."""
    return Lexicon([read_lexicon(text, name=name) for name, text in shipped_lexicons().items()])


def _entries(file: LexiconFile) -> list[Signal | Context]:
    return [*file.signal, *file.context]


def _qualify(phrase: str, language: str) -> str:
    return phrase.replace("<", f"<{language}:")
