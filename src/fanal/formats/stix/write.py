"""Writer of STIX 2.1 bundles as a stream: an indicator for each list entry, with deterministic output."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from fanal.formats.indicators import CLEAR, Indicator, written_instant
from fanal.formats.stix.patterns import (
    DEFINED,
    EXTENSION,
    KINDS,
    TLP,
    extension,
    identity,
    indicator_id,
    stix_id,
    tlp_marking,
    write_pattern,
)

_NOTHING: Final = "[file:size = -1]"
"""A pattern that matches no file, for a withdrawn entry, whose value is no longer disclosed."""
_WHAT: Final[Mapping[str, str]] = {
    "URL": "Address",
    "HOST": "Address",
    "DOMAIN": "Address",
    "ONION": "Address",
    "EMAIL": "Electronic mail address",
    "IP": "Internet address",
    "HANDLE": "Name on a service",
}


class OutBundle(Struct, frozen=True, kw_only=True):
    """The frame of a STIX bundle to write: sending desk, TLP colour, confidence and subject.

    `subject` names the list, or the report to which the indicators belong; `grouped` adds a grouping object
    with that name.
    """

    desk: str
    subject: str
    tlp: str = "amber"
    confidence: int = 100
    grouped: bool = False


class Marks(Struct, frozen=True, kw_only=True):
    """Properties of a STIX indicator that its entry does not state: TLP colour, confidence, author, owner.

    `author` is the id of an identity object sent with it; `owner` is the source named in an external
    reference ("": none). `extended` adds Fanal's extension, whose definition must be sent too.
    """

    tlp: str = "amber"
    confidence: int = 100
    author: str = ""
    owner: str = ""
    extended: bool = False


def writable(item: Indicator) -> bool:
    """Return whether a STIX pattern can express every value of a list entry."""
    return bool(item.values) and KINDS.issuperset(item.values)


def write_bundle(items: Iterable[Indicator], out: OutBundle) -> Iterator[str]:
    """Yield the JSON text of a bundle in pieces, from list entries that are `writable`.

    `out` is the frame of the bundle: sending desk, subject, TLP colour, confidence.

    Raises:
        KeyError: unknown TLP colour, or an entry that is not writable.
    """
    marking = [TLP[out.tlp]]
    desk = identity(out.desk)
    yield f'{{"type":"bundle","id":"{stix_id("bundle", out.desk, out.subject)}","objects":[\n'
    fixed = [tlp_marking(out.tlp)]
    fixed += [said | {"object_marking_refs": marking} for said in (desk, *extension())]
    yield ",\n".join(_dumped(said) for said in fixed)
    written: list[str] = []
    marks = Marks(tlp=out.tlp, confidence=out.confidence, author=str(desk["id"]), extended=True)
    for item in items:
        said = write_indicator(item, marks)
        written.append(str(said["id"])) if out.grouped else None
        yield ",\n" + _dumped(said)
    if written:
        yield ",\n" + _dumped(_grouping(out, written, author=str(desk["id"])))
    yield "\n]}\n"


def write_indicator(item: Indicator, marks: Marks) -> dict[str, object]:
    """Return a list entry as a STIX indicator; an entry without values gets a pattern that matches no file.

    `marks` are the properties that the entry does not state. The only writer of indicators: a bundle and a
    TAXII server give the same entry the same id.

    Raises:
        KeyError: unknown TLP colour, or an entry with a value that STIX cannot express.
        ValueError: the entry has neither values nor an id.
    """
    created = item.added_at or DEFINED
    kind = item.key().partition(":")[0] if item.values else ""
    said: dict[str, object] = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": (identifier := indicator_id(item)),
        "created": created,
        # STIX requires `modified` to be no earlier than `created`.
        "modified": max(created, item.changed_at or created),
        "revoked": item.withdrawn,
        "name": _WHAT.get(kind, "Hash of known material"),
        "description": "Value of a list or of a report. No file is attached.",
        "indicator_types": ["benign" if item.scope == CLEAR else "malicious-activity"],
        "pattern": write_pattern(item.values) if item.values else _NOTHING,
        "pattern_type": "stix",
        "pattern_version": "2.1",
        "valid_from": created,
        "confidence": marks.confidence,
        "object_marking_refs": [TLP[marks.tlp]],
    }
    if item.until and not item.withdrawn:
        said["valid_until"] = written_instant(item.until)
    if item.classification:
        said["labels"] = [item.classification]
    if marks.author:
        said["created_by_ref"] = marks.author
    if marks.owner:
        said["external_references"] = [
            {"source_name": marks.owner, "external_id": identifier.partition("--")[2]}
        ]
    if marks.extended:
        said["extensions"] = {EXTENSION: _extended(item)}
    return said


def _extended(item: Indicator) -> dict[str, object]:
    return {
        "extension_type": "property-extension",
        "values": [{"kind": kind, "value": value} for kind, value in item.values.items()],
        "classification": item.classification,
        "scope": item.scope,
    }


def _grouping(out: OutBundle, written: Sequence[str], *, author: str) -> dict[str, object]:
    return {
        "type": "grouping",
        "spec_version": "2.1",
        "id": stix_id("grouping", out.desk, out.subject),
        "created_by_ref": author,
        "created": DEFINED,
        "modified": DEFINED,
        "name": out.subject,
        "context": "suspicious-activity",
        "object_refs": list(dict.fromkeys(written)),
        "object_marking_refs": [TLP[out.tlp]],
    }


def _dumped(said: Mapping[str, object]) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))
