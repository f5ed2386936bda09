"""Reader of STIX 2.1 bundles: indicators become list entries; everything else is counted with a reason."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import BinaryIO, Final

from msgspec import Struct, field, structs

from fanal.formats.indicators import (
    ADDRESSES,
    CLEAR,
    HASH_DIGITS,
    MATCH,
    MAX_CLASSIFICATION,
    Ignored,
    Indicator,
    hash_value,
)
from fanal.formats.json_tree import Cut, check_text, parse, read_pieces
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.stix.patterns import EXTENSION, TLP_OF, read_pattern

READ: Final = frozenset(
    {
        "type", "spec_version", "revoked", "labels", "object_marking_refs", "extensions",
        "indicator_types", "pattern", "pattern_type", "valid_until",
    }
)  # fmt: skip
IGNORED: Final[Mapping[str, str]] = {
    "id": "an item has an id of its own in each list",
    "created_by_ref": "whose the list is, its owner says",
    "created": "an entry's dates are those of the list",
    "modified": "an entry's dates are those of the list",
    "confidence": "a list has one confidence, which its keeper states",
    "lang": "values have no language",
    "external_references": "leads elsewhere",
    "granular_markings": "the whole is handled by its strictest marking",
    "name": "free text may name people",
    "description": "free text may name people",
    "pattern_version": "the pattern itself is read",
    "valid_from": "an entry counts from its load on",
    "kill_chain_phases": "belongs to intrusions",
}
"""Ignored properties of an indicator, with the reason; unlisted ones are counted as unknown."""
OBJECTS: Final[Mapping[str, str]] = {
    "identity": "SOURCE",
    "marking-definition": "MARKING",
    "extension-definition": "DEFINITION",
    "language-content": "TRANSLATION",
    "grouping": "CONTEXT",
    "relationship": "CONTEXT",
    "note": "CONTEXT",
    "opinion": "CONTEXT",
    "sighting": "CONTEXT",
    "report": "REPORT",
    "incident": "REPORT",
    "observed-data": "REPORT",
    **dict.fromkeys(
        (
            "attack-pattern", "campaign", "course-of-action", "infrastructure", "intrusion-set",
            "location", "malware", "malware-analysis", "tool", "vulnerability",
        ),
        "INTRUSION",
    ),
    **dict.fromkeys(
        (
            "artifact", "autonomous-system", "directory", "domain-name", "email-addr", "email-message",
            "file", "ipv4-addr", "ipv6-addr", "mac-addr", "mutex", "network-traffic", "process",
            "software", "url", "user-account", "windows-registry-key", "x509-certificate",
        ),
        "OBSERVED",
    ),
}  # fmt: skip
"""Every other object of STIX 2.1, and the code of the reason why a list does not take it."""
_LISTED: Final = frozenset({*HASH_DIGITS, "PHOTODNA", *ADDRESSES})
_PERSONS: Final = frozenset({"threat-actor"})
_FOR_EVER: Final = datetime(9999, 12, 30, tzinfo=UTC)
_CUTS: Final[Mapping[tuple[str, ...], Cut]] = {("objects",): Cut.WHOLE}


class BundleReading(Struct, kw_only=True):
    """Further results of reading a list file: counts of ignored objects and properties, and the TLP markings.

    The reader of STIX bundles, and that of MISP events, fill it.
    """

    ignored: Ignored = field(default_factory=Ignored)
    markings: set[str] = field(default_factory=set)


def read_bundle(stream: BinaryIO, reading: BundleReading, *, now: datetime) -> Iterator[Indicator]:
    """Read a STIX 2.1 bundle as a stream; yield a list entry per indicator, or per value of its pattern.

    One object is in memory at a time. An indicator that is revoked, or whose `valid_until` is not after `now`
    (aware), has `withdrawn=True`; a later `valid_until` is in `until`. `reading` collects the skipped objects
    and properties with the reason, and the TLP markings. The results are in the order of the file.

    Raises:
        FormatRefused: not a bundle, an object without `type`, a malformed hash, or an object that describes a
            person (a threat actor, or `identity_class` "individual").
    """
    number = 0
    for piece in read_pieces(stream, cuts=_CUTS):
        if not piece.path:
            _check_bundle(parse(piece.body))
            continue
        number += 1
        path = f"objects[{number}]"
        said = piece.tree()
        type_ = said.get("type") if isinstance(said, dict) else None
        if not isinstance(said, dict) or not isinstance(type_, str):
            raise FormatRefused(DocumentFault.MISSING_FIELD, f"{path}/type")
        check_text(type_, path=path)
        if type_ in _PERSONS or said.get("identity_class") == "individual":
            raise FormatRefused(DocumentFault.PERSON, path, parameters={"value": type_})
        if type_ != "indicator":
            reading.ignored.note(type_, reason=OBJECTS.get(type_, "UNKNOWN"))
            continue
        end = end_of(said.get("valid_until"))
        gone = said.get("revoked") is True or (end is not None and end <= now)
        for item in _items(said, number, path=path, reading=reading):
            yield structs.replace(item, withdrawn=gone, until=None if gone else end)


def end_of(until: object) -> datetime | None:
    """Parse a `valid_until`, the instant of an indicator's expiry; None for none.

    Unreadable, without zone, and the last days of the year 9999, with which senders mean "for ever", count as
    no expiry.
    """
    try:
        end = datetime.fromisoformat(until) if isinstance(until, str) else None
        found = end.astimezone(UTC) if end is not None and end.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
    return found if found is not None and found < _FOR_EVER else None


def _check_bundle(rest: object) -> None:
    if not isinstance(rest, dict) or rest.get("type") != "bundle" or "objects" not in rest:
        raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": "bundle"})


def _items(
    said: dict[str, object], number: int, *, path: str, reading: BundleReading
) -> Iterator[Indicator]:
    for name in said.keys() - READ - IGNORED.keys():
        check_text(name, path=path)
        reading.ignored.note(f"indicator/{name}", reason="UNKNOWN")
    refs = said.get("object_marking_refs")
    if isinstance(refs, list):
        reading.markings.update(TLP_OF.get(str(ref), "other") for ref in refs)
    own = _own(said)
    found = [_own_values(own, path=path)] if own is not None else _pattern_values(said)
    if found is None:
        reading.ignored.note("indicator/pattern", reason="OTHER_PATTERN")
        return
    classification = _classification(said, own, path=path)
    for values in found:
        if not _LISTED.issuperset(values):
            reading.ignored.note("indicator/pattern", reason="NO_LIST_VALUE")
            continue
        yield Indicator(
            line=number,
            values={kind: _checked(kind, text, path=path) for kind, text in values.items()},
            classification=classification,
            scope=CLEAR if said.get("indicator_types") == ["benign"] else MATCH,
        )


def _own(said: dict[str, object]) -> dict[str, object] | None:
    extensions = said.get("extensions")
    own = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
    return own if isinstance(own, dict) else None


def _own_values(own: dict[str, object], *, path: str) -> dict[str, str]:
    """Return the values (by kind) in Fanal's STIX extension of an indicator.

    `own` is the extension, `path` the place of the indicator, which a refusal names. Unlike a pattern, it
    distinguishes host and domain.

    Raises:
        FormatRefused: no values, a malformed one, or two of a kind.
    """
    stated = own.get("values")
    values: dict[str, str] = {}
    for pair in stated if isinstance(stated, list) else ():
        kind, value = (
            (pair.get("kind"), pair.get("value")) if isinstance(pair, dict) else (None, None)
        )
        if not isinstance(kind, str) or not isinstance(value, str) or kind in values:
            raise FormatRefused(DocumentFault.WRONG_TYPE, f"{path}/extensions")
        values[kind] = value
    if not values:
        raise FormatRefused(DocumentFault.MISSING_FIELD, f"{path}/extensions")
    return values


def _pattern_values(said: dict[str, object]) -> list[dict[str, str]] | None:
    pattern = said.get("pattern")
    if said.get("pattern_type") != "stix" or not isinstance(pattern, str):
        return None
    return read_pattern(pattern)


def _checked(kind: str, text: str, *, path: str) -> str:
    check_text(text, path=path)
    value = text.strip() if kind in ADDRESSES else hash_value(kind, text)
    if not value:
        raise FormatRefused(
            DocumentFault.WRONG_TYPE, f"{path}/pattern", parameters={"expected": kind}
        )
    return value


def _classification(said: dict[str, object], own: dict[str, object] | None, *, path: str) -> str:
    labels = said.get("labels")
    first = labels[0] if isinstance(labels, list) and labels else ""
    found = own.get("classification", first) if own is not None else first
    if not isinstance(found, str):
        raise FormatRefused(DocumentFault.WRONG_TYPE, f"{path}/labels")
    check_text(found, path=f"{path}/labels")
    if len(found) > MAX_CLASSIFICATION:
        limit = {"limit": MAX_CLASSIFICATION}
        raise FormatRefused(DocumentFault.TEXT_TOO_LONG, f"{path}/labels", parameters=limit)
    return found
