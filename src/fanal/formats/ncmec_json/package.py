"""Packages of law-enforcement reports: JSON documents with the files that they list."""

from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Final

from msgspec import Struct

from fanal.formats.ncmec.read import Document, Node
from fanal.formats.ncmec_json.read import MAX_BYTES, read_export
from fanal.formats.packages import PackageFile, ZipPackage
from fanal.formats.refusal import DocumentFault, FormatRefused

_SUFFIX: Final = ".json"
_NAMES: Final = ("filename", "originalFilename", "submittalId")


class PackedReport(Struct, frozen=True, kw_only=True):
    """A report of a package: its file name, its bytes, the parsed document, and its files."""

    name: str
    body: bytes
    document: Document
    files: tuple[PackageFile, ...]


class _Listed(Struct, frozen=True, kw_only=True):
    """A report of a package, of which only the names of its listed files are kept in memory."""

    member: PackageFile
    names: frozenset[str]


def count_reports(package: ZipPackage) -> int:
    """Return the number of JSON documents in a package, by their names: its reports at most."""
    return sum(member.name.lower().endswith(_SUFFIX) for member in package.members)


def read_package(package: ZipPackage) -> Iterator[PackedReport]:
    """Yield the reports of a package, one at a time in memory; each file belongs to one report.

    A file belongs to the report that lists its name; an unlisted file to a report in its folder or in the
    closest parent folder, else to the first report.

    Raises:
        FormatRefused: before the first report: a JSON document is no report and no report lists it, the
            package has no report, or it contains a package that no report lists.
    """
    listed, others = _listed(package)
    files = _assigned(listed, others)
    for report in listed:
        body = package.read(report.member, limit=MAX_BYTES)
        yield PackedReport(
            name=report.member.name,
            body=body,
            document=read_export(body),
            files=tuple(files.get(report.member.name, ())),
        )


def listed_names(document: Document) -> frozenset[str]:
    """Return the names of the uploaded files that a report lists, without their folders."""
    found: set[str] = set()
    waiting = [document.root]
    while waiting:
        node = waiting.pop()
        if node.name == "uploadedFiles":
            found |= _names_of(node)
        waiting += node.children
    return frozenset(found)


def _names_of(node: Node) -> set[str]:
    return {
        (child.text or "").replace("\\", "/").rpartition("/")[2]
        for child in node.children
        if child.name in _NAMES and (child.text or "").strip()
    }


def _listed(package: ZipPackage) -> tuple[list[_Listed], list[PackageFile]]:
    """Return the reports of a package, and its other files.

    Raises:
        FormatRefused: as `read_package`.
    """
    reports: list[_Listed] = []
    refused: dict[str, FormatRefused] = {}
    for member in package.members:
        if not member.name.lower().endswith(_SUFFIX):
            continue
        try:
            document = read_export(package.read(member, limit=MAX_BYTES))
        except FormatRefused as refusal:
            refused[member.name] = refusal
        else:
            reports.append(_Listed(member=member, names=listed_names(document)))
    own = {report.member.name for report in reports}
    others = [member for member in package.members if member.name not in own]
    _check(others, names=frozenset[str]().union(*(r.names for r in reports)), refused=refused)
    if not reports:
        raise FormatRefused(DocumentFault.NO_REPORT_INSIDE)
    return reports, others


def _check(
    others: list[PackageFile], *, names: frozenset[str], refused: Mapping[str, FormatRefused]
) -> None:
    """Refuse unlisted files that may contain reports: JSON that is no report, and packages.

    Raises:
        FormatRefused: as `read_package`.
    """
    for member in others:
        if member.base_name in names:
            continue
        failure = refused.get(member.name)
        if failure is not None:
            raise FormatRefused(failure.code, member.name, parameters=failure.parameters)
        if member.is_package:
            raise FormatRefused(DocumentFault.NESTED_PACKAGE, member.name)


def _assigned(reports: list[_Listed], files: list[PackageFile]) -> Mapping[str, list[PackageFile]]:
    """Assign each file to a report as `read_package` says; return the files by the name of their report."""
    by_name: dict[str, list[_Listed]] = {}
    by_folder: dict[str, _Listed] = {}
    for report in reports:
        by_folder.setdefault(report.member.folder, report)
        for name in report.names:
            by_name.setdefault(name, []).append(report)
    found: dict[str, list[PackageFile]] = {}
    for file in files:
        naming = by_name.get(file.base_name)
        if naming:
            owner = max(naming, key=lambda r: _shared(r.member.folder, file.folder))
        else:
            above = (by_folder[folder] for folder in _upwards(file.folder) if folder in by_folder)
            owner = next(above, reports[0])
        found.setdefault(owner.member.name, []).append(file)
    return found


def _shared(folder: str, other: str) -> int:
    """Return the number of leading folders that two folder paths have in common."""
    pairs = zip(folder.split("/"), other.split("/"), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _upwards(folder: str) -> Iterator[str]:
    """Yield a folder and its parents, the top level ("") last."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield ""
