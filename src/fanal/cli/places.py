"""Where a command writes: names that others chose stay inside the folder, a file is whole or not there."""

import re
from collections.abc import Iterable
from pathlib import Path

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def place_of(reference: str, taken: dict[str, str]) -> str:
    """Return a name for a reference: inside DIR whatever a partner called it, and no other's."""
    name = _UNSAFE.sub("_", reference)
    if not name.strip("."):
        name = "_" + name
    while taken.setdefault(name, reference) != reference:
        name += "_"
    return name


def write_text(path: Path, pieces: Iterable[str]) -> None:
    """Write a file piece by piece; what ends early leaves the file that was there before.

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
