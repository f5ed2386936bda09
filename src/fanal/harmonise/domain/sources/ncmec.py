"""NCMEC XML to a draft: the report, then its files with their details and computed hashes."""

from datetime import UTC, datetime
from typing import Final

from fanal.formats.ncmec.instants import earliest_instant
from fanal.formats.ncmec.read import read_file_details, read_report
from fanal.harmonise.domain.records import SourceFile
from fanal.harmonise.domain.sources.building import Draft, FileBuilding, ReportBuilding
from fanal.harmonise.domain.sources.ncmec_spot import ElementScope
from fanal.harmonise.domain.sources.ncmec_table import TABLE, refined_kind
from fanal.harmonise.domain.sources.received import add_received
from fanal.harmonise.domain.sources.walk import Walk, steps_of

_STEPS: Final = steps_of(TABLE)
_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)


def read_ncmec(
    body: bytes, *, files: tuple[SourceFile, ...], reference: str, received_at: datetime
) -> Draft:
    """Convert an NCMEC XML report and the details of its files to a draft.

    `reference` is the sender's; `received_at` is the latest date that an incident may have.

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
    """Add a file: values of its last details document, then the name and hashes of the received bytes.

    Values of earlier details documents go to `extra` only.
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
