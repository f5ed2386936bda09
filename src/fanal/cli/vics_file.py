"""VICS files on disk: surveyed once for the progress bar and the parts; wrong totals are reported."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from fanal.cli.failures import tell
from fanal.formats.refusal import FormatRefused
from fanal.formats.vics.parts import CasePart, Survey, cut_parts, survey
from fanal.formats.vics.read import read_case

_WHOLE = 10_000_000


def count_parts(path: Path) -> int:
    """Return the number of reports in a file; 1 for one that will be refused."""
    try:
        return max(1, sum(case.parts for case in _surveyed(path).cases))
    except (FormatRefused, OSError):
        return 1


def read_parts(path: Path) -> Iterator[tuple[CasePart, bytes]]:
    """Yield each part of a file with the bytes to keep: the original file if it is a single part.

    Raises:
        FormatRefused: the file is not a VICS case file, or an element is invalid.
        OSError: the file is unreadable.
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
            read_case(part.body)  # refuse on import what stage 2 could not parse
            yield part, path.read_bytes() if alone else part.body


def _surveyed(path: Path) -> Survey:
    state = path.stat()
    return _survey_of(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=2)
def _survey_of(path: Path, _size: int, _changed: int) -> Survey:
    with path.open("rb") as stream:
        return survey(stream)
