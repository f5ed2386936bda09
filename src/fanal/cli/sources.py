"""The readers of `fanal import` for files and folders, by format, one report at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path

from fanal.cli import import_files
from fanal.cli.documents import READERS
from fanal.cli.failures import reason, tell, words
from fanal.cli.import_files import (
    FilesBeside,
    FoundReport,
    Reader,
    Source,
    Unreadable,
    count_packed,
    is_packed,
    read_packed,
    reason_of,
    untaken,
)
from fanal.formats.iso20022.read import cut_parts as cut_iso
from fanal.formats.ncmec.read import read_report as read_ncmec_xml
from fanal.formats.ncmec_json import listed_names, read_export
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.report.read import canonical_bytes, read_lines
from fanal.formats.transfer import PayerPart
from fanal.formats.transfers import Damaged, cut_parts as cut_csv
from fanal.formats.vics.read import CasePart, Survey, cut_parts, read_case, survey
from fanal.intake.domain.records import Format
from fanal.kernel.typed import whole_number

# Files of bank transfers on disk: split by payer, counted for the progress bar.


def transfers_reader(format_: Format) -> Reader:
    """Return the reader of a format of bank transfers: a function of (file, time) that yields reports.

    It yields a `FoundReport` for each payer, and an `Unreadable` for each damaged row.
    """

    def read(source: Source, now: datetime) -> Iterator[FoundReport | Unreadable]:
        del now
        path = source.path
        try:
            for item in cut(path, format_):
                if isinstance(item, PayerPart):
                    yield FoundReport(
                        place=f"{path}: {item.place}",
                        format=format_,
                        body=item.body,
                        canonical=item.body,
                        reference=item.reference,
                    )
                else:
                    yield Unreadable(place=f"{path}:{item.line}", reason=reason_of(item.refusal))
        except FormatRefused as refusal:
            yield Unreadable(place=str(path), reason=reason_of(refusal))

    return read


def cut(path: Path, format_: Format) -> Iterator[PayerPart | Damaged]:
    """Yield the parts of a file of bank transfers, one for each payer, and its damaged rows.

    `format_` is its format (CSV of an operator, pacs.008 or camt.053).

    Raises:
        FormatRefused: the file has another format; parts already yielded remain valid.
        OSError: the file is unreadable.
    """
    with path.open("rb") as stream:
        if format_ is Format.TRANSFERS:
            yield from cut_csv(stream)
        else:
            yield from cut_iso(stream, kind=format_.value)


def count_transfers(path: Path, *, format_: Format) -> int:
    """Return the number of parts (one for each payer) and damaged rows in a file of transfers.

    Raises:
        FormatRefused: the file has another format.
        OSError: the file is unreadable.
    """
    state = path.stat()
    return _transfers_counted(path, format_, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=8)
def _transfers_counted(path: Path, format_: Format, _size: int, _changed: int) -> int:
    return sum(1 for _ in cut(path, format_))


# VICS files on disk: surveyed once for the progress bar and the parts; wrong totals are reported.

_WHOLE = 10_000_000


def count_parts(path: Path) -> int:
    """Return the number of reports that a VICS case file yields; 1 if it is invalid or unreadable."""
    try:
        return max(1, sum(case.parts for case in _surveyed(path).cases))
    except (FormatRefused, OSError):
        return 1


def read_parts(path: Path) -> Iterator[tuple[CasePart, bytes]]:
    """Yield the parts of a VICS case file (a delivery of media hashes), each with the bytes to store for it.

    A part is a VICS document of its own, with some of the case's media. The bytes are those of the part, or
    of the original file if it is a single part of at most 10 MB. Totals that differ are reported on standard
    error.

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


# Readers of files and folders by format.

_MAX_FILE = 50_000_000


def count_sources(format_: str, paths: Sequence[Path]) -> int:
    """Return the number of reports of `format_` in `paths`, for the progress bar.

    An unreadable file counts 0, or 1 in some formats.
    """
    suffixes, _ = FORMATS[format_]
    count = _COUNTERS.get(format_, _one)
    return sum(_counted(path, count) for path in import_files.find_files(paths, suffixes))


