"""Large JSON files piece by piece: elements of named arrays as bytes, the rest as one small document.

Memory stays that of one element, whatever the size of the file. Only brackets, strings and separators are
looked at here; each piece is read strictly by `json_tree.parse`. Written for this because the usual C
reader of streams ends the whole process on a number of 5 000 digits and mends lone surrogates in silence.
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import BinaryIO, Final

from msgspec import Struct

from fanal.formats.json_tree import MAX_DEPTH, parse
from fanal.formats.refusal import DocumentFault, FormatRefused

MAX_PIECE: Final = 4_000_000
"""Bytes of one element, and of what is left of a document or of an opened element."""
_CHUNK: Final = 1 << 18
_BOM: Final = b"\xef\xbb\xbf"
# Possessive: a text of backslashes costs one pass, and no stack.
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN: Final = re.compile(
    rb"[ \t\r\n]*+(" + _STRING + rb'|[{}\[\]:,]|[^ \t\r\n{}\[\]:,"]++)', re.S
)
# An open string reaches to the end of the window: its quotes are not tried one after the other.
_NESTING: Final = re.compile(_STRING + rb'|[{}\[\]]|(").*+', re.S)

Path = tuple[str, ...]
"""Keys from the root; `*` stands for any place in an array."""


class Cut(Enum):
    """What becomes of the elements of an array."""

    WHOLE = auto()
    """Each is a piece."""
    OPENED = auto()
    """Each is a piece without the arrays named inside it, whose elements come before it."""


class Piece(Struct, frozen=True, gc=False):
    """An element of an array that was asked for, or, with an empty path, what is left of the document."""

    path: Path
    body: bytes

    def tree(self) -> object:
        """Return the piece parsed.

        Raises:
            FormatRefused: it is no strict JSON.
        """
        return parse(self.body)


class _Frame(Struct):
    """An object or array that is open."""

    path: Path
    is_map: bool
    key: str | None = None
    cut: Cut | None = None
    left: bytearray | None = None  # what is left of the innermost document, opened element or root
    owns: bool = False
    full: bool = False  # an element of a cut array stands, a comma is due
    due: bool = False  # a comma was read, an element is due


def read_pieces(stream: BinaryIO, *, cuts: Mapping[Path, Cut]) -> Iterator[Piece]:
    """Yield the elements of the arrays at the paths of `cuts`, then what is left of the document.

    An element that is opened comes after the elements of its own arrays.

    Raises:
        FormatRefused: no JSON, an element over `MAX_PIECE` bytes, nested over 50 levels, cut off.
    """
    return _Cutter(stream, cuts).pieces()


class _Buffer:
    """A window on the stream; positions are those in the window."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.data = b""
        self.at = 0
        self._ended = False

    def more(self, keep_from: int) -> bool:
        """Read on, dropping what lies before `keep_from`; return whether something came.

        Raises:
            FormatRefused: what is kept is too large to be one piece.
        """
        if self._ended:
            return False
        kept = self.data[keep_from:]
        if len(kept) > MAX_PIECE:
            raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_PIECE})
        # In doubling steps, so that a long element is not looked at again and again.
        chunk = self._stream.read(max(_CHUNK, len(kept)))
        self._ended = not chunk
        self.at -= keep_from
        self.data = kept + chunk
        return bool(chunk)

    def token(self) -> bytes:
        """Return the next token, empty at the end of the stream."""
        while True:
            found = _TOKEN.match(self.data, self.at)
            # What touches the end of the window may go on after it.
            if found is not None and found.end() < len(self.data):
                self.at = found.end()
                return found[1]
            if not self.more(self.at):
                break
        found = _TOKEN.match(self.data, self.at)
        if found is None:
            if self.data[self.at :].strip(b" \t\r\n"):
                raise FormatRefused(DocumentFault.MALFORMED)
            return b""
        self.at = found.end()
        return found[1]

    def element(self, opening: bytes) -> bytes:
        """Return the object or array whose opening bracket was just read, brackets included."""
        start, place, depth = self.at - len(opening), self.at, 1
        while True:
            place, depth = _nested(self.data, place, depth)
            if not depth:
                self.at = place
                return _sized(self.data[start:place])
            rest = place - start
            if not self.more(start):
                raise FormatRefused(DocumentFault.MALFORMED)
            start, place = 0, rest


