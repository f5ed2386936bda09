"""Operators' CSV as records of bytes: quotes may hold line ends, a broken quote ends with its own line.

A file in UTF-16 is turned into UTF-8 first; any other keeps its bytes.
"""

import codecs
from collections.abc import Iterator
from typing import BinaryIO, Final

from msgspec import Struct

MAX_RECORD: Final = 65_536
"""Bytes of one record; a quote that is never closed swallows no more than its line."""
_MAX_LINES: Final = 100
_QUOTE: Final = b'"'
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Row(Struct, frozen=True, kw_only=True, gc=False):
    """One record: the number of its first line, its bytes with their line end, and whether it is whole."""

    line: int
    body: bytes
    whole: bool = True


def read_rows(stream: BinaryIO) -> Iterator[Row]:
    """Yield the records of a file that are not blank, one in memory at a time."""
    lines = _lines(stream)
    held: list[tuple[int, bytes]] = []
    while held or (held := [first for first in [next(lines, None)] if first is not None]):
        number, line = held.pop(0)
        if not line.strip(b" \t\r\n\xef\xbb\xbf"):
            continue
        body, taken = line, list[tuple[int, bytes]]()
        while body.count(_QUOTE) % 2 and len(body) <= MAX_RECORD and len(taken) < _MAX_LINES:
            following = held.pop(0) if held else next(lines, None)
            if following is None:
                break
            taken.append(following)
            body += following[1]
        if body.count(_QUOTE) % 2 == 0 and len(body) <= MAX_RECORD:
            yield Row(line=number, body=body)
            continue
        held = [*taken, *held]
        yield Row(line=number, body=line[: MAX_RECORD + 1], whole=False)


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    start = stream.read(2)
    source = _narrow(stream, start) if start in _WIDE else _plain(stream, start)
    return enumerate(source, start=1)


def _plain(stream: BinaryIO, start: bytes) -> Iterator[bytes]:
    rest = start
    while True:
        line = rest + (b"" if rest.endswith(b"\n") else stream.readline(MAX_RECORD + 2))
        rest = b""
        if not line:
            return
        yield line


def _narrow(stream: BinaryIO, start: bytes) -> Iterator[bytes]:
    """Yield the lines of a UTF-16 file in UTF-8; what is no text becomes replacement characters."""
    name = "utf-16-le" if start == codecs.BOM_UTF16_LE else "utf-16-be"
    decoder = codecs.getincrementaldecoder(name)("replace")
    left = ""
    while chunk := stream.read(1 << 16):
        pieces = (left + decoder.decode(chunk)).split("\n")
        left = pieces.pop()
        if len(left) > MAX_RECORD:
            pieces, left = [*pieces, left], ""
        yield from (f"{piece}\n".encode() for piece in pieces)
    left += decoder.decode(b"", final=True)
    if left:
        yield left.encode()
