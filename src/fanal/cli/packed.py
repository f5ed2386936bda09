"""Packages of law-enforcement reports on disk: counted, then read while they are open."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from fanal.formats.ncmec_json.package import PackedReport, count_reports, read_package
from fanal.formats.packages import PackageFile, ZipPackage
from fanal.intake.domain.records import AttachedFile


def count_packed(path: Path) -> int:
    """Return how many reports a package may hold; a document alone is one.

    Raises:
        OSError, FormatRefused: as `read_packed`.
    """
    if not is_packed(path):
        return 1
    with path.open("rb") as stream:
        return count_reports(ZipPackage(stream))


def is_packed(path: Path) -> bool:
    """Return whether a file is called as packages are."""
    return path.suffix.lower() == ".zip"


def read_packed(path: Path) -> Iterator[tuple[PackedReport, bytes, tuple[AttachedFile, ...]]]:
    """Yield each report of a package with what identifies its files, and its files.

    The files can be read until the next report is asked for. Where there are several reports, all files
    are proved before the first: the package comes in whole or not at all.

    Raises:
        OSError: the file cannot be opened.
        FormatRefused: the package, or something in it.
    """
    with path.open("rb") as stream:
        package = ZipPackage(stream)
        if count_reports(package) > 1:
            package.prove()
        for report in read_package(package):
            files = tuple(_attached(package, member) for member in report.files)
            yield report, enclosed_of(report.files), files


def enclosed_of(files: Iterable[PackageFile]) -> bytes:
    """Return what identifies files that come with a report: names without folders, sizes and checksums.

    Packed or not, and in whatever order, the same files give the same.
    """
    return "\0".join(sorted(f"{f.base_name}\0{f.size}\0{f.crc}" for f in files)).encode()


def _attached(package: ZipPackage, member: PackageFile) -> AttachedFile:
    return AttachedFile(name=member.name, chunks=lambda: package.chunks(member))
