"""The traversal of folders for `fanal import`, in the order of file names, one folder in memory at a time.

A delivery may hold millions of files: the whole traversal keeps only eight bytes for each report.
"""

import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fanal.cli.found import Source
from fanal.cli.unpacked import FilesBeside, mark_of

REPORT = "report.xml"


def find_sources(
    paths: Sequence[Path], suffixes: Sequence[str], beside: FilesBeside | None = None
) -> Iterator[Source]:
    """Yield each file of `paths`, and in folders each file with one of `suffixes`, with its report's name.

    A report is named after its folder; reports in folders of the same name (in one folder a year, for
    example), by their relative path. `beside` holds the other files of the folders.
    """
    for path in paths:
        if not path.is_dir():
            yield Source(path=path, name=path.absolute().parent.name)
            continue
        twins = _twins(path) if ".xml" in suffixes else frozenset()
        for file in find_files([path], suffixes):
            twin = file.name == REPORT and mark_of(file.parent.name) in twins
            name = str(file.parent.relative_to(path)) if twin else file.absolute().parent.name
            yield Source(path=file, name=name, beside=beside)


def find_files(paths: Sequence[Path], suffixes: Sequence[str]) -> Iterator[Path]:
    """Yield the same files as `find_sources`, without names."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for file, is_details in _walk(path):
            if not is_details and ends(file, *suffixes):
                yield file


def passed_over(
    paths: Sequence[Path], suffixes: Sequence[str], beside: FilesBeside
) -> Iterator[Path]:
    """Yield the files under the folders of `paths` that an import ignores.

    They have none of `suffixes` and were assigned to no report in `beside`. Unreadable folders are yielded
    too.
    """
    for folder in paths:
        if folder.is_dir():
            for file, is_details in _walk(folder):
                if not is_details and not ends(file, *suffixes) and not beside.took(file):
                    yield file


def ends(path: Path, *suffixes: str) -> bool:
    """Return whether a file has one of `suffixes` (in lower case), in upper or lower case."""
    return path.suffix.lower() in suffixes


def _walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield each file under a folder, and whether it is the `file-N.xml` of a `report.xml` next to it.

    An unreadable folder is yielded itself.
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except PermissionError:
        yield folder, False
        return
    has_report = any(entry.name == REPORT and entry.is_file() for entry in entries)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif entry.is_file():
            path = Path(entry.path)
            yield path, has_report and entry.name.startswith("file-") and ends(path, ".xml")


def _twins(folder: Path) -> frozenset[int]:
    """Return the hashes (`mark_of`) of folder names that several folders with a report have."""
    marks = array("Q", (mark_of(f.parent.name) for f, _ in _walk(folder) if f.name == REPORT))
    ordered = np.sort(np.array(marks, dtype=np.uint64))
    return frozenset(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
