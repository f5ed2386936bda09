"""Tokens, sentences and segments of a text, with offsets into the text as reported.

Tokens are compared in normal form: no case, accents, invisible characters or look-alike letters. Offsets
refer to the original string, so that a citation shows the reporter's own words.

Segments are the units that the text reader (a model) embeds, cut at sentences and messages. A short text is a
single segment, since its signal codes often lie in the whole. A long one is cut into windows of a few
sentences that overlap by a sentence.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from itertools import pairwise

import msgspec
from msgspec import Struct

from fanal.harmonise.domain.records import HarmonisedReport

# SMS spelling, expanded to plain words: `jvx` is "je veux" (`analyse/data/spelling.toml`).
#
# Every word keeps the place of its written form, so that a citation shows the writer's own letters.

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
    """Return (index in `words`, word) pairs with SMS spelling expanded; `words` are in normal form.

    A written word may give several words with its index; a word in plain spelling is unchanged. Single pass.
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


BREAK = "\n"
"""Marks the end of a sentence among running words; no word equals it."""

# A word may contain combining marks and invisible characters, which would otherwise split it.
_TEXT_LETTERS = r"\w\u0300-\u036f\u200b-\u200d\u2060\ufeff\u00ad"
_WORD = rf"[{_TEXT_LETTERS}]{{1,60}}n['’]t\b|[{_TEXT_LETTERS}]{{1,60}}"
_TOKEN = re.compile(rf"{_WORD}|[€$£?]")
# Possessive, and tried only at the start of a run of signs, so that a long run is read once.
_SENTENCE_END = re.compile(r"(?<![.!?…;])[.!?…;]++(?=\s|$)|[\n\r]+")
_TOKEN_OR_END = re.compile(rf"{_SENTENCE_END.pattern}|{_WORD}|[€$£]")
_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff\u00ad'’]")
_LONG_RUN = re.compile(r"([^\W\d])\1{2,}")
_SPEAKER_LINE = re.compile(r"\s{0,4}(?P<speaker>[^\s:,][^:\n,]{0,24}?)\s?:\s+(?P<text>\S)")
_LEET = str.maketrans("013457@", "oieasta")
# Cyrillic and Greek homoglyphs of Latin letters, used to evade word lists.
_LOOK_ALIKE = str.maketrans("аеорсухіјѕԁһкмтвнοαεικνρτυχ", "aeopcyxijsdhkmtbhoaeikvptux")
_LATIN = re.compile("[a-z]")
_GREEK_OR_CYRILLIC = re.compile("[\u0370-\u04ff]")


class Token(Struct, frozen=True):
    """A word of a text in normal form, with the offsets of its start and end."""

    word: str
    start: int
    end: int


class Utterance(Struct, frozen=True, kw_only=True):
    """A piece of text by a single speaker: a report's description, or a message of a conversation.

    `path` is the place of the text in the report, `offset` that of its first character there. `speaker` is
    the user name, None if unknown; `message` is the number of the message in the conversation, None in a
    description.
    """

    path: str
    text: str
    speaker: str | None = None
    message: int | None = None
    offset: int = 0


class Sentence(Struct, frozen=True, kw_only=True):
    """A sentence of an utterance (a text by a single speaker).

    `start` and `end` are its offsets in the utterance's text. `question`: whether a question mark is among
    its last eight characters. `tokens` are its words.
    """

    utterance: Utterance
    tokens: tuple[Token, ...]
    start: int
    end: int
    question: bool


@lru_cache(maxsize=16_384)
def normalize_word(word: str) -> str:
    """Return the normal form of a word: no case, accent, apostrophe, invisible or look-alike letter.

    Look-alikes are Cyrillic and Greek letters in a word with Latin ones. In a word of more than three
    characters, a letter three or more times in a row becomes a single one.
    """
    if word.isascii():
        plain = _INVISIBLE.sub("", word).lower()
    else:
        spread = unicodedata.normalize("NFKD", _INVISIBLE.sub("", word).casefold())
        plain = "".join(c for c in spread if not unicodedata.combining(c))
        if _LATIN.search(plain) and _GREEK_OR_CYRILLIC.search(plain):
            plain = plain.translate(_LOOK_ALIKE)
    return _LONG_RUN.sub(r"\1", plain) if len(plain) > 3 else plain


