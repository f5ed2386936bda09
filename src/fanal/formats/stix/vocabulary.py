"""Fixed parts of STIX output: TLP markings, Fanal's extension, and all ids.

The STIX validator accepts only random ids (UUID version 4) for objects other than observables. The ids used
here (version 7 of an entry, or version 5, derived) are therefore relabelled as version 4, deterministically.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from fanal.formats.indicators import Indicator, derived_id

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
    """Return the deterministic id of an object of this type, derived from `parts`."""
    return _marked(type_, derived_id(type_, *parts))


def indicator_id(item: Indicator) -> str:
    """Return the STIX id of an entry: from its id in the list if it has one, else from its value."""
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
    """Return Fanal's STIX extension definition, with its author's identity, which the standard requires."""
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
