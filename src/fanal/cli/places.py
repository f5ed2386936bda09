"""Output files of commands, readable by their writer alone: safe names and atomic writes."""

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

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
    """
    make_folders(folder)
    with contextlib.suppress(PermissionError):
        folder.chmod(0o700)


def make_folders(folder: Path) -> None:
    """Create a folder and those missing above it, each with mode 0700; existing ones keep theirs."""
    if not folder.parent.exists():
        make_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def private(path: str, flags: int) -> int:
    """Open a file, with mode 0600 if it is new, and return its descriptor: an `opener` for `open`."""
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
    """Write the bytes `body` to a file atomically and durably (fsync), with mode 0600."""
    partial = path.with_name(path.name + ".partial")
    # Always a new file: never written through an existing link.
    partial.unlink(missing_ok=True)
    with open(partial, "xb", opener=private) as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