def read_sources(
    format_: str, paths: Sequence[Path], *, now: datetime, beside: FilesBeside | None = None
) -> Iterator[FoundReport | Unreadable]:
    """Yield every report of `format_` under `paths`, one in memory at a time, and every unreadable item.

    `now`: an NCMEC XML report with a later incident date is refused. `beside` assigns the other files of the
    folders to reports (`lying_beside`).
    """
    suffixes, read = FORMATS[format_]
    for source in import_files.find_sources(paths, suffixes, beside or lying_beside(format_)):
        try:
            yield from read(source, now)
        except OSError as failure:
            yield Unreadable(place=str(source.path), reason=reason(failure))


def lying_beside(format_: str) -> FilesBeside:
    """Return a new `FilesBeside`, which assigns files of an import's folders to reports of `format_`."""
    return FilesBeside(FORMATS[format_][0])


def passed_over(
    format_: str, paths: Sequence[Path], *, beside: FilesBeside | None = None
) -> Iterator[Path]:
    """Yield the files under the folders of `paths` that an import of `format_` ignores.

    They are no reports of the format, and `beside`, used by that import, has assigned them to none.
    """
    suffixes, _ = FORMATS[format_]
    return import_files.passed_over(paths, suffixes, beside or lying_beside(format_))


def _one(_: Path) -> int:
    return 1


def _counted(path: Path, count: Callable[[Path], int]) -> int:
    try:
        return count(path)
    except (OSError, FormatRefused):
        return 0  # reported when it is read