def _nested(data: bytes, place: int, depth: int) -> tuple[int, int]:
    """Return where depth 0 is reached in `data`, or where to look on, with the depth there."""
    for found in _NESTING.finditer(data, place):
        first = data[found.start()]
        if first in b"{[":
            depth += 1
            if depth > MAX_DEPTH:
                raise FormatRefused(DocumentFault.TOO_DEEP, parameters={"limit": MAX_DEPTH})
        elif first in b"}]":
            depth -= 1
            if not depth:
                return found.end(), 0
        elif found[1]:  # a string that goes on after the window
            return found.start(), depth
    return len(data), depth


def _sized(piece: bytes) -> bytes:
    if len(piece) > MAX_PIECE:
        raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_PIECE})
    return piece


class _Cutter:
    """The walk over the structure down to the arrays that are cut."""

    def __init__(self, stream: BinaryIO, cuts: Mapping[Path, Cut]) -> None:
        self._buffer = _Buffer(stream)
        self._cuts = cuts
        self._root = bytearray()
        self._stack: list[_Frame] = []

    def pieces(self) -> Iterator[Piece]:
        buffer = self._buffer
        buffer.more(0)
        if buffer.data.startswith(_BOM):
            buffer.at = len(_BOM)
        while token := buffer.token():
            top = self._stack[-1] if self._stack else None
            if top is not None and top.cut is not None:
                yield from self._in_cut(top, token)
            elif token in (b"{", b"["):
                self._open(top, token)
            elif token in (b"}", b"]"):
                yield from self._close(top, token)
            else:
                self._value(top, token)
        if self._stack or not self._root:
            raise FormatRefused(DocumentFault.MALFORMED)
        yield Piece((), bytes(self._root))

    def _in_cut(self, top: _Frame, token: bytes) -> Iterator[Piece]:
        """Take one token between the elements of a cut array: an element, a comma, the end."""
        if token == b"]" and not top.due:
            self._stack.pop()
            self._keep(top.left, token)
        elif token == b"," and top.full:
            top.full, top.due = False, True
        elif top.full or token in (b",", b":", b"}", b"]"):
            raise FormatRefused(DocumentFault.MALFORMED)
        else:
            top.full, top.due = True, False
            inside = (*top.path, "*")
            if token == b"{" and top.cut is Cut.OPENED:
                left = bytearray(b"{")
                self._push(_Frame(path=inside, is_map=True, left=left, owns=True))
            elif token in (b"{", b"["):
                yield Piece(top.path, self._buffer.element(token))
            else:
                yield Piece(top.path, token)

    def _open(self, top: _Frame | None, token: bytes) -> None:
        path: Path = ()
        left = self._root
        if top is not None:
            path = (*top.path, (top.key or "") if top.is_map else "*")
            left = top.left if top.left is not None else left
        self._keep(left, token)
        cut = self._cuts.get(path) if token == b"[" else None
        self._push(_Frame(path=path, is_map=token == b"{", left=left, cut=cut))

    def _close(self, top: _Frame | None, token: bytes) -> Iterator[Piece]:
        if top is None or top.is_map is not (token == b"}"):
            raise FormatRefused(DocumentFault.MALFORMED)
        self._stack.pop()
        self._keep(top.left, token)
        if top.owns and top.left is not None:
            yield Piece(top.path[:-1], bytes(top.left))

    def _value(self, top: _Frame | None, token: bytes) -> None:
        if top is not None and top.is_map and token.startswith(b'"'):
            # Of two strings side by side the last is the key; the strict reader refuses what is wrong.
            key = parse(token)
            top.key = key if isinstance(key, str) else None
        self._keep(self._root if top is None else top.left, token)

    def _push(self, frame: _Frame) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise FormatRefused(DocumentFault.TOO_DEEP, parameters={"limit": MAX_DEPTH})
        self._stack.append(frame)

    def _keep(self, left: bytearray | None, token: bytes) -> None:
        kept = self._root if left is None else left
        kept += token
        kept += b" "  # so that two tokens never become one
        if len(kept) > MAX_PIECE:
            raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_PIECE})
