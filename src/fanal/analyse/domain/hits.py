"""Phrases of the lexicons in sentences: what is a hit, and which hits a negation or an idiom undoes.

A hit is kept with its sentence, speaker and offsets. A negated phrase is no hit, nor is one that overlaps an
idiom ("dying of laughter"): the words are there, what they say is not.
"""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from fanal.analyse.domain.automaton import Match
from fanal.analyse.domain.lexicon import Context, Lexicon, Signal
from fanal.analyse.domain.text import Sentence, Utterance, sentences

_NEGATION_BEFORE = 5
_NEGATION_AFTER = 2
_BREAK = re.compile(r"[,;:—()]|\b(?:mais|but|donc|so)\b", re.IGNORECASE)
_CUES = ("NEGATION", "NOT_NEGATION")


class Hit(Struct, frozen=True, kw_only=True):
    """One signal in one sentence: `place` is the sentence's number, offsets the phrase's."""

    code: str
    category: str
    score: float
    sentence: Sentence
    place: int
    start: int
    end: int
    contexts: tuple[str, ...] = ()


class Read(Struct, kw_only=True):
    """A sentence with what was found in it."""

    sentence: Sentence
    place: int
    signals: list[tuple[Signal, Match]]
    contexts: list[tuple[Context, Match]]


def read_sentences(said: Iterable[Utterance], lexicon: Lexicon) -> Iterator[Read]:
    """Yield each sentence of a report's utterances with the signals and contexts that stand in it."""
    place = 0
    for utterance in said:
        for sentence in sentences(utterance):
            read = Read(sentence=sentence, place=place, signals=[], contexts=[])
            for match in lexicon.automaton.find([t.word for t in sentence.tokens]):
                meaning = lexicon.meanings[match.phrase]
                if isinstance(meaning, Signal):
                    read.signals.append((meaning, match))
                else:
                    read.contexts.append((meaning, match))
            _drop_negated_contexts(read, lexicon)
            yield read
            place += 1


def _drop_negated_contexts(read: Read, lexicon: Lexicon) -> None:
    """Drop "tell your mom" from "don't tell your mom": a negated piece of advice protects nobody."""
    cues = _negations(read)
    read.contexts = [
        (context, match)
        for context, match in read.contexts
        if context.scope in _CUES
        or lexicon.names_negation[match.phrase]
        or not any(_negates(cue, match, read.sentence, 0) for cue in cues)
    ]


def standing_hits(read: Read, lexicon: Lexicon) -> list[Hit]:
    """Return one hit a code: the strongest phrase that neither a negation nor an idiom undoes."""
    cues = _negations(read)
    idioms = [(context, match) for context, match in read.contexts if context.scope == "IDIOM"]
    best: dict[str, tuple[float, Match, Signal]] = {}
    for signal, match in read.signals:
        named = lexicon.names_negation[match.phrase]
        after = _NEGATION_AFTER if lexicon.languages[match.phrase] == "fr" else 0
        if not named and any(_negates(cue, match, read.sentence, after) for cue in cues):
            continue
        if any(context.covers(signal.code) and _overlap(idiom, match) for context, idiom in idioms):
            continue
        known = best.get(signal.code)
        if known is None or signal.weight > known[0]:
            best[signal.code] = (signal.weight, match, signal)
    tokens = read.sentence.tokens
    return [
        Hit(
            code=code,
            category=signal.category,
            score=weight,
            sentence=read.sentence,
            place=read.place,
            start=tokens[match.first].start,
            end=tokens[match.last].end,
        )
        for code, (weight, match, signal) in best.items()
    ]


def _overlap(one: Match, other: Match) -> bool:
    return one.first <= other.last and other.first <= one.last


def _negations(read: Read) -> list[int]:
    excused = {
        word
        for context, match in read.contexts
        if context.scope == "NOT_NEGATION"
        for word in range(match.first, match.last + 1)
    }
    return [
        match.last
        for context, match in read.contexts
        if context.scope == "NEGATION" and match.last not in excused
    ]


def _negates(cue: int, match: Match, sentence: Sentence, after: int) -> bool:
    if match.first <= cue <= match.last + after:
        return True
    if not match.first - _NEGATION_BEFORE <= cue < match.first:
        return False
    tokens, text = sentence.tokens, sentence.utterance.text
    return not _BREAK.search(text, tokens[cue].end, tokens[match.first].start)
