"""Known keys of VICS 1.2, 1.3 and 2.0, from open tools: the official model is available under agreement only.

Other keys are kept with their path and reported as unknown. `FanalPart` is our own key: the position of a
part in its case (see `parts.py`).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from fanal.formats.json_tree import build_types
from fanal.formats.ncmec.model import TypeModel

CONTACT: Final = "Contact"
"""Prefix of the keys of a case that name its contact person; they are grouped under `case/Contact`."""


def is_annotation(key: str) -> bool:
    """Return whether `key` is an OData annotation, such as `odata.id` or `Media@odata.navigationLinkUrl`."""
    return "odata." in key


class Held(StrEnum):
    """The JSON type of a key's value, if it is not text."""

    INTEGER = "INTEGER"
    TRUTH = "TRUTH"
    INSTANT = "INSTANT"


# type of object → key → type of what the key holds, "" for a value
_KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    "case": dict.fromkeys(
        (
            "CaseID",
            "CaseNumber",
            "SeizureDate",
            "SourceApplicationName",
            "SourceApplicationVersion",
            "TotalMediaFiles",
            "TotalPrecategorized",
        ),
        "",
    )
    | {"Contact": "contact", "CaseMetadata": "property", "Media": "media", "FanalPart": "part"},
    "contact": dict.fromkeys(("Organization", "Name", "Phone", "Email", "Title"), ""),
    "property": {"CaseID": "", "PropertyName": "", "PropertyValue": ""},
    "part": dict.fromkeys(
        ("Reference", "Number", "FirstMedia", "CountedMedia", "CountedPrecategorized"), ""
    ),
    "media": dict.fromkeys(
        (
            "MediaID",
            "Category",
            "MD5",
            "SHA1",
            "MediaSize",
            "DateUpdated",
            "MimeType",
            "RelativeFilePath",
            "VictimIdentified",
            "OffenderIdentified",
            "IsDistributed",
            "IsSuspected",
            "IsPrecategorized",
            "PrecategorizationSource",
            "SelfGenerated",
            "Series",
            "Tags",
            "Comments",
            "PhotoDNA",
            "Miniature",
            "Segments",
            "Repositories",
        ),
        "",
    )
    | {"AlternativeHashes": "hash", "Exifs": "exif", "MediaFiles": "file"},
    "hash": {"HashName": "", "HashValue": "", "MD5": ""},
    "exif": {"MD5": "", "PropertyName": "", "PropertyValue": ""},
    "file": dict.fromkeys(
        (
            "MD5",
            "FileName",
            "FilePath",
            "Created",
            "Written",
            "Accessed",
            "Unallocated",
            "Deleted",
            "PhysicalLocation",
            "ParentMD5",
            "ParentFileName",
            "ParentFilePath",
            "ParentPhysicalLocation",
            "SourceID",
        ),
        "",
    ),
}

TYPES: Final[Mapping[str, TypeModel]] = build_types(_KEYS)

HOLDS: Final[Mapping[str, Held]] = {
    **dict.fromkeys(("case/TotalMediaFiles", "case/TotalPrecategorized"), Held.INTEGER),
    **dict.fromkeys(("media/MediaID", "media/Category", "media/MediaSize"), Held.INTEGER),
    **dict.fromkeys(
        (
            "media/VictimIdentified",
            "media/OffenderIdentified",
            "media/IsDistributed",
            "media/IsSuspected",
            "media/IsPrecategorized",
            "media/SelfGenerated",
            "file/Unallocated",
            "file/Deleted",
        ),
        Held.TRUTH,
    ),
    **dict.fromkeys(
        ("case/SeizureDate", "media/DateUpdated", "file/Created", "file/Written", "file/Accessed"),
        Held.INSTANT,
    ),
}
"""The type of value of each key that is neither text nor an object."""
