"""Phrase matching over words, in time linear in the text.

A phrase is a sequence of slots. All phrases of a lexicon form a single automaton (lazy DFA): its states are
built on demand and kept in a cache of bounded size, so that any text, even a hostile one, costs a constant
per word. There is no backtracking.

Grammar of a phrase (slots are separated by spaces; case and accents do not count)::

    word            that word                     a|b|c      one of these (`t'as|tas` may be two words)
    word*           any word that begins so       <set>      one of the words of a named set
    slot?           the slot may be missing       ...        up to three words of any kind
    #num            a number                      #age       a number from 4 to 17
    #hour           an hour (18h, 18h30, 6pm)
"""

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from fanal.analyse.domain.text import BREAK, tokenize, unmask_word

GAP = 3
_ANY = "*"
_MAX_TRANSITIONS = 50_000
_MAX_WORDS = 100_000
_HOUR = re.compile(r"([01]?\d|2[0-3])(h|heures?|am|pm)([0-5]\d)?")
_NUMBER = re.compile(r"\d{1,6}")


class PhraseRefused(ValueError):
    """Error: a phrase of a lexicon breaks the grammar."""


class Match(Struct, frozen=True):
    """A match: number of the phrase, index of its first and of its last word (both included)."""

    phrase: int
    first: int
    last: int


class _Slot(Struct, frozen=True):
    atoms: frozenset[str]  # plain words, `prefix*`, `#class`, or `*` for any word
    optional: bool


_Position = tuple[int, int]  # a phrase number and the next slot to match


class _WordState:
    """A state of the automaton: positions reached, phrases that end here, and known transitions."""

    __slots__ = ("accepts", "following", "positions")

    def __init__(self, positions: frozenset[_Position], accepts: tuple[int, ...]) -> None:
        self.positions = positions
        self.accepts = accepts
        self.following: dict[int, _WordState] = {}


class Automaton:
    """Finds all phrases of a list in a sequence of words. Not thread-safe: each worker builds its own.

    `sets` holds the words of each named set (`<set>` in a phrase). A phrase is known by its place in
    `phrases`.
    """

    def __init__(self, phrases: Sequence[str], sets: Mapping[str, Sequence[str]]) -> None:
        """Compile the phrases.

        Raises:
            PhraseRefused: an empty phrase, an unknown set, a choice of more than one word, or a gap at the
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
        """Return whether the phrase of this number contains one of `words` literally; a gap matches none."""
        return any(not slot.atoms.isdisjoint(words) for slot in self._phrases[phrase])

    def find(self, words: Sequence[str]) -> list[Match]:
        """Return all matches in words in normal form; for each phrase and last word, the shortest."""
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
        """Return whether one of `phrases` (numbers) matches in running words, within a sentence (`BREAK`)."""
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
        """Empty the cache; states in use remain until their search ends."""
        self._root = _WordState(frozenset(), ())
        self._known = {(self._root.positions, self._root.accepts): self._root}
        self._transitions = 0

    def _class_of(self, word: str) -> int:
        """Return the index in `_class_atoms` of the set of slot conditions that a word meets (0: none).

        If the word meets none, its unmasked form (leet digits read as letters) is tried.
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
        """Return `slot` and the later slots reachable by skipping optional ones."""
        slots, reached = self._phrases[phrase], [slot]
        while slot < len(slots) and slots[slot].optional:
            slot += 1
            reached.append(slot)
        return reached

    def _first(self, phrase: int, classes: Sequence[int], last: int) -> int:
        """Return the first word of the shortest match of `phrase` that ends at word `last`.

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
    """Return the slots that can match the word just before position `slot`."""
    found = []
    while slot > 0:
        slot -= 1
        found.append(slot)
        if not slots[slot].optional:
            break
    return found


def expand(phrase: str) -> list[str]:
    """Return the phrases equivalent to a phrase with choices of several words (`t'as|tas` gives two)."""
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
        raise PhraseRefused(f"empty phrase: {phrase!r}")
    if _ANY in slots[0].atoms or _ANY in slots[-1].atoms:
        raise PhraseRefused(f"a phrase neither begins nor ends with a gap: {phrase!r}")
    return tuple(slots)


def _slots(part: str, phrase: str, sets: Mapping[str, Sequence[str]]) -> list[_Slot]:
    if part == "...":
        return [_Slot(frozenset({_ANY}), optional=True)] * GAP
    optional = part.endswith("?")
    body = part.removesuffix("?")
    if "|" not in body and not body.startswith(("<", "#")) and not body.endswith("*"):
        words = [token.word for token in tokenize(body)]
        if not words or (optional and len(words) > 1):
            raise PhraseRefused(f"{part!r} in {phrase!r}")
        return [_Slot(frozenset({word}), optional=optional) for word in words]
    atoms: set[str] = set()
    for choice in body.split("|"):
        atoms.update(_atoms(choice, phrase, sets))
    return [_Slot(frozenset(atoms), optional=optional)]


def _atoms(choice: str, phrase: str, sets: Mapping[str, Sequence[str]]) -> set[str]:
    if choice.startswith("<") and choice.endswith(">"):
        if choice[1:-1] not in sets:
            raise PhraseRefused(f"unknown set {choice} in {phrase!r}")
        return {a for word in sets[choice[1:-1]] for a in _atoms(word, phrase, sets)}
    if choice in ("#num", "#age", "#hour"):
        return {choice}
    tokens = tokenize(choice.removesuffix("*"))
    if len(tokens) != 1:
        raise PhraseRefused(f"{choice!r} in {phrase!r} is not one word")
    return {tokens[0].word + ("*" if choice.endswith("*") else "")}
