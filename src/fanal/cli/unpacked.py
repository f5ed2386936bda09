"""Packages of law-enforcement reports that somebody unpacked: a document, and its files in its folder.

A folder may hold anything else, too: only files that a report lists by name are taken, the others are told.
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
    """What lies in the folders of a walk beside its documents, and which of it reports have taken.

    In memory are the names of the folders that the walk is in, and eight octets a file that was taken.
    """

    def __init__(self, suffixes: Sequence[str]) -> None:
        self._suffixes = tuple(suffixes)
        self._waiting: dict[Path, dict[str, list[Path]]] = {}
        self._taken = array("Q")
        self._sorted = True

    def waits(self, report: Path) -> bool:
        """Return whether anything is left in the folder of a document."""
        folder = report.parent
        inside = {folder, *folder.parents}
        self._waiting = {f: files for f, files in self._waiting.items() if f in inside}
        if folder not in self._waiting:
            self._waiting[folder] = self._lying(folder)
        return bool(self._waiting[folder])

    def take(self, report: Path, names: Set[str]) -> tuple[bytes, tuple[AttachedFile, ...]]:
        """Return what identifies the files that a report lists, and those; the first to list one gets it.

        Raises:
            FormatRefused: a file is too large, or has a name that no package may have.
            OSError: one cannot be read.
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
        """Return whether a report has taken a file."""
        if not self._sorted:
            self._taken, self._sorted = array("Q", sorted(self._taken)), True
        place = bisect_left(self._taken, mark := mark_of(path))
        return place < len(self._taken) and self._taken[place] == mark

    def _lying(self, folder: Path) -> dict[str, list[Path]]:
        """Return what lies in a folder and those below that hold no documents themselves, by its own name."""
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
    """Return how many files that a document lists lie in its folder."""
    return sum(_is_file(report.parent / name) for name in names)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
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
    """Yield the bytes of a file.

    Raises:
        FormatRefused: it went away, or cannot be read any more.
    """
    try:
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                yield piece
    except OSError as error:
        raise FormatRefused(DocumentFault.MALFORMED, path.name) from error


def mark_of(path: Path | str) -> int:
    """Return eight octets that stand for a path, or a name of one."""
    return int.from_bytes(hashlib.blake2b(os.fsencode(path), digest_size=8).digest(), "big")
