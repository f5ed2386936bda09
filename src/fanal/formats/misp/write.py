"""Writer of a MISP event: one attribute or object for each entry, with deterministic output."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from fanal.formats.indicators import CLEAR, Indicator, derived_id
from fanal.formats.misp.types import (
    CLASS_TAG,
    COPINE_TAG,
    OWN_OBJECT,
    SCOPE_TAG,
    TLP_TAG,
    WRITTEN,
)

COLOURS: Final = ("white", "green", "amber", "red")
_REACH: Final[Mapping[str, str]] = {"white": "3", "green": "2", "amber": "1", "red": "0"}
"""MISP distribution level by TLP colour: all communities, connected ones, this one, the organisation."""
_TEMPLATE: Final = str(derived_id("misp-object", OWN_OBJECT))
_RELATION: Final[Mapping[str, str]] = {"PDQ": "pdq", "PHOTODNA": "photodna"}
_EPOCH: Final = "2026-11-25T00:00:00.000Z"
"""When this form of output was defined: the date of entries without their own."""


class OutEvent(Struct, frozen=True, kw_only=True):
    """The head of an event: sending desk, name of the list or report (`subject`), TLP colour, last change."""

    desk: str
    subject: str
    tlp: str = "amber"
    changed_at: str = _EPOCH


def writable(item: Indicator) -> bool:
    """Return whether MISP can express an entry: each value has a type, or a place in Fanal's own object."""
    return bool(item.values) and WRITTEN.keys() >= item.values.keys()


def is_object(item: Indicator) -> bool:
    """Return whether an entry is written as an object: several values, or one without a MISP type."""
    return len(item.values) > 1 or not _RELATION.keys().isdisjoint(item.values)


def write_event(
    out: OutEvent, *, attributes: Iterable[Indicator], objects: Iterable[Indicator]
) -> Iterator[str]:
    """Yield the JSON text of an event in pieces, from list entries that are `writable`.

    `objects` are the entries for which `is_object` is true, `attributes` the others.

    Raises:
        KeyError: unknown TLP colour, or an entry that is not writable.
    """
    head = _dumped(_head(out))
    yield '{"Event":{"Attribute":[\n'
    for number, item in enumerate(attributes):
        [(kind, value)] = item.values.items()
        said = _attribute(item, kind, value, own=item.key())
        yield (",\n" if number else "") + _dumped(said)
    yield '\n],"Object":[\n'
    for number, item in enumerate(objects):
        yield (",\n" if number else "") + _dumped(_object(item))
    yield "\n]," + head[1:-1] + "}}\n"


def _head(out: OutEvent) -> dict[str, object]:
    desk = {"name": out.desk, "uuid": str(derived_id("misp-organisation", out.desk))}
    return {
        "uuid": str(derived_id("misp-event", out.desk, out.subject)),
        "info": out.subject,
        "date": out.changed_at[:10],
        "timestamp": _seconds(out.changed_at),
        "threat_level_id": "4",
        "analysis": "2",
        "distribution": _REACH[out.tlp],
        "published": False,
        "Orgc": desk,
        "Org": desk,
        "Tag": [{"name": TLP_TAG + out.tlp}],
    }


def _attribute(item: Indicator, kind: str, value: str, *, own: str) -> dict[str, object]:
    type_, category = WRITTEN[kind]
    return {
        "uuid": str(derived_id("misp-attribute", own, kind, value)),
        "type": type_,
        "category": category,
        "value": value,
        # A detection system must not look for hashes that it cannot compare, nor for false positives.
        "to_ids": kind not in _RELATION and item.scope != CLEAR and not item.withdrawn,
        "deleted": item.withdrawn,
        "distribution": "5",
        "timestamp": _seconds(item.changed_at or item.added_at or _EPOCH),
        "Tag": _tags(item),
    }


def _object(item: Indicator) -> dict[str, object]:
    key = item.key()
    attributes = [
        _attribute(item, kind, value, own=key)
        | {"object_relation": _RELATION.get(kind, WRITTEN[kind][0])}
        for kind, value in item.values.items()
    ]
    return {
        "uuid": str(derived_id("misp-object", key)),
        "name": OWN_OBJECT,
        "meta-category": "file",
        "description": "Hashes of one known file, PDQ and PhotoDNA among them",
        "template_uuid": _TEMPLATE,
        "template_version": "1",
        "distribution": "5",
        "deleted": item.withdrawn,
        "timestamp": _seconds(item.changed_at or item.added_at or _EPOCH),
        "Attribute": attributes,
    }


def _tags(item: Indicator) -> list[dict[str, str]]:
    tags: list[str] = []
    if item.classification:
        tags.append(CLASS_TAG + json.dumps(item.classification, ensure_ascii=False))
    scheme, _, code = item.classification.partition(":")
    if scheme == "COPINE" and code.isascii() and code.isdigit():
        tags.append(COPINE_TAG + code)
    if item.scope == CLEAR:
        tags.append(SCOPE_TAG + json.dumps(CLEAR))
    return [{"name": tag} for tag in tags]


def _seconds(instant: str) -> str:
    return str(int(datetime.fromisoformat(instant).timestamp()))


def _dumped(said: Mapping[str, object]) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))
