"""How commands list: a line for each row, written in blocks while the rows are still being read."""

import gc
import sys
import time
from collections.abc import Callable, Iterable

import msgspec

_BLOCK = 1 << 16
_SECONDS = 0.5
_ENCODER = msgspec.json.Encoder()
Row = tuple[object, Callable[[], str] | str]
"""What a row says as JSON, and the same in words, or what makes them."""


class ReaderGone(Exception):
    """Whoever read the list has closed the pipe, as `head` does: there is nothing left to do."""


def print_rows(rows: Iterable[Row], *, as_json: bool) -> None:
    """Print `rows` as JSON, an object a line, or in words.

    A line waits half a second at most for the lines that follow.

    Raises:
        ReaderGone: standard output was closed at its other end.
    """
    if as_json:
        print_lines(_ENCODER.encode(row[0]) for row in rows)
    else:
        print_lines(_spoken(row[1]) for row in rows)


def print_lines(lines: Iterable[bytes]) -> None:
    """Print each of `lines` and a line feed.

    Raises:
        ReaderGone: standard output was closed at its other end.
    """
    gc.freeze()  # what is loaded by now stays: the collector need not walk it for each page of rows
    block, written = bytearray(), time.monotonic()
    for line in lines:
        block += line
        block += b"\n"
        if len(block) >= _BLOCK or time.monotonic() - written > _SECONDS:
            _write(block)
            block, written = bytearray(), time.monotonic()
    _write(block)


def _spoken(words: Callable[[], str] | str) -> bytes:
    return (words if isinstance(words, str) else words()).encode()


def _write(block: bytearray) -> None:
    try:
        sys.stdout.write(block.decode())
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGone from None
