"""Output files of commands: safe names for external references, and atomic writes."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def place_of(reference: str, taken: dict[str, str]) -> str:
    """Return a file name for an external reference, without path separators.

    `taken` holds the references by file name, and is extended: two references get different names.
    """
    name = _UNSAFE.sub("_", reference)
    if not name.strip("."):
        name = "_" + name
    while taken.setdefault(name, reference) != reference:
        name += "_"
    return name


def write_text(path: Path, pieces: Iterable[str]) -> None:
    """Write a file atomically, piece by piece; a failure keeps the previous file.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="") as stream:
            stream.writelines(pieces)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, body: bytes) -> None:
    """Write a file atomically and durably, with mode 0600."""
    partial = path.with_name(path.name + ".partial")
    # Always a new file: never written through an existing link.
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
