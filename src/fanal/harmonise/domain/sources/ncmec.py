"""Conversion of NCMEC XML reports, with the details documents and hashes of their files, to drafts.

Name, hashes and size of received files are compared with the sender's statements about them.
"""

from datetime import UTC, datetime
from typing import Final

from fanal.formats.ncmec.instants import earliest_instant
from fanal.formats.ncmec.read import read_file_details, read_report
from fanal.harmonise.domain.records import SourceFile
from fanal.harmonise.domain.sources.building import Draft, FileBuilding, ReportBuilding
from fanal.harmonise.domain.sources.ncmec_table import TABLE, ElementScope, refined_kind
from fanal.harmonise.domain.sources.walk import Walk, steps_of

_HASHES = ("sha256", "sha1", "md5", "pdq")


def add_received(
    building: ReportBuilding, source: SourceFile, *, file: FileBuilding, path: str
) -> None:
    """Complete a file of the draft with the name, hashes and size of the received bytes (`source`).

    Where they differ from the sender's statement, both are kept; for a hash, with a warning. `building` is
    the report's builder, for warnings; `path` the file's place in the source.
    """
    if not file.name and not file.original_name:
        file.name = source.name or None
    elif source.name not in {"", file.name, file.original_name}:
        building.add_extra(f"{path}/name", value=source.name)
    for name in _HASHES:
        value: str | None = getattr(source, name)
        if value is None:
            continue
        computed = f"{path}/{name}"
        if not building.set_hash(file, name=name, value=value, path=computed):
            building.warn(computed, code="HASH_DIFFERS_FROM_REPORTED", value=value)
            building.add_extra(computed, value=value)
    if source.size is not None:
        building.add_extra(f"{path}/size", value=str(source.size))


def add_package(building: ReportBuilding, files: tuple[SourceFile, ...]) -> None:
    """Match the received files of a package with the files listed in its report: by hash, then by name.

    A file that is not listed is added to the report (`FILE_NOT_LISTED`); a listed file that is missing gets a
    warning (`FILE_NOT_RECEIVED`). Without any received file, nothing is compared. `building` is the report's
    builder, which lists its files.
    """
    if not files:
        return
    matched = _matched(building, files)
    for file in building.files:
        if not any(found is file for found in matched.values()):
            building.warn(file.path, code="FILE_NOT_RECEIVED", value=file.name or "")
    for place, source in enumerate(files):
        if place in matched:
            file, path = matched[place], f"{matched[place].path}/received"
        else:
            path = f"package/file[{place + 1}]"
            file = FileBuilding(path=path)
            building.files.append(file)
            building.warn(path, code="FILE_NOT_LISTED", value=source.name)
        add_received(building, source, file=file, path=path)


def _matched(building: ReportBuilding, files: tuple[SourceFile, ...]) -> dict[int, FileBuilding]:
    """Match received files to the files that a report lists: first by hash, then by name.

    Returns the listed files by the index of the received one in `files`; unmatched ones are absent.
    `building` is the report's builder, which lists its files.
    """
    ids = {
        item.path.removesuffix("/submittalId"): item.value
        for item in building.extra
        if item.path.endswith("/submittalId")
    }
    left, matched = list(building.files), dict[int, FileBuilding]()
    for agrees in (_same_hash, _same_name):
        for place, source in enumerate(files):
            if place in matched:
                continue
            found = next((f for f in left if agrees(f, source, ids.get(f.path, ""))), None)
            if found is not None:
                matched[place] = found
                left = [file for file in left if file is not found]
    return matched


def _same_hash(file: FileBuilding, source: SourceFile, _: str) -> bool:
    return any(
        value is not None and file.hashes.get(name) == value
        for name, value in ((name, getattr(source, name)) for name in _HASHES)
    )


def _same_name(file: FileBuilding, source: SourceFile, submittal_id: str) -> bool:
    own = _base(source.name)
    return bool(own) and own in {
        _base(name) for name in (file.name, file.original_name, submittal_id) if name
    }


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2].casefold()


_STEPS: Final = steps_of(TABLE)
_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)


def read_ncmec(
    body: bytes, *, files: tuple[SourceFile, ...], reference: str, received_at: datetime
) -> Draft:
    """Convert an NCMEC XML report and the details of its files to a draft.

    `reference` becomes the report's reference. An incident date after `received_at` gives a warning
    (`FUTURE_DATE`).

    Raises:
        FormatRefused: the bytes are not such a document; never raised for a report that intake accepted.
    """
    document = read_report(body, now=_END_OF_TIME)
    building = ReportBuilding(reference=reference)
    walk = Walk(building, steps=_STEPS)
    walk.document(document.root, complaints=document.complaints, scope=ElementScope())
    if (earliest := earliest_instant(building.occurred_at or "")) and earliest > received_at:
        path = "report/incidentSummary/incidentDateTime"
        building.warn(path, code="FUTURE_DATE", value=building.occurred_at or "")
    for index, source in enumerate(files, start=1):
        _add_file(building, source, walk=walk, path=f"fileDetails[{index}]")
    building.kind = refined_kind(building.kind, annotations=building.annotations)
    return building.build()


def _add_file(building: ReportBuilding, source: SourceFile, *, walk: Walk, path: str) -> None:
    """Add a file to the report read: values of its last details document, then name and hashes.

    `path` is its path in the draft (`fileDetails[2]`). Values of earlier details documents go to `extra`
    only. `walk` reads the documents into the builder `building`; `source` is the received file.
    """
    file = FileBuilding(path=path)
    building.files.append(file)
    if source.details is None:
        building.add_extra(f"{path}/fileId", value=source.file_id)
    else:
        details = read_file_details(source.details, path=path)
        walk.document(details.root, complaints=details.complaints, scope=ElementScope(file=file))
    _keep_earlier(source, walk=walk, path=path)
    add_received(building, source, file=file, path=f"{path}/received")


def _keep_earlier(source: SourceFile, *, walk: Walk, path: str) -> None:
    replaced = (details for details in source.earlier if details != source.details)
    for number, earlier in enumerate(replaced, start=1):
        before = read_file_details(earlier, path=f"{path}/earlier[{number}]")
        walk.document(before.root, complaints=(), scope=ElementScope(closed=True))
