"""Unpacked packages of law-enforcement reports: a document, with its files in the same folder.

A folder may hold unrelated files: only files listed by a report are imported, the others are reported.
"""

import hashlib
import os
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence, Set
from functools import partial
from pathlib import Path

from fanal.cli.packed import enclosed_of
from fanal.formats.packages import MAX_MEMBER, PackageFile
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.intake.domain.records import AttachedFile

_PIECE = 256 * 1024


class FilesBeside:
    """The files in the folders of a traversal, and the assignment of files to reports.

    `suffixes` are those of the reports. Memory holds the file names of the current folders, and eight bytes
    for each file assigned to a report.
    """

    def __init__(self, suffixes: Sequence[str]) -> None:
        self._suffixes = tuple(suffixes)
        self._waiting: dict[Path, dict[str, list[Path]]] = {}
        self._taken = array("Q")
        self._sorted = True

    def waits(self, report: Path) -> bool:
        """Return whether unassigned files remain in the folder of a document."""
        folder = report.parent
        inside = {folder, *folder.parents}
        self._waiting = {f: files for f, files in self._waiting.items() if f in inside}
        if folder not in self._waiting:
            self._waiting[folder] = self._lying(folder)
        return bool(self._waiting[folder])

    def take(self, report: Path, names: Set[str]) -> tuple[bytes, tuple[AttachedFile, ...]]:
        """Assign the files with these base names to a report; return their key (`enclosed_of`) and the files.

        A file listed by several reports belongs to the first one.

        Raises:
            FormatRefused: a file is too large, or has a name forbidden in packages.
            OSError: a file is unreadable.
        """
        waiting = self._waiting[report.parent] if self.waits(report) else {}
        paths = [path for name in sorted(names & waiting.keys()) for path in waiting.pop(name)]
        members = [_member(path, report.parent) for path in paths]
        self._taken.extend(mark_of(path) for path in paths)
        self._sorted = False
        files = (
            AttachedFile(name=member.name, chunks=partial(_chunks, path))
            for path, member in zip(paths, members, strict=True)
        )
        return enclosed_of(members), tuple(files)

    def took(self, path: Path) -> bool:
        """Return whether a file was assigned to a report."""
        if not self._sorted:
            self._taken, self._sorted = array("Q", sorted(self._taken)), True
        place = bisect_left(self._taken, mark := mark_of(path))
        return place < len(self._taken) and self._taken[place] == mark

    def _lying(self, folder: Path) -> dict[str, list[Path]]:
        """Return the files of a folder by base name, with those of its subfolders without reports."""
        found: dict[str, list[Path]] = {}
        for path in self._files(folder, top=True):
            found.setdefault(path.name, []).append(path)
        return found

    def _files(self, folder: Path, *, top: bool) -> Iterator[Path]:
        try:
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except PermissionError:
            return
        others = [e for e in entries if Path(e.name).suffix.lower() not in self._suffixes]
        if not top and len(others) < len(entries):
            return
        for entry in others:
            if entry.is_dir(follow_symlinks=False):
                yield from self._files(Path(entry.path), top=False)
            elif entry.is_file(follow_symlinks=False):
                yield Path(entry.path)


def untaken(report: Path, names: Set[str]) -> int:
    """Return how many of the files that a document lists (`names`) lie in its folder."""
    return sum(_is_file(report.parent / name) for name in names)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # not a valid file name
        return False


def _member(path: Path, folder: Path) -> PackageFile:
    name = path.relative_to(folder).as_posix()
    if not name.isprintable():
        raise FormatRefused(DocumentFault.UNSAFE_NAME, ascii(name[:100])[1:-1])
    if path.stat().st_size > MAX_MEMBER:
        raise FormatRefused(DocumentFault.TOO_LARGE, name, parameters={"limit": MAX_MEMBER})
    size = crc = 0
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            size, crc = size + len(piece), zlib.crc32(piece, crc)
    return PackageFile(name, size, crc)


def _chunks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file in pieces.

    Raises:
        FormatRefused: the file has disappeared, or became unreadable.
    """
    try:
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                yield piece
    except OSError as error:
        raise FormatRefused(DocumentFault.MALFORMED, path.name) from error


def mark_of(path: Path | str) -> int:
    """Return a 64-bit hash (BLAKE2b) of a path or a name."""
    return int.from_bytes(hashlib.blake2b(os.fsencode(path), digest_size=8).digest(), "big")
