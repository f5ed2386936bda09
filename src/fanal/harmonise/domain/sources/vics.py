"""Conversion of VICS cases to drafts, by table-driven traversal (`Walk`): mapping table and handlers.

A category has a meaning in one country's model only. It becomes a `CategoryHint` with that scheme, and the
file's class if the vocabulary counts it as abuse material. `Contact…` is the person to ask: a REPORTER.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from fanal.formats.report.records import Classification, ReportKind
from fanal.formats.vics.model import TYPES, CategoryUse, instant, integer, vocabulary_of
from fanal.formats.vics.read import VicsCase, read_case
from fanal.harmonise.domain.sources.building import CategoryHint, Draft, ReportBuilding, hash_field
from fanal.harmonise.domain.sources.ncmec_table import ElementScope, Keep, Spot, Taker, Use
from fanal.harmonise.domain.sources.ncmec_takers import TAKERS
from fanal.harmonise.domain.sources.walk import OPENERS, Steps, Walk, steps_of

_PARTS: Final = Use(Keep.PARTS)
_NAMED: Final[Mapping[str, Use]] = {
    "case/Contact": Use(Keep.PARTS, "reporter"),
    "case/SeizureDate": Use(Keep.BOTH, "vics.seized"),
    "case/Media": Use(Keep.PARTS, "file"),
    "contact/Organization": Use(Keep.BOTH, "person.service"),
    "contact/Name": Use(Keep.FIELD, "vics.contact"),
    "contact/Phone": Use(Keep.FIELD, "person.phone"),
    "contact/Email": Use(Keep.FIELD, "person.email"),
    "media/Category": Use(Keep.BOTH, "vics.category"),
    "media/MD5": Use(Keep.FIELD, "file.hash_by_length"),
    "media/SHA1": Use(Keep.FIELD, "file.hash_by_length"),
    "media/RelativeFilePath": Use(Keep.BOTH, "file.original_name"),
    "media/AlternativeHashes": Use(Keep.PARTS, "vics.hash"),
    "file/FileName": Use(Keep.FIELD, "file.name"),
}

TABLE: Final[Mapping[str, Use]] = {
    model.key: _NAMED.get(model.key, Use(Keep.EXTRA) if model.is_leaf else _PARTS)
    for kind in TYPES.values()
    for model in kind.elements.values()
}
"""How each key is kept: keys outside `_NAMED` stay in `extra` with their path, so nothing is lost."""


def read_vics(body: bytes, *, reference: str) -> Draft:
    """Convert a VICS case, or one part of a split case, to a report in common fields (draft).

    The draft's reference is the part's own, else the case's id, else `reference`.

    Raises:
        FormatRefused: the bytes are not a VICS document of one case, or exceed a limit.
    """
    case = read_case(body)
    document = case.document
    part = document.root.child("FanalPart")
    named = part.child("Reference") if part is not None else None
    own = (named.text if named is not None else document.text("CaseID")) or reference
    building = ReportBuilding(reference=own, kind=ReportKind.ABUSE_MATERIAL)
    walk = Walk(building, steps=_steps(case.context.country))
    walk.document(document.root, complaints=document.complaints, scope=ElementScope())
    _compare_totals(case, building)
    return building.build()


@cache
def _steps(country: str) -> Steps:
    return steps_of(
        TABLE,
        openers={**OPENERS, "vics.hash": _open_hash},
        takers={
            **TAKERS,
            "vics.category": _category_taker(country),
            "vics.seized": _take_seizure,
            "vics.contact": _take_contact,
        },
    )


def _category_taker(country: str) -> Taker:
    vocabulary = vocabulary_of(country)

    def taken(spot: Spot) -> bool:
        code = spot.text.strip()
        file = spot.scope.file
        if file is None or not code:
            return False
        hint = CategoryHint(scheme=vocabulary.scheme, code=code, path=spot.node.path)
        spot.building.hints.append(hint)
        material = vocabulary.use_of(code) is CategoryUse.MATERIAL
        if material and file.classification is None:
            file.classification = Classification(scheme=vocabulary.scheme, code=code)
        return True

    return taken


def _take_seizure(spot: Spot) -> bool:
    """Store the date of the seizure, the only date of a VICS case, in any notation that programs use.

    Returns whether it was readable; otherwise a warning is added. `spot` is the element in its context.
    """
    read = instant(spot.text)
    if read is None:
        spot.building.warn(spot.node.path, code="TIME_UNREADABLE", value=spot.text)
    elif spot.building.occurred_at is None:
        spot.building.occurred_at = read
    return read is not None


def _take_contact(spot: Spot) -> bool:
    person = spot.scope.person
    if person is None or not spot.text.strip() or person.names:
        return False
    person.names["first"] = spot.text
    return True


def _open_hash(spot: Spot) -> ElementScope:
    """Set a hash of the current file from a name-value pair of alternative hashes.

    Returns the unchanged scope (the current file). The pair itself is kept in `extra`. `spot` is the element
    in its context.
    """
    name, value = spot.node.child("HashName"), spot.node.child("HashValue")
    if spot.scope.file and name and value and hash_field(name.text or ""):
        spot.building.set_hash(
            spot.scope.file, name=name.text or "", value=value.text or "", path=value.path
        )
    return spot.scope


def _compare_totals(case: VicsCase, building: ReportBuilding) -> None:
    """Warn of totals stated in a case that differ from the counted ones: programs often state wrong totals.

    For a part of a split case, the counts are those of the whole case, which the part states (`FanalPart`).
    The warnings are added to `building`, the report's builder.
    """
    root, part = case.document.root, case.document.root.child("FanalPart")
    media = [node for node in root.children if node.name == "Media"]
    truths = (node.child("IsPrecategorized") for node in media)
    here = {
        "TotalMediaFiles": len(media),
        "TotalPrecategorized": sum(1 for t in truths if t and (t.text or "").lower() == "true"),
    }
    counts = {"TotalMediaFiles": "CountedMedia", "TotalPrecategorized": "CountedPrecategorized"}
    for name, counted_as in counts.items():
        node = root.child(name)
        told = part.child(counted_as) if part is not None else None
        counted = integer(told.text) if told is not None else here[name]
        stated = integer(node.text) if node is not None else None
        if node is not None and stated is not None and stated != counted:
            building.warn(node.path, code="TOTAL_DIFFERS", value=f"{stated} / {counted}")
