"""Output of commands: lists, one line a row, and files readable by their writer alone.

Lists are written in blocks while further rows are read. Files have safe names and are written atomically.
"""

import contextlib
import gc
import os
import re
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import click
import msgspec

from fanal.kernel.texts import written_out

_BLOCK = 1 << 16
_SECONDS = 0.5
_ENCODER = msgspec.json.Encoder()
Row = tuple[object, Callable[[], str] | str]
"""A row as a JSON value, and as text or a function that returns it."""
folder_option = click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the result (DIR).",
)


class ReaderGone(Exception):
    """Error: the reader of standard output has closed the pipe, as `head` does; the command ends."""


def print_rows(rows: Iterable[Row], *, as_json: bool) -> None:
    """Print rows as JSON Lines (`as_json`) or as text.

    A row is a pair: a JSON value, and its text or a function that returns the text. A line is buffered for
    half a second at most while further rows arrive.

    Raises:
        ReaderGone: the reader has closed standard output.
    """
    if as_json:
        print_lines(_ENCODER.encode(row[0]) for row in rows)
    else:
        print_lines(_spoken(row[1]) for row in rows)


def print_lines(lines: Iterable[bytes]) -> None:
    """Print each of `lines` (UTF-8) with a line feed, in blocks of 64 KiB or half a second.

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


_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def place_of(reference: str, taken: dict[str, str]) -> str:
    """Return a safe file name for an external reference: without path separators or other unusual characters.

    `taken` holds the references by file name, and is extended: two references get different names.
    """
    name = _UNSAFE.sub("_", reference)
    if not name.strip("."):
        name = "_" + name
    while taken.setdefault(name, reference) != reference:
        name += "_"
    return name


def make_private(folder: Path) -> None:
    """Create a folder with mode 0700; an existing one gets that mode where its owner allows it.

    Missing folders above it are created with the same mode, since even file names may reveal a case.

    Raises:
        OSError: a folder cannot be created.
    """
    make_folders(folder)
    with contextlib.suppress(PermissionError):
        folder.chmod(0o700)


def make_folders(folder: Path) -> None:
    """Create a folder and those missing above it, each with mode 0700; existing ones keep theirs.

    Raises:
        OSError: a folder cannot be created.
    """
    if not folder.parent.exists():
        make_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def private(path: str, flags: int) -> int:
    """Open a file, with mode 0600 if it is new, and return its descriptor: an `opener` for `open`.

    Raises:
        OSError: the file cannot be opened.
    """
    return os.open(path, flags, 0o600)


def write_text(path: Path, pieces: Iterable[str]) -> None:
    """Write a file atomically, piece by piece, with mode 0600; a failure keeps the previous file.

    Raises:
        OSError: the file cannot be written.
    """
    make_folders(path.parent)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    try:
        with open(part, "x", encoding="utf-8", newline="", opener=private) as stream:
            stream.writelines(pieces)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, body: bytes) -> None:
    """Write the bytes `body` to a file atomically and durably (fsync), with mode 0600.

    Raises:
        OSError: the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    # Always a new file: never written through an existing link.
    partial.unlink(missing_ok=True)
    with open(partial, "xb", opener=private) as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    from fanal.vault.packs import sync_folder  # heavy, and few commands write files

    sync_folder(path.parent)
