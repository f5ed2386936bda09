"""NCMEC XML to a draft: one walk, in which `ncmec_table` says what becomes of each value.

A taker answers whether its field now holds the whole value; whatever it does not hold, and whatever
the table wants in both places, goes to `extra` with its path. So nothing can be dropped.
"""

from datetime import UTC, datetime
from typing import Final

from fanal.formats.ncmec.instants import earliest_instant
from fanal.formats.ncmec.read import Attribute, Document, Node, read_file_details, read_report
from fanal.harmonise.domain.records import Extra, SourceFile
from fanal.harmonise.domain.sources.building import FileBuilding, ReportBuilding
from fanal.harmonise.domain.sources.draft import Draft
from fanal.harmonise.domain.sources.ncmec_kinds import refined_kind
from fanal.harmonise.domain.sources.ncmec_openers import OPENERS
from fanal.harmonise.domain.sources.ncmec_spot import Scope, Spot
from fanal.harmonise.domain.sources.ncmec_table import IGNORED_ATTRIBUTES, TABLE, Keep, Use
from fanal.harmonise.domain.sources.ncmec_takers import TAKERS

_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)
_UNLISTED: Final = Use(Keep.EXTRA)


_TOP: Final = Scope()


def read_ncmec(
    body: bytes, *, files: tuple[SourceFile, ...], reference: str, received_at: datetime
) -> Draft:
    """Return the draft of a report and of its files' details.

    Raises:
        FormatRefused: the bytes are no such document; what intake accepted never raises.
    """
    document = read_report(body, now=_END_OF_TIME)
    building = ReportBuilding(reference=reference)
    _visit_document(building, document, scope=_TOP)
    if (earliest := earliest_instant(building.occurred_at or "")) and earliest > received_at:
        path = "report/incidentSummary/incidentDateTime"
        building.warn(path, code="FUTURE_DATE", value=building.occurred_at or "")
    for index, source in enumerate(files, start=1):
        _add_file(building, source, path=f"fileDetails[{index}]")
    building.kind = refined_kind(building.kind, annotations=building.annotations)
    return building.build()


def _visit_document(building: ReportBuilding, document: Document, *, scope: Scope) -> None:
    for complaint in document.complaints:
        building.warn(complaint.path, code=complaint.code, value=complaint.value)
    _visit_inside(building, document.root, scope=scope)


def _add_file(building: ReportBuilding, source: SourceFile, *, path: str) -> None:
    """Add a file: what its details say, then the hashes computed from the bytes received."""
    file = FileBuilding(path=path)
    building.files.append(file)
    if source.details is None:
        building.add_extra(f"{path}/fileId", value=source.file_id)
    else:
        details = read_file_details(source.details, path=path)
        _visit_document(building, details, scope=Scope(file=file))
    for name in ("sha256", "sha1", "md5", "pdq"):
        value: str | None = getattr(source, name)
        if value is None:
            continue
        computed = f"{path}/received/{name}"
        if not building.set_hash(file, name=name, value=value, path=computed):
            building.warn(computed, code="HASH_DIFFERS_FROM_REPORTED", value=value)
            building.add_extra(computed, value=value)
    if source.size is not None:
        building.add_extra(f"{path}/received/size", value=str(source.size))


def _visit_inside(building: ReportBuilding, node: Node, *, scope: Scope) -> None:
    for attribute in node.attributes:
        _visit_attribute(building, attribute, scope=scope, node=node)
    if node.children:
        if node.text is not None and not node.text.isspace():
            building.add_extra(node.path, value=node.text)
        for child in node.children:
            _visit(building, child, scope=scope)


def _visit(building: ReportBuilding, node: Node, *, scope: Scope) -> None:
    use = _UNLISTED if node.model is None else TABLE[node.model.key]
    if use.keep is Keep.PARTS:
        if use.field and not scope.closed:
            scope = OPENERS[use.field](Spot(building, scope, node, ""))
        if not node.children and node.text is not None and not node.text.isspace():
            building.add_extra(node.path, value=node.text)
        _visit_inside(building, node, scope=scope)
        return
    if not node.children and node.path not in scope.taken:
        text = node.text or ""
        held = (
            bool(use.field)
            and not scope.closed
            and TAKERS[use.field](Spot(building, scope, node, text))
        )
        if not (held and use.keep is Keep.FIELD):
            building.extra.append(Extra(path=node.path, value=text))
    if node.attributes or node.children:
        _visit_inside(building, node, scope=scope)


def _visit_attribute(
    building: ReportBuilding, attribute: Attribute, *, scope: Scope, node: Node
) -> None:
    if attribute.model is None and attribute.name in IGNORED_ATTRIBUTES:
        return
    if attribute.path in scope.taken:
        return
    if attribute.model is not None and not scope.closed:
        use = TABLE[attribute.model.key]
        if use.field:
            TAKERS[use.field](Spot(building, scope, node, attribute.value))
    building.add_extra(attribute.path, value=attribute.value)
