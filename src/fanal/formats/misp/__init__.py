"""MISP events: reader and writer for indicators of known material and of reports.

The reader turns attributes and files into list entries; everything else is counted with a reason. An event
about a person is not a list of indicators: it is refused as a whole, and the refusal names the type. The
writer gives one attribute or object for each entry, with deterministic output.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import BinaryIO, Final

from msgspec import Struct

from fanal.formats.indicators import (
    ADDRESSES,
    CLEAR,
    MATCH,
    MAX_CLASSIFICATION,
    Indicator,
    derived_id,
    hash_value,
)
from fanal.formats.json_tree import Cut, check_text, parse, read_pieces
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.stix.read import BundleReading
from fanal.formats.vics.model import truth

KINDS: Final[Mapping[str, str]] = {
    "md5": "MD5",
    "sha1": "SHA1",
    "sha256": "SHA256",
    "url": "URL",
    "hostname": "HOST",
    "domain": "DOMAIN",
    "onion-address": "HOST",
}
"""Attribute types with one value, and its kind in a list."""
COMPOSED: Final[Mapping[str, tuple[str, int]]] = {
    "filename|md5": ("MD5", 1),
    "filename|sha1": ("SHA1", 1),
    "filename|sha256": ("SHA256", 1),
    "domain|ip": ("DOMAIN", 0),
    "hostname|port": ("HOST", 0),
}
"""Composite types: kind and index of the value for the list; the other value is counted as ignored."""
OWN_OBJECT: Final = "fanal-media"
OWN_KINDS: Final[Mapping[str, str]] = {"pdq": "PDQ", "photodna": "PHOTODNA"}
"""Relations of our own object for values without a MISP type."""
FILE_OBJECTS: Final = frozenset({"file", OWN_OBJECT})
"""Objects whose hashes belong to one file, hence to one entry."""
PERSON_OBJECTS: Final = frozenset(
    {
        "person", "persnona", "personification", "identity", "victim", "legal-entity", "employee",
        "passport", "contact-list", "fbi-most-wanted", "interpol-notice", "ftm-Person", "facial-composite",
        "tattoo",
    }
)  # fmt: skip
"""Objects about people: an event that contains one is refused."""
PERSON_TYPES: Final = frozenset(
    {
        "first-name", "middle-name", "last-name", "full-name", "date-of-birth", "place-of-birth", "gender",
        "passport-number", "passport-country", "passport-expiration", "identity-card-number", "nationality",
        "primary-residence", "country-of-residence", "visa-number",
    }
)  # fmt: skip
EVENT_READ: Final = frozenset({"Attribute", "Object", "Tag"})
EVENT_IGNORED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("id", "org_id", "orgc_id", "event_creator_email", "attribute_count", "sharing_group_id"),
        "numbers and people of the sender's own system",
    ),
    **dict.fromkeys(("Org", "Orgc"), "whose the list is, its owner says"),
    **dict.fromkeys(
        ("uuid", "extends_uuid", "timestamp", "publish_timestamp", "date", "published"),
        "an entry's dates are those of the list",
    ),
    **dict.fromkeys(("threat_level_id", "analysis"), "a list has one confidence, which its keeper states"),
    **dict.fromkeys(("distribution", "SharingGroup"), "the marking of the Traffic Light Protocol is read"),
    **dict.fromkeys(
        ("locked", "proposal_email_lock", "disable_correlation", "protected", "CryptographicKey", "Feed"),
        "how the sender's system treats the event",
    ),
    **dict.fromkeys(("Galaxy", "RelatedEvent"), "leads elsewhere"),
    "ShadowAttribute": "a proposal is nobody's statement yet",
    "EventReport": "free text may name people",
    "info": "free text may name people",
}  # fmt: skip
"""Ignored keys of an event, with the reason; keys in neither table are counted as unknown."""
ATTRIBUTE_READ: Final = frozenset({"type", "value", "deleted", "to_ids", "Tag", "object_relation"})
ATTRIBUTE_IGNORED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("id", "event_id", "object_id", "uuid", "sharing_group_id", "SharingGroup", "distribution"),
        "numbers and reach in the sender's own system",
    ),
    **dict.fromkeys(
        ("timestamp", "first_seen", "last_seen"), "an entry's dates are those of the list"
    ),
    "category": "the type says what the value is",
    "comment": "free text may name people",
    "disable_correlation": "how the sender's system treats the value",
    "data": "no file enters a list",
    "ShadowAttribute": "a proposal is nobody's statement yet",
    "Galaxy": "leads elsewhere",
    "Sighting": "leads elsewhere",
    "RelatedAttribute": "leads elsewhere",
}
OBJECT_READ: Final = frozenset({"name", "Attribute", "deleted"})
OBJECT_IGNORED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("id", "event_id", "uuid", "sharing_group_id", "SharingGroup", "distribution"),
        "numbers and reach in the sender's own system",
    ),
    **dict.fromkeys(
        ("timestamp", "first_seen", "last_seen"), "an entry's dates are those of the list"
    ),
    **dict.fromkeys(
        ("meta-category", "template_uuid", "template_version", "description"),
        "the name of the object says what it is",
    ),
    "comment": "free text may name people",
    "ObjectReference": "leads elsewhere",
}
CLASS_TAG: Final = "fanal:class="
SCOPE_TAG: Final = "fanal:scope="
COPINE_TAG: Final = "copine-scale:level-"
TLP_TAG: Final = "tlp:"
WRITTEN: Final[Mapping[str, tuple[str, str]]] = {
    "MD5": ("md5", "Payload delivery"),
    "SHA1": ("sha1", "Payload delivery"),
    "SHA256": ("sha256", "Payload delivery"),
    "PDQ": ("other", "Other"),
    "PHOTODNA": ("other", "Other"),
    "URL": ("url", "Network activity"),
    "HOST": ("hostname", "Network activity"),
    "DOMAIN": ("domain", "Network activity"),
    "ONION": ("onion-address", "Network activity"),
    "IP": ("ip-src", "Network activity"),
    "EMAIL": ("email", "Social network"),
    "PHONE": ("phone-number", "Person"),
}
"""MISP type and category of each kind; user names, devices and accounts have none and are not written."""


_EVENTS: Final = (("Event",), ("response", "*", "Event"), ("response", "Event"), ("*", "Event"), ())
_CUTS: Final[Mapping[tuple[str, ...], Cut]] = {
    (*event, part): Cut.WHOLE for event in _EVENTS for part in ("Attribute", "Object")
}


def read_event(stream: BinaryIO, reading: BundleReading) -> Iterator[Indicator]:
    """Yield a list entry for each attribute and each file of one or more events, reading them as a stream.

    `reading` collects the ignored keys and types with the reason, and the TLP markings. Whether the file
    holds an event at all is known only at its end. The results are in the order of the file.

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
    """Check the events of a file: `rest` is the document without their attributes and objects.

    Unknown keys and TLP markings are noted in `reading`.

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
    """Return kind and value of a MISP attribute (`said`), or None if a list does not take it.

    Attributes not taken are counted in `reading`. `own`: the attribute is in Fanal's own object, which also
    holds kinds without a MISP type. `path` is its place in the event, which a refusal names.

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
    """Return whether the sender excludes an attribute (`said`) from detection (`to_ids` false).

    The result is False for deleted values and for known false positives of our own lists: they have `to_ids`
    false too, and must be read all the same.
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


COLOURS: Final = ("white", "green", "amber", "red")
_REACH: Final[Mapping[str, str]] = {"white": "3", "green": "2", "amber": "1", "red": "0"}
"""MISP distribution level by TLP colour: all communities, connected ones, this one, the organisation."""
_TEMPLATE: Final = str(derived_id("misp-object", OWN_OBJECT))
_RELATION: Final[Mapping[str, str]] = {"PDQ": "pdq", "PHOTODNA": "photodna"}
_EPOCH: Final = "2026-11-25T00:00:00.000Z"
"""When this form of output was defined: the date of entries without their own."""


class OutEvent(Struct, frozen=True, kw_only=True):
    """The general fields of a MISP event to write: sending desk, subject, TLP colour, last change.

    `subject` is the name of the list or report.
    """

    desk: str
    subject: str
    tlp: str = "amber"
    changed_at: str = _EPOCH


def writable(item: Indicator) -> bool:
    """Return whether MISP can express a list entry: each value has a type, or a place in Fanal's object."""
    return bool(item.values) and WRITTEN.keys() >= item.values.keys()


def is_object(item: Indicator) -> bool:
    """Return whether a list entry becomes a MISP object: several values, or one without a MISP type."""
    return len(item.values) > 1 or not _RELATION.keys().isdisjoint(item.values)


def write_event(
    out: OutEvent, *, attributes: Iterable[Indicator], objects: Iterable[Indicator]
) -> Iterator[str]:
    """Yield the JSON text of an event in pieces, from list entries that are `writable`.

    `out` holds the general fields of the event. `objects` are the entries for which `is_object` is true,
    `attributes` the others.

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
        "Tag": _tags_of(item),
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


def _tags_of(item: Indicator) -> list[dict[str, str]]:
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
