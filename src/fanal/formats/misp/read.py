"""Reader of MISP events: attributes and files become list entries; everything else is counted with a reason.

An event about a person is not a list of indicators: it is refused as a whole, and the refusal names the type.
"""

import json
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

from fanal.formats.indicators import (
    ADDRESSES,
    CLEAR,
    MATCH,
    MAX_CLASSIFICATION,
    Indicator,
    hash_value,
)
from fanal.formats.json_pieces import Cut, read_pieces
from fanal.formats.json_tree import check_text, parse
from fanal.formats.misp.types import (
    ATTRIBUTE_IGNORED,
    ATTRIBUTE_READ,
    CLASS_TAG,
    COMPOSED,
    COPINE_TAG,
    EVENT_IGNORED,
    EVENT_READ,
    FILE_OBJECTS,
    KINDS,
    OBJECT_IGNORED,
    OBJECT_READ,
    OWN_KINDS,
    OWN_OBJECT,
    PERSON_OBJECTS,
    PERSON_TYPES,
    SCOPE_TAG,
    TLP_TAG,
)
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.stix.read import BundleReading
from fanal.formats.vics.values import truth

_EVENTS: Final = (("Event",), ("response", "*", "Event"), ("response", "Event"), ("*", "Event"), ())
_CUTS: Final[Mapping[tuple[str, ...], Cut]] = {
    (*event, part): Cut.WHOLE for event in _EVENTS for part in ("Attribute", "Object")
}


def read_event(stream: BinaryIO, reading: BundleReading) -> Iterator[Indicator]:
    """Yield a list entry for each attribute and each file of one or more events, reading them as a stream.

    `reading` collects the ignored keys and types with the reason, and the TLP markings.

    Raises:
        FormatRefused: not an event, an object or attribute about a person, or a value not of its type.
    """
    number = 0
    for piece in read_pieces(stream, cuts=_CUTS):
        if not piece.path:
            _check_events(parse(piece.body), reading)
            continue
        number += 1
        part = piece.path[-1]
        said = _as_object(piece.tree(), path=f"{part}[{number}]")
        if part == "Object":
            yield from _file(said, number, reading=reading)
        else:
            yield from _alone(said, number, reading=reading)


def _check_events(rest: object, reading: BundleReading) -> None:
    """Check the events, here without their attributes and objects; note unknown keys and TLP markings.

    Raises:
        FormatRefused: there is no event.
    """
    events = list(_events(rest))
    if not events:
        raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": "Event"})
    for event in events:
        for name in event.keys() - EVENT_READ - EVENT_IGNORED.keys():
            check_text(name, path="Event")
            reading.ignored.note(f"Event/{name}", reason="UNKNOWN")
        tags = [t.removeprefix(TLP_TAG) for t in _tags(event) if t.startswith(TLP_TAG)]
        reading.markings.update(tags)


def _events(rest: object) -> Iterator[dict[str, object]]:
    if isinstance(rest, dict) and "response" in rest:
        rest = rest["response"]
    for one in rest if isinstance(rest, list) else [rest]:
        if isinstance(one, dict):
            inner = one.get("Event", one)
            if isinstance(inner, dict) and ("Attribute" in inner or "info" in inner):
                yield inner


def _alone(said: dict[str, object], number: int, *, reading: BundleReading) -> Iterator[Indicator]:
    path = f"Attribute[{number}]"
    found = _value(said, path=path, reading=reading)
    if found is not None:
        yield _item(dict([found]), [said], number, withdrawn=False, path=path)


def _file(said: dict[str, object], number: int, *, reading: BundleReading) -> Iterator[Indicator]:
    path, name = f"Object[{number}]", said.get("name")
    if not isinstance(name, str):
        raise FormatRefused(DocumentFault.MISSING_FIELD, f"{path}/name")
    check_text(name, path=path)
    if name in PERSON_OBJECTS:
        raise FormatRefused(DocumentFault.PERSON, path, parameters={"value": name})
    for key in said.keys() - OBJECT_READ - OBJECT_IGNORED.keys():
        check_text(key, path=path)
        reading.ignored.note(f"Object/{key}", reason="UNKNOWN")
    inside = said.get("Attribute")
    parts = [_as_object(one, path=path) for one in inside] if isinstance(inside, list) else []
    held = [(_value(one, path=path, reading=reading, own=name == OWN_OBJECT), one) for one in parts]
    kept = [(pair, one) for pair, one in held if pair is not None]
    withdrawn = truth(said.get("deleted")) is True
    values = dict(pair for pair, _ in kept)
    if name in FILE_OBJECTS and kept and len(values) == len(kept):
        attributes = [one for _, one in kept]
        yield _item(values, attributes, number, withdrawn=withdrawn, path=path)
        return
    for pair, one in kept:
        yield _item(dict([pair]), [one], number, withdrawn=withdrawn, path=path)