def _count_lines(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(1 for line in stream if line.strip())


def _read_jsonl(source: Source, now: datetime) -> Iterator[FoundReport | Unreadable]:
    del now
    path = source.path
    with path.open("rb") as stream:
        for line in read_lines(stream):
            place = f"{path}:{line.number}"
            if line.report is None:
                yield Unreadable(place=place, reason=reason_of(line.refusal))
                continue
            yield FoundReport(
                place=place,
                format=Format.REPORT,
                body=line.body,
                canonical=canonical_bytes(line.report),
                reference=line.report.reference,
                urgent=line.report.emergency,
                language=line.report.language or "",
            )


def _read_xml(source: Source, now: datetime) -> Iterator[FoundReport | Unreadable]:
    """Yield the report of an NCMEC XML file, or why it is unreadable.

    A `report.xml` is named after its folder, and its details are in the `file-*.xml` next to it.
    """
    path = source.path
    try:
        body = _bytes(path)
        document = read_ncmec_xml(body, now=now)
        is_folder = path.name == import_files.REPORT
        beside = sorted(path.parent.glob("file-*.xml"), key=_number) if is_folder else []
        details = tuple(_bytes(p) for p in beside)
    except FormatRefused as refusal:
        yield Unreadable(place=str(path), reason=reason_of(refusal))
        return
    summary = document.root.child("incidentSummary")
    yield FoundReport(
        place=str(path),
        format=Format.NCMEC_XML,
        body=body,
        canonical=body,
        reference=source.name if is_folder else path.stem,
        urgent=summary is not None and summary.child("escalateToHighPriority") is not None,
        details=details,
    )


def _read_json(source: Source, now: datetime) -> Iterator[FoundReport | Unreadable]:
    if is_packed(source.path):
        yield from _read_packed(source)
        return
    for found in _document_reader(Format.NCMEC_JSON)(source, now):
        if isinstance(found, Unreadable):
            yield found
        elif source.beside is not None:
            yield _with_files(found, source.path, source.beside)
        else:  # with a single named document, other files may have the same names by chance
            names = listed_names(read_export(found.body))
            yield replace(found, untaken=untaken(source.path, names))


def _with_files(found: FoundReport, path: Path, beside: FilesBeside) -> FoundReport | Unreadable:
    """Return a report (`found`) with the files that it lists and that lie in the folder of its `path`.

    If such a file is refused, return the reason instead. `beside` assigns the files of the folder to
    reports.
    """
    if not beside.waits(path):
        return found
    try:
        enclosed, files = beside.take(path, listed_names(read_export(found.body)))
    except FormatRefused as refusal:
        return Unreadable(place=str(path), reason=reason_of(refusal))
    return replace(found, enclosed=enclosed, files=files)


def _document_reader(format_: Format) -> Reader:
    """Return the reader of a format with one report a document: a function of file and time.

    It yields the report, or why it is unreadable. A report without a reference takes the name of its file as
    reference.
    """

    def read(source: Source, now: datetime) -> Iterator[FoundReport | Unreadable]:
        del now
        path = source.path
        try:
            body = _bytes(path)
            own, urgent = READERS[format_](body)
        except FormatRefused as refusal:
            yield Unreadable(place=str(path), reason=reason_of(refusal))
            return
        yield FoundReport(
            place=str(path),
            format=format_,
            body=body,
            canonical=body,
            reference=own or path.stem,
            urgent=urgent,
        )

    return read


def _read_vics(source: Source, now: datetime) -> Iterator[FoundReport | Unreadable]:
    """Yield the reports in a VICS file, one for each part of each case; if it is invalid, the reason, last.

    A part is a document of its own with some of the case's media (`PART_MEDIA`, `PART_BYTES`). `canonical`
    contains the part as Fanal writes it, with the entry `FanalPart` that says which media it holds; `body` is
    the file itself if it is a single part and not too large.

    Raises:
        OSError: the file cannot be read.
    """
    del now
    try:
        for part, body in read_parts(source.path):
            yield FoundReport(
                place=f"{source.path}: {part.reference}",
                format=Format.VICS,
                body=body,
                canonical=part.body,
                reference=part.reference,
            )
    except FormatRefused as refusal:
        hash_set = refusal.parameters.get("expected") == "#Cases"
        reason = words("VICS_HASH_SET") if hash_set else reason_of(refusal)
        yield Unreadable(place=str(source.path), reason=reason)


def _read_packed(source: Source) -> Iterator[FoundReport | Unreadable]:
    """Yield the reports of a package, which stays open while their files are streamed."""
    try:
        for report, enclosed, files in read_packed(source.path):
            yield FoundReport(
                place=f"{source.path}:{report.name}",
                format=Format.NCMEC_JSON,
                body=report.body,
                canonical=report.body,
                enclosed=enclosed,
                reference=report.document.text("reportId") or Path(report.name).stem,
                files=files,
            )
    except FormatRefused as refusal:
        hash_set = refusal.parameters.get("expected") == "#Cases"
        reason = words("VICS_HASH_SET") if hash_set else reason_of(refusal)
        yield Unreadable(place=str(source.path), reason=reason)


def _bytes(path: Path) -> bytes:
    if path.stat().st_size > _MAX_FILE:
        raise FormatRefused(DocumentFault.TOO_LARGE)
    return path.read_bytes()


def _number(path: Path) -> tuple[int, str]:
    return (whole_number(path.stem.removeprefix("file-")) or 0, path.name)


FORMATS: dict[str, tuple[tuple[str, ...], Reader]] = {
    "jsonl": ((".jsonl",), _read_jsonl),
    "ncmec-xml": ((".xml",), _read_xml),
    "ncmec-json": ((".json", ".zip"), _read_json),
    "vics": ((".json",), _read_vics),
    "xarf": ((".json",), _document_reader(Format.XARF)),
    "dsa-18": ((".json",), _document_reader(Format.DSA_18)),
    "com-2022-209": ((".json",), _document_reader(Format.COM_2022_209)),
    "transfers": ((".csv", ".tsv", ".txt"), transfers_reader(Format.TRANSFERS)),
    "pacs008": ((".xml",), transfers_reader(Format.PACS_008)),
    "camt053": ((".xml",), transfers_reader(Format.CAMT_053)),
}
"""The file suffixes and the reader of each format."""
_COUNTERS: dict[str, Callable[[Path], int]] = {
    "jsonl": _count_lines,
    "ncmec-json": count_packed,
    "vics": count_parts,
    "transfers": partial(count_transfers, format_=Format.TRANSFERS),
    "pacs008": partial(count_transfers, format_=Format.PACS_008),
    "camt053": partial(count_transfers, format_=Format.CAMT_053),
}
