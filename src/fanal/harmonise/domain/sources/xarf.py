"""Conversion of XARF v4 reports (types csam and csem) to a draft, by table-driven traversal (`Walk`).

This module holds the mapping table of the format, and the element handlers that NCMEC XML does not have.
"""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import structs

from fanal.formats.ncmec.read import Document
from fanal.formats.report.records import Channel, Classification, Message, ReportKind
from fanal.formats.xarf import TYPES, read_xarf, text_of_evidence
from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.sources.building import (
    CategoryHint,
    Draft,
    FileBuilding,
    ReportBuilding,
    small_integer,
)
from fanal.harmonise.domain.sources.ncmec_table import ElementScope, Keep, Spot, Use
from fanal.harmonise.domain.sources.ncmec_takers import TAKERS
from fanal.harmonise.domain.sources.walk import OPENERS, Walk, steps_of
from fanal.harmonise.domain.values.addresses import read_ip

_NAMED: Final[Mapping[str, Use]] = {
    "xarf/timestamp": Use(Keep.FIELD, "occurred_at"),
    "xarf/reporter": Use(Keep.PARTS, "reporter"),
    "xarf/sender": Use(Keep.PARTS, "reporter"),
    "contact/org": Use(Keep.BOTH, "person.service"),
    "contact/contact": Use(Keep.FIELD, "person.email"),
    "xarf/url": Use(Keep.FIELD, "urls"),
    "xarf/description": Use(Keep.FIELD, "description.first"),
    "evidence/description": Use(Keep.BOTH, "description"),
    "xarf/evidence": Use(Keep.PARTS, "xarf.evidence"),
    "evidence/payload": Use(Keep.FIELD, "conversation"),  # its text, by `_open_evidence`
    "xarf/classification": Use(Keep.BOTH, "xarf.class"),
    "xarf/hash_values": Use(Keep.PARTS, "xarf.hashes"),
    "hashes/md5": Use(Keep.FIELD, "xarf.hash"),
    "hashes/sha1": Use(Keep.FIELD, "xarf.hash"),
    "hashes/sha256": Use(Keep.FIELD, "xarf.hash"),
    "xarf/exploitation_type": Use(Keep.BOTH, "xarf.exploitation"),
    "xarf/platform": Use(Keep.BOTH, "xarf.platform"),
    "xarf/perpetrator_indicators": Use(Keep.PARTS, "suspect"),
    "perpetrator/account_id": Use(Keep.FIELD, "person.handle"),
    "perpetrator/ip_addresses": Use(Keep.FIELD, "person.ip_address"),
    "perpetrator/pattern_of_behavior": Use(Keep.BOTH, "description"),
}

TABLE: Final[Mapping[str, Use]] = {
    model.key: _NAMED.get(model.key, Use(Keep.EXTRA if model.is_leaf else Keep.PARTS))
    for kind in TYPES.values()
    for model in kind.elements.values()
}
"""How each key is kept: keys outside `_NAMED` stay in `extra` with their path, so nothing is lost."""

_KINDS: Final = {
    "grooming": ReportKind.GROOMING,
    "solicitation": ReportKind.SOLICITATION,
    "sextortion": ReportKind.SEXTORTION,
    "trafficking": ReportKind.TRAFFICKING,
    "distribution": ReportKind.ABUSE_MATERIAL,
    "production": ReportKind.ABUSE_MATERIAL,
    "possession": ReportKind.ABUSE_MATERIAL,
}
_CHANNELS: Final = {
    "social_media": Channel.SOCIAL,
    "messaging_app": Channel.MESSAGING,
    "gaming_platform": Channel.GAME,
    "forum": Channel.WEB,
    "email": Channel.EMAIL,
    "darkweb": Channel.DARKWEB,
    "other": Channel.OTHER,
}


def read_xarf_report(body: bytes, *, reference: str) -> Draft:
    """Convert one XARF report to a draft; its own report id takes precedence over `reference`.

    Raises:
        FormatRefused: the bytes are not such a report, or exceed a limit.
    """
    document = read_xarf(body)
    building = ReportBuilding(reference=document.text("report_id") or reference)
    if document.text("type") == "csam":
        building.kind, building.channel = ReportKind.ABUSE_MATERIAL, Channel.WEB
    walk = Walk(building, steps=_STEPS)
    walk.document(document.root, complaints=document.complaints, scope=ElementScope())
    _add_origin(document, building)
    return building.build()


def _only_file(building: ReportBuilding) -> FileBuilding:
    """Return the builder of a csam report's single file, created if the report has none yet."""
    if not building.files:
        building.files.append(FileBuilding(path="hash_values"))
    return building.files[0]


def _take_class(spot: Spot) -> bool:
    code = spot.text.strip()
    scheme: Literal["INTERPOL", "NCMEC"] = "INTERPOL" if code == "baseline" else "NCMEC"
    given = Classification(scheme=scheme, code=code.upper())
    file = _only_file(spot.building)
    if file.classification is None:
        file.classification = given
    hint = CategoryHint(scheme="XARF_CSAM", code=code, path=spot.node.path)
    spot.building.hints.append(hint)
    return True


def _open_hashes(spot: Spot) -> ElementScope:
    return ElementScope(file=_only_file(spot.building))


def _take_hash(spot: Spot) -> bool:
    if spot.scope.file is None:
        return False
    held = spot.building.set_hash(
        spot.scope.file, name=spot.node.name, value=spot.text, path=spot.node.path
    )
    return held and spot.text == spot.text.strip().lower()


def _take_exploitation(spot: Spot) -> bool:
    code = spot.text.strip()
    spot.building.kind = _KINDS.get(code, ReportKind.OTHER)
    hint = CategoryHint(scheme="XARF_CSEM", code=code, path=spot.node.path)
    spot.building.hints.append(hint)
    return True


def _take_platform(spot: Spot) -> bool:
    spot.building.channel = _CHANNELS.get(spot.text.strip(), spot.building.channel)
    return True


def _open_evidence(spot: Spot) -> ElementScope:
    """Add the text of a piece of evidence to the report as a message of its conversation.

    Returns the scope with the text marked as read (`taken`); evidence without type or content stays in
    `extra`. `spot` is the element in its context.
    """
    kind, payload = spot.node.child("content_type"), spot.node.child("payload")
    if kind is None or payload is None:
        return spot.scope
    words = text_of_evidence(kind.text or "", payload.text or "", path=payload.path)
    spot.building.conversation.append(Message(text=words))
    return structs.replace(spot.scope, taken=frozenset({payload.path}))


def _add_origin(document: Document, building: ReportBuilding) -> None:
    """Add the report's source of the abuse (IP address with port, or host) to the draft as an identifier.

    `extra` keeps the value too. `document` is the report, `building` the builder of the draft.
    """
    source = document.text("source_identifier")
    is_ip = read_ip(source) is not None
    if is_ip or "." in source:
        building.add_loose(
            SelectorKind.IP if is_ip else SelectorKind.HOST,
            value=source,
            path="source_identifier",
            at=document.text("timestamp") if is_ip else None,
            port=small_integer(document.text("source_port")) if is_ip else None,
        )


_STEPS: Final = steps_of(
    TABLE,
    openers={**OPENERS, "xarf.evidence": _open_evidence, "xarf.hashes": _open_hashes},
    takers={
        **TAKERS,
        "xarf.class": _take_class,
        "xarf.exploitation": _take_exploitation,
        "xarf.hash": _take_hash,
        "xarf.platform": _take_platform,
    },
)