@lru_cache(maxsize=10_000)
def unmask_word(word: str) -> str:
    """Return a word with leet digits read as letters (`s3cret` → `secret`)."""
    has_letter = any(c.isalpha() for c in word)
    return word.translate(_LEET) if has_letter and any(c.isdigit() for c in word) else word


def tokenize(text: str) -> list[Token]:
    """Return the tokens of `text` in order, with their offsets in characters; the time is linear in its
    length.
    """
    return [
        Token(normalize_word(match.group()), match.start(), match.end())
        for match in _TOKEN.finditer(text)
    ]


def running_words(text: str) -> list[str]:
    """Return the words of `text` in normal form and plain spelling, with `BREAK` at sentence ends.

    The words equal those of `sentences`, without offsets: a faster way for the many texts without any
    finding.
    """
    words = [_running_word(written) for written in _TOKEN_OR_END.findall(text)]
    return [word for _, word in read_plainly(words)]


@lru_cache(maxsize=16_384)
def _running_word(written: str) -> str:
    return BREAK if _SENTENCE_END.match(written) else normalize_word(written)


def utterances(report: HarmonisedReport) -> Iterator[Utterance]:
    """Yield the texts of a report in reading order: the description, then each message."""
    if report.description:
        yield from _description(report.description)
    for index, message in enumerate(report.conversation):
        if message.text:
            yield Utterance(
                path=f"conversation[{index}].text",
                text=message.text,
                speaker=message.speaker,
                message=index,
            )


def sentences(utterance: Utterance) -> Iterator[Sentence]:
    """Yield the sentences of an utterance in order, without those that contain no token."""
    text, start = utterance.text, 0
    for match in _SENTENCE_END.finditer(text):
        sentence = _sentence(utterance, start, match.end())
        if sentence.tokens:
            yield sentence
        start = match.end()
    if start < len(text):
        last = _sentence(utterance, start, len(text))
        if last.tokens:
            yield last


def _sentence(utterance: Utterance, start: int, end: int) -> Sentence:
    written = [m for m in _TOKEN.finditer(utterance.text, start, end) if m.group() != "?"]
    words = [normalize_word(m.group()) for m in written]
    return Sentence(
        utterance=utterance,
        tokens=tuple(
            Token(word, written[place].start(), written[place].end())
            for place, word in read_plainly(words)
        ),
        start=start,
        end=end,
        question="?" in utterance.text[max(start, end - 8) : end],
    )


def _description(text: str) -> Iterator[Utterance]:
    """Yield the utterances of a description; pasted chat lines (`Name: words`, at least two) are split.

    The speaker of such a line is its name; other text has no speaker.
    """
    if text.count(":") < 2:
        yield Utterance(path="description", text=text)
        return
    lines = text.split("\n")
    matches = [_SPEAKER_LINE.match(line) for line in lines]
    if sum(m is not None for m in matches) < 2:
        yield Utterance(path="description", text=text)
        return
    offset = 0
    for line, match in zip(lines, matches, strict=True):
        begin = match.start("text") if match else 0
        if line[begin:].strip():
            yield Utterance(
                path="description",
                text=line[begin:],
                speaker=match["speaker"] if match else None,
                offset=offset + begin,
            )
        offset += len(line) + 1


LONGEST = 600
"""Most bytes of a segment in UTF-8, speakers' names included; a longer sentence is cut.

Embedding takes time in proportion to bytes: at most some 0.4 ms each, in whatever script.
"""
MAX_SEGMENTS = 12
"""Most segments read in a text or report; the first ones and the last, when there are more."""
MAX_READ = 20_000
"""Most characters of an utterance that are searched for sentences."""


class Segment(Struct, frozen=True, kw_only=True):
    """A piece of a report's text, read by the text model as a unit: one or several sentences.

    `path` is the place of the text in the report, `start` and `end` the offsets in it. `text` is as written,
    with the speakers' names where several speak; `speaker` is the only speaker, None if there are several.
    `message` is the number of its first message, None in a description. `parts` are smaller pieces that may
    be read alone: its sentences, and the pairs of neighbouring sentences of at most half of `LONGEST` bytes
    if there are more than two; empty for a single sentence.
    """

    text: str
    path: str
    start: int
    end: int
    speaker: str | None = None
    message: int | None = None
    parts: tuple["Segment", ...] = ()