def _value(
    said: dict[str, object], *, path: str, reading: BundleReading, own: bool = False
) -> tuple[str, str] | None:
    """Return kind and value of an attribute, or None (counted in `reading`) if a list does not take it.

    `own`: the attribute is in Fanal's own object, which also holds kinds without a MISP type.

    Raises:
        FormatRefused: no type or value, a value not of its type, or a type that describes a person.
    """
    type_, text = said.get("type"), said.get("value")
    if not isinstance(type_, str) or not isinstance(text, str):
        raise FormatRefused(DocumentFault.MISSING_FIELD, f"{path}/type")
    check_text(type_ + text, path=path)
    if type_ in PERSON_TYPES:
        raise FormatRefused(DocumentFault.PERSON, path, parameters={"value": type_})
    for key in said.keys() - ATTRIBUTE_READ - ATTRIBUTE_IGNORED.keys():
        check_text(key, path=path)
        reading.ignored.note(f"Attribute/{key}", reason="UNKNOWN")
    kind = OWN_KINDS.get(str(said.get("object_relation"))) if own else None
    if kind is None and type_ in COMPOSED:
        kind, place = COMPOSED[type_]
        parts = text.split("|")
        if len(parts) != 2:
            raise FormatRefused(DocumentFault.WRONG_TYPE, path, parameters={"expected": type_})
        text = parts[place]
        reading.ignored.note(type_.split("|")[1 - place], reason="NO_LIST_VALUE")
    kind = kind or KINDS.get(type_)
    if kind is None or (not own and _is_context(said)):
        reading.ignored.note(type_, reason="OBSERVED" if kind else "NO_LIST_VALUE")
        return None
    value = text.strip() if kind in ADDRESSES else hash_value(kind, text)
    if not value:
        raise FormatRefused(DocumentFault.WRONG_TYPE, path, parameters={"expected": type_})
    return kind, value


def _is_context(said: dict[str, object]) -> bool:
    """Return whether the sender excludes a value from detection (`to_ids` false).

    Deleted values and known false positives of our own lists are also written so; they are read.
    """
    told = truth(said.get("deleted")) is True or SCOPE_TAG + json.dumps(CLEAR) in _tags(said)
    return truth(said.get("to_ids")) is False and not told


def _item(
    values: dict[str, str],
    attributes: list[dict[str, object]],
    number: int,
    *,
    withdrawn: bool,
    path: str,
) -> Indicator:
    tags = [tag for said in attributes for tag in _tags(said)]
    return Indicator(
        line=number,
        values=values,
        classification=_classification(tags, path=path),
        scope=CLEAR if SCOPE_TAG + json.dumps(CLEAR) in tags else MATCH,
        withdrawn=withdrawn or all(truth(said.get("deleted")) is True for said in attributes),
    )


def _classification(tags: list[str], *, path: str) -> str:
    found = ""
    for tag in tags:
        if tag.startswith(CLASS_TAG):
            named = parse(tag.removeprefix(CLASS_TAG).encode())
            found = named if isinstance(named, str) else found
            break
        if tag.startswith(COPINE_TAG) and not found:
            found = "COPINE:" + tag.removeprefix(COPINE_TAG)
    check_text(found, path=path)
    if len(found) > MAX_CLASSIFICATION:
        raise FormatRefused(
            DocumentFault.TEXT_TOO_LONG, path, parameters={"limit": MAX_CLASSIFICATION}
        )
    return found


def _tags(said: dict[str, object]) -> list[str]:
    tags = said.get("Tag")
    named = (
        [tag.get("name") for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else []
    )
    return [name for name in named if isinstance(name, str) and name.isprintable()]


def _as_object(said: object, *, path: str) -> dict[str, object]:
    if not isinstance(said, dict):
        raise FormatRefused(DocumentFault.WRONG_TYPE, path, parameters={"expected": "object"})
    return said
