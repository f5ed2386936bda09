"""STIX patterns, and the fixed parts of STIX output: TLP markings, Fanal's extension, and all ids.

Patterns are written for list values; the values of the patterns of other programs are extracted.

The STIX validator accepts only random ids (UUID version 4) for objects other than observables. The ids used
here (version 7 of an entry, or version 5, derived) are therefore relabelled as version 4, deterministically.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

from stix2patterns.exceptions import ParseException
from stix2patterns.v21.pattern import Pattern

from fanal.formats.indicators import Indicator, derived_id, kind_of

_PATHS: Final[Mapping[str, str]] = {
    "SHA256": "file:hashes.'SHA-256'",
    "SHA1": "file:hashes.'SHA-1'",
    "MD5": "file:hashes.MD5",
    "PDQ": "file:hashes.PDQ",
    "PHOTODNA": "file:hashes.PhotoDNA",
    "URL": "url:value",
    "HOST": "domain-name:value",
    "DOMAIN": "domain-name:value",
    "ONION": "domain-name:value",
    "EMAIL": "email-addr:value",
    "HANDLE": "user-account:account_login",
}
KINDS: Final = frozenset({*_PATHS, "IP"})
"""Kinds of value with a STIX observable; telephone numbers, devices and accounts have none."""
_VALUES: Final[Mapping[tuple[str, str], str]] = {
    ("url", "value"): "URL",
    ("domain-name", "value"): "DOMAIN",
    ("email-addr", "value"): "EMAIL",
    ("ipv4-addr", "value"): "IP",
    ("ipv6-addr", "value"): "IP",
    ("user-account", "account_login"): "HANDLE",
}
_LONGEST: Final = 5_000
_TEXT: Final = r"'((?:[^'\\]|\\.)*)'"
_ONE: Final = re.compile(
    r"\s*(?:(file):hashes\.(?:'([\w-]{1,40})'|([\w-]{1,40}))|(url|domain-name):value)\s*=\s*"
    + _TEXT
    + r"\s*"
)
_OR: Final = re.compile(r"\]\s*+OR\s*+\[|(?<!\s)\s++OR\s+")
_QUOTED: Final = re.compile(_TEXT + "|'.*+", re.DOTALL)  # an unclosed text extends to the end
_AND: Final = re.compile(r"\bAND\b")  # the library reports it between observations, not within one
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def write_pattern(values: Mapping[str, str]) -> str:
    """Return a STIX pattern that matches any of the values, given by kind.

    Values of one STIX object type (such as `file`) are alternatives within one observation.

    Raises:
        KeyError: a kind outside `KINDS`.
    """
    observed: dict[str, list[str]] = {}
    for kind, value in values.items():
        path = _path(kind, value)
        text = value.replace("\\", "\\\\").replace("'", "\\'")
        observed.setdefault(path.partition(":")[0], []).append(f"{path} = '{text}'")
    return " OR ".join(f"[{' OR '.join(parts)}]" for parts in observed.values())


def _path(kind: str, value: str) -> str:
    if kind == "IP":
        return "ipv6-addr:value" if ":" in value else "ipv4-addr:value"
    return _PATHS[kind]


def read_pattern(text: str) -> list[dict[str, str]] | None:
    """Return the values by kind of a STIX pattern of the form "value or value or ...", else None.

    The result has one item, or one for each value if a kind occurs twice, since these are several files. The
    order is that of the pattern. A pattern with a time, a sequence, a negation or another condition is not
    accepted: a list cannot express it, and taking a part of it would produce wrong matches. Nor is one of
    more than 5000 characters.
    """
    try:
        found = list(dict.fromkeys(_simple(text) or _general(text)))
    except (_Other, ParseException, RecursionError):
        return None
    values = dict(found)
    return [values] if len(values) == len(found) else [{kind: value} for kind, value in found]


class _Other(Exception):
    """Error: the pattern is not of the form "value or value or ..."."""


def _simple(text: str) -> list[tuple[str, str]]:
    """Parse a pattern in its usual form to pairs (kind, value), without the slow STIX library.

    Return [] for any other pattern.
    """
    stripped = text.strip()
    if len(stripped) > _LONGEST or not (stripped.startswith("[") and stripped.endswith("]")):
        return []
    found: list[tuple[str, str]] = []
    for piece in _OR.split(stripped[1:-1]):
        match = _ONE.fullmatch(piece)
        kind = _kind(match) if match is not None else None
        if match is None or kind is None:
            return []
        found.append((kind, _ESCAPED.sub(r"\1", match[5])))
    return found


def _kind(match: re.Match[str]) -> str | None:
    if match[1]:
        return kind_of(match[2] or match[3])
    return _VALUES[match[4], "value"]


def _general(text: str) -> Iterator[tuple[str, str]]:
    if len(text) > _LONGEST:
        raise _Other
    seen = Pattern(text).inspect()
    if seen.qualifiers or set(seen.observation_ops) - {"OR"} or _AND.search(_QUOTED.sub("", text)):
        raise _Other
    for observable, comparisons in seen.comparisons.items():
        for path, operator, constant in comparisons:
            value = str(constant)
            if operator != "=" or not (value.startswith("'") and value.endswith("'")):
                raise _Other
            kind = _general_kind(observable, [str(step) for step in path])
            yield kind, _ESCAPED.sub(r"\1", value[1:-1])


def _general_kind(observable: str, path: list[str]) -> str:
    kind = _VALUES.get((observable, path[0])) if len(path) == 1 else None
    if observable == "file" and len(path) == 2 and path[0] == "hashes":
        kind = kind_of(path[1])
    if kind is None:
        raise _Other
    return kind


TLP: Final[Mapping[str, str]] = {
    "white": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
    "green": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    "amber": "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
    "red": "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
}
"""Ids of the TLP markings, fixed by the standard (STIX 2.1, section 7.2.1.4), by colour."""
TLP_OF: Final = {identifier: colour for colour, identifier in TLP.items()}
_TLP_SINCE: Final = "2017-01-20T00:00:00.000Z"
DEFINED: Final = "2026-11-25T00:00:00.000Z"
"""When the extension was defined; also the date of objects without their own."""
_VERSION: Final = 0xF << 76


def stix_id(type_: str, *parts: str) -> str:
    """Return the STIX id of an object of type `type_`: the same for the same texts (`parts`)."""
    return _marked(type_, derived_id(type_, *parts))


def indicator_id(item: Indicator) -> str:
    """Return the STIX id of a list entry: from its id in the list if it has one, else from its value."""
    return _marked("indicator", item.id or derived_id("indicator", item.key()))


def item_ids(stix: str) -> list[UUID]:
    """Return the two entry ids (UUID version 7 and 5) that `indicator_id` writes as this STIX id.

    The version is lost in a STIX id, which is always of version 4. Returns [] for any other text.
    """
    prefix, _, text = stix.partition("--")
    try:
        found = UUID(text)
    except ValueError:
        return []
    if prefix != "indicator" or str(found) != text or found.version != 4:
        return []
    return [UUID(int=found.int & ~_VERSION | version << 76) for version in (7, 5)]


def _marked(type_: str, own: UUID) -> str:
    return f"{type_}--{UUID(int=own.int & ~_VERSION | 4 << 76)}"


EXTENSION: Final = stix_id("extension-definition", "known-material")
_AUTHOR: Final = stix_id("identity", "fanal")


def tlp_marking(colour: str) -> dict[str, object]:
    """Return the STIX marking definition of a TLP colour (Traffic Light Protocol), as in the standard.

    Raises:
        KeyError: no colour of `TLP`.
    """
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": TLP[colour],
        "created": _TLP_SINCE,
        "definition_type": "tlp",
        "name": f"TLP:{colour.upper()}",
        "definition": {"tlp": colour},
    }


def identity(name: str) -> dict[str, object]:
    """Return the STIX identity object of a sending desk, or other organisation, by its name."""
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": stix_id("identity", name),
        "created": DEFINED,
        "modified": DEFINED,
        "name": name,
        "identity_class": "organization",
    }


def extension() -> list[dict[str, object]]:
    """Return two STIX objects: the identity of Fanal as an author, and Fanal's extension definition.

    The standard requires the former.
    """
    author = identity("Fanal")
    return [
        author | {"id": _AUTHOR},
        {
            "type": "extension-definition",
            "spec_version": "2.1",
            "id": EXTENSION,
            "created": DEFINED,
            "modified": DEFINED,
            "created_by_ref": _AUTHOR,
            "name": "Known material",
            "description": "Values of an item of a list of known material, its class and its scope.",
            "schema": "values: list of {kind, value}, kind MD5, SHA1, SHA256, PDQ (64 hexadecimal digits), "
            "PHOTODNA (base64 of 144 bytes), URL, HOST, DOMAIN, ONION, EMAIL, IP, HANDLE; "
            "classification: scheme:code; scope: MATCH, or CLEAR for a known false alarm.",
            "version": "1.0.0",
            "extension_types": ["property-extension"],
        },
    ]