class _Piece(Struct, frozen=True):
    utterance: Utterance
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.utterance.text[self.start : self.end].strip()

    @property
    def size(self) -> int:
        """The bytes that the piece takes in a segment (model input), with its speaker's name."""
        return len(f"{self.utterance.speaker or ''}: {self.text}".encode("utf-8", "replace"))


def segments(said: Sequence[Utterance]) -> tuple[list[Segment], int]:
    """Return the segments (pieces) of the utterances in reading order, and the number of those left out.

    At most `MAX_SEGMENTS` are kept: of more, the first ones (two thirds of that number) and the last.
    """
    found = [_segment(window) for window in _windows(list(_pieces(said)))]
    if len(found) <= MAX_SEGMENTS:
        return found, 0
    first = MAX_SEGMENTS * 2 // 3
    return found[:first] + found[first - MAX_SEGMENTS :], len(found) - MAX_SEGMENTS


def _pieces(said: Sequence[Utterance]) -> Iterator[_Piece]:
    """Yield the sentences of the utterances in order; one over `LONGEST` bytes comes in portions."""
    for utterance in said:
        searched = utterance
        if len(utterance.text) > MAX_READ:
            searched = Utterance(path=utterance.path, text=utterance.text[:MAX_READ])
        for sentence in sentences(searched):
            step = _most_characters(utterance.text[sentence.start : sentence.end])
            for start in range(sentence.start, sentence.end, step):
                yield _Piece(utterance, start, min(start + step, sentence.end))


def _most_characters(text: str) -> int:
    """Return a number of characters of `text` that surely fits into a segment (input of the model).

    It is the length of the text if the whole text fits.
    """
    if len(text.encode("utf-8", "replace")) <= LONGEST:
        return max(1, len(text))
    return LONGEST // len(max(text).encode("utf-8", "replace"))


def _windows(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    """Group the pieces into windows of neighbours, each of at most `LONGEST` bytes.

    A window repeats the last piece of the one before, if that and the next piece take at most half of
    `LONGEST`. None spans both description and conversation.
    """
    window: list[_Piece] = []
    for piece in pieces:
        room = LONGEST - sum(held.size for held in window)
        last = window[-1] if window else piece
        apart = piece.utterance.path[:4] != last.utterance.path[:4]
        if window and (piece.size > room or apart):
            yield window
            keep = last.size + piece.size <= LONGEST // 2 and not apart
            window = [last] if keep else []
        window.append(piece)
    if window:
        yield window


def _segment(window: Sequence[_Piece]) -> Segment:
    first, last = window[0], window[-1]
    speakers = {piece.utterance.speaker for piece in window}
    several = len(speakers) > 1
    same = first.utterance.path == last.utterance.path
    return Segment(
        text=_joined(window, named=several),
        path=first.utterance.path,
        start=first.utterance.offset + first.start,
        end=(last if same else first).utterance.offset + (last if same else first).end,
        speaker=None if several else first.utterance.speaker,
        message=first.utterance.message,
        parts=tuple(_segment(part) for part in _parts(window)),
    )


def _parts(window: Sequence[_Piece]) -> Iterator[Sequence[_Piece]]:
    if len(window) > 1:
        yield from ([piece] for piece in window)
    if len(window) > 2:
        for pair in pairwise(window):
            if sum(piece.size for piece in pair) <= LONGEST // 2:
                yield pair


def _joined(window: Sequence[_Piece], *, named: bool) -> str:
    lines: list[str] = []
    before: Utterance | None = None
    for piece in window:
        if piece.utterance is before:
            lines[-1] = f"{lines[-1]} {piece.text}"
        else:
            speaker = piece.utterance.speaker
            lines.append(f"{speaker}: {piece.text}" if named and speaker else piece.text)
        before = piece.utterance
    return "\n".join(lines)
