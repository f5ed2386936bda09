"""Packages of law-enforcement reports on disk: counted, then read while they are open."""

from collections.abc import Iterator
from pathlib import Path

from fanal.formats.ncmec_json.package import PackedReport, count_reports, read_package
from fanal.formats.packages import Member, Package
from fanal.intake.domain.records import AttachedFile


def count_packed(path: Path) -> int:
    """Return how many reports a package may hold; a document alone is one.

    Raises:
        OSError, FormatRefused: as `read_packed`.
    """
    if not is_packed(path):
        return 1
    with path.open("rb") as stream:
        return count_reports(Package(stream))


def is_packed(path: Path) -> bool:
    """Return whether a file is called as packages are."""
    return path.suffix.lower() == ".zip"


def read_packed(path: Path) -> Iterator[tuple[PackedReport, bytes, tuple[AttachedFile, ...]]]:
    """Yield each report of a package with what identifies its files, and its files.

    Names without their folders, sizes and checksums identify files, in whatever order they are packed.

    The files can be read until the next report is asked for. Where there are several reports, all files
    are proved before the first: the package comes in whole or not at all.

    Raises:
        OSError: the file cannot be opened.
        FormatRefused: the package, or something in it.
    """
    with path.open("rb") as stream:
        package = Package(stream)
        if count_reports(package) > 1:
            package.prove()
        for report in read_package(package):
            listed = sorted(f"{f.base_name}\0{f.size}\0{f.crc}" for f in report.files)
            files = tuple(_attached(package, member) for member in report.files)
            yield report, "\0".join(listed).encode(), files


def _attached(package: Package, member: Member) -> AttachedFile:
    return AttachedFile(name=member.name, chunks=lambda: package.chunks(member))
