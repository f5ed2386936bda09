"""Reading of files and folders for `fanal import`: packages, single documents, the files they list."""

import hashlib
import os
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from uuid import UUID

from fanal.cli.failures import words_of_refusal
from fanal.formats.ncmec_json import PackedReport, count_reports, read_package
from fanal.formats.packages import MAX_MEMBER, PackageFile, ZipPackage
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.intake.domain.records import Arrival, AttachedFile, Format, KeyKind, Submission

# Packages of law-enforcement reports (ZIP files) on disk: counting and reading.


def count_packed(path: Path) -> int:
    """Return the number of reports in a package (a ZIP file); 1 for a single document.

    Raises:
        OSError: the file cannot be opened.
        FormatRefused: the package is invalid.
    """
    if not is_packed(path):
        return 1
    with path.open("rb") as stream:
        return count_reports(ZipPackage(stream))


def is_packed(path: Path) -> bool:
    """Return whether a file has the suffix of a package of reports (`.zip`)."""
    return path.suffix.lower() == ".zip"


def read_packed(path: Path) -> Iterator[tuple[PackedReport, bytes, tuple[AttachedFile, ...]]]:
    """Yield each report of a package (a ZIP file) as (report, key of its files, files).

    The key identifies the files (`enclosed_of`). The files are readable until the next report is requested.
    If there are several reports, all files are verified before the first: the package is imported completely
    or not at all.

    Raises:
        OSError: the file cannot be opened.
        FormatRefused: the package, or a file in it, is invalid.
    """
    with path.open("rb") as stream:
        package = ZipPackage(stream)
        if count_reports(package) > 1:
            package.prove()
        for report in read_package(package):
            files = tuple(_attached(package, member) for member in report.files)
            yield report, enclosed_of(report.files), files


def enclosed_of(files: Iterable[PackageFile]) -> bytes:
    """Return a key that identifies the files of a report: base names, sizes and checksums.

    The key does not depend on packing or order.
    """
    return "\0".join(sorted(f"{f.base_name}\0{f.size}\0{f.crc}" for f in files)).encode()


def _attached(package: ZipPackage, member: PackageFile) -> AttachedFile:
    return AttachedFile(name=member.name, chunks=lambda: package.chunks(member))


# Unpacked packages of law-enforcement reports: a document, with its files in the same folder.
#
# A folder may hold unrelated files: only files listed by a report are imported, the others are reported.

_PIECE = 256 * 1024


