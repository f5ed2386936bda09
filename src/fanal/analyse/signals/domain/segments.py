"""Segments of a text: the units that the text reader (a model) embeds, cut at sentences and messages.

A short text is a single segment, since its signal codes often lie in the whole. A long one is cut into
windows of a few sentences that overlap by a sentence.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from fanal.analyse.signals.domain.text import Utterance, sentences

LONGEST = 600
"""Most bytes of a segment in UTF-8, speakers' names included; a longer sentence is cut.

Embedding takes time in proportion to bytes: at most some 0.4 ms each, in whatever script.
"""
MAX_SEGMENTS = 12
"""Most segments read in a text or report; the first ones and the last, when there are more."""
MAX_READ = 20_000
"""Most characters of an utterance that are searched for sentences."""


class Segment(Struct, frozen=True, kw_only=True):
    """A piece of text: its span in `path` of the report, and its speaker if only one speaks in it.

    `text` is as written, with the speakers' names where several speak; `message` is the number of its first
    message, None in a description. `parts` are the sentences of one that holds several, and of more than two
    the pairs of neighbours of at most half of `LONGEST` bytes: what may be read by itself.
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
    """Return how many characters of `text` surely fit into a segment (input of the model).

    All of them if the text fits itself.
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
