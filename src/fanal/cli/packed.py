"""Packages of law-enforcement reports (ZIP files) on disk: counting and reading."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from fanal.formats.ncmec_json.package import PackedReport, count_reports, read_package
from fanal.formats.packages import PackageFile, ZipPackage
from fanal.intake.domain.records import AttachedFile


def count_packed(path: Path) -> int:
    """Return the number of reports in a package; 1 for a single document.

    Raises:
        OSError, FormatRefused: as `read_packed`.
    """
    if not is_packed(path):
        return 1
    with path.open("rb") as stream:
        return count_reports(ZipPackage(stream))


def is_packed(path: Path) -> bool:
    """Return whether a file has the suffix of a package (`.zip`)."""
    return path.suffix.lower() == ".zip"


def read_packed(path: Path) -> Iterator[tuple[PackedReport, bytes, tuple[AttachedFile, ...]]]:
    """Yield (report, key of its files, files) for each report of a package; the key is that of `enclosed_of`.

    The files are readable until the next report is requested. If there are several reports, all files are
    verified before the first: the package is imported completely or not at all.

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
