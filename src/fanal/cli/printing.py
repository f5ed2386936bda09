"""List output of commands: one line a row, written in blocks while further rows are read."""

import gc
import sys
import time
from collections.abc import Callable, Iterable

import msgspec

from fanal.kernel.directions import written_out

_BLOCK = 1 << 16
_SECONDS = 0.5
_ENCODER = msgspec.json.Encoder()
Row = tuple[object, Callable[[], str] | str]
"""A row as a JSON value, and as text or a function that returns it."""


class ReaderGone(Exception):
    """Error: the reader of standard output has closed the pipe, as `head` does; the command ends."""


def print_rows(rows: Iterable[Row], *, as_json: bool) -> None:
    """Print rows as JSON Lines (`as_json`) or as text; a row is (JSON value, its text or a function for it).

    A line is buffered for half a second at most while further rows arrive.

    Raises:
        ReaderGone: the reader has closed standard output.
    """
    if as_json:
        print_lines(_ENCODER.encode(row[0]) for row in rows)
    else:
        print_lines(_spoken(row[1]) for row in rows)


def print_lines(lines: Iterable[bytes]) -> None:
    """Print each of `lines` (UTF-8) with a line feed, in blocks of half a second at most.

    Raises:
        ReaderGone: the reader has closed standard output.
    """
    gc.freeze()  # exempt loaded objects from garbage collection, which would scan them for each page
    block, written = bytearray(), time.monotonic()
    for line in lines:
        block += line
        block += b"\n"
        if len(block) >= _BLOCK or time.monotonic() - written > _SECONDS:
            _write(block)
            block, written = bytearray(), time.monotonic()
    _write(block)


def _spoken(words: Callable[[], str] | str) -> bytes:
    return written_out(words if isinstance(words, str) else words()).encode()


def _write(block: bytearray) -> None:
    try:
        sys.stdout.write(block.decode())
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGone from None