class FilesBeside:
    """The files in the folders of an import that are no reports, and which report each of them belongs to.

    `suffixes` are those of the reports. Memory holds the file names of the current folders, and eight bytes
    for each file assigned to a report.
    """

    def __init__(self, suffixes: Sequence[str]) -> None:
        self._suffixes = tuple(suffixes)
        self._waiting: dict[Path, dict[str, list[Path]]] = {}
        self._taken = array("Q")
        self._sorted = True

    def waits(self, report: Path) -> bool:
        """Return whether the folder of the document `report` holds files not yet assigned to a report."""
        folder = report.parent
        inside = {folder, *folder.parents}
        self._waiting = {f: files for f, files in self._waiting.items() if f in inside}
        if folder not in self._waiting:
            self._waiting[folder] = self._lying(folder)
        return bool(self._waiting[folder])

    def take(self, report: Path, names: Set[str]) -> tuple[bytes, tuple[AttachedFile, ...]]:
        """Assign the files with these base names to a report; return their key and the files.

        The key identifies them (`enclosed_of`). Only files in the report's folder count. A file listed by
        several reports belongs to the first one.

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
        """Return whether the file at `path` was assigned to a report of this import."""
        if not self._sorted:
            self._taken, self._sorted = array("Q", sorted(self._taken)), True
        place = bisect_left(self._taken, mark := mark_of(path))
        return place < len(self._taken) and self._taken[place] == mark

    def _lying(self, folder: Path) -> dict[str, list[Path]]:
        """Return the files of a folder that are no reports, by base name.

        Those of its subfolders without reports are included.
        """
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
    """Return the number of files, of the base `names` that the document `report` lists, in its folder."""
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
    """Return a 64-bit hash (BLAKE2b) of a path or a name, by which it is remembered in eight bytes."""
    return int.from_bytes(hashlib.blake2b(os.fsencode(path), digest_size=8).digest(), "big")


# The results of the readers of `fanal import`: a report, or an unreadable item with its reason.


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundReport:
    """A report read from a file for import: its bytes, location and attached files.

    `place`: the location for messages; `format`: that of `body`; `body`: the bytes to keep; `canonical`: the
    bytes that identify its content; `reference`: its sender's reference or the file name; `enclosed`: a key
    that identifies its files. `urgent` and `language` (ISO 639-1, "" if unknown) are as the report states
    them. `details`: documents about its files; `untaken`: how many listed files lie in its folder but are not
    read.
    """

    place: str
    format: Format
    body: bytes
    canonical: bytes
    reference: str
    enclosed: bytes = b""
    urgent: bool = False
    language: str = ""
    details: tuple[bytes, ...] = ()
    files: tuple[AttachedFile, ...] = ()
    untaken: int = 0
    """Number of listed files in the report's folder, not read because only the document was named."""

    def submission(self, *, sender_id: UUID | None) -> Submission:
        """Return this report as the submission that intake takes, sent by the partner `sender_id`.

        Raises:
            ValueError: the sender is None.
        """
        if sender_id is None:
            raise ValueError("an import has a sender")
        return Submission(
            arrival=Arrival.IMPORT,
            format=self.format,
            body=self.body,
            canonical=self.canonical,
            enclosed=self.enclosed or b"".join(self.details),
            keys=((KeyKind.REFERENCE, self.reference),),
            sender_id=sender_id,
            reference=self.reference,
            urgent=self.urgent,
            language=self.language,
            details=self.details,
            files=self.files,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A file, or a part of it, that could not be read as a report: its location, and the reason as text."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file to read in an import.

    `name` is the reference of its report if the file is a `report.xml`. `beside` assigns the other files of a
    traversed folder to reports; None if the file itself was named.
    """

    path: Path
    name: str
    beside: FilesBeside | None = None


Reader = Callable[[Source, datetime], Iterator[FoundReport | Unreadable]]


def reason_of(refusal: FormatRefused | None) -> str:
    """Return as text, in the user's language, why a document is refused, with the place of the fault.

    "unreadable" for None.
    """
    if refusal is None:
        return "unreadable"
    said = words_of_refusal(refusal.code)
    return f"{said} ({refusal.path})" if refusal.path else said


# The traversal of folders for `fanal import`, in the order of file names, one folder in memory at a time.
#
# A delivery may hold millions of files: the whole traversal keeps only eight bytes for each report.

REPORT = "report.xml"


def find_sources(
    paths: Sequence[Path], suffixes: Sequence[str], beside: FilesBeside | None = None
) -> Iterator[Source]:
    """Yield each file of `paths`, and in folders each file with one of `suffixes`, with its report's name.

    A report is named after its folder; reports in folders of the same name (in one folder a year, for
    example), by their relative path. `beside` holds the other files of the folders. In the order of `paths`.
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
    """Yield each file of `paths`; of folders, recursively, each file that ends in one of `suffixes`.

    Files that contain details of other files are left out in folders.
    """
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
    """Return whether a file name ends in one of `suffixes` (given in lower case), whatever its case."""
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
    """Return the hashes (`mark_of`) of folder names that occur more than once among the reports' folders.

    They are searched under `folder`; a report's folder holds a `report.xml`.
    """
    import numpy as np

    marks = array("Q", (mark_of(f.parent.name) for f, _ in _walk(folder) if f.name == REPORT))
    ordered = np.sort(np.array(marks, dtype=np.uint64))
    return frozenset(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
