"""VICS files on disk: surveyed once for the progress bar and the parts, told about where totals are wrong."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from fanal.cli.failures import tell
from fanal.formats.refusal import FormatRefused
from fanal.formats.vics.parts import CasePart, Survey, cut_parts, survey
from fanal.formats.vics.read import read_case

_WHOLE = 10_000_000


def count_parts(path: Path) -> int:
    """Return how many reports a file becomes, 1 where it will be refused."""
    try:
        return max(1, sum(case.parts for case in _surveyed(path).cases))
    except (FormatRefused, OSError):
        return 1


def read_parts(path: Path) -> Iterator[tuple[CasePart, bytes]]:
    """Yield each part of a file with the bytes to keep: the file's own where it is one part.

    Raises:
        FormatRefused: the file is no VICS case file, or an element cannot be read.
        OSError: the file cannot be read.
    """
    found = _surveyed(path)
    for case in found.cases:
        for total in case.totals:
            if total.stated != total.counted:
                tell("TOTAL_DIFFERS", place=f"{path}: {case.reference}", name=total.name,
                     stated=total.stated, counted=total.counted)  # fmt: skip
    alone = sum(case.parts for case in found.cases) == 1 and path.stat().st_size <= _WHOLE
    with path.open("rb") as stream:
        for part in cut_parts(stream, found, name=path.stem):
            read_case(part.body)  # what harmonise could not read is refused at the door
            yield part, path.read_bytes() if alone else part.body


def _surveyed(path: Path) -> Survey:
    state = path.stat()
    return _survey_of(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=2)
def _survey_of(path: Path, _size: int, _changed: int) -> Survey:
    with path.open("rb") as stream:
        return survey(stream)
