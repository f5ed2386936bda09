"""Known keys of VICS 1.2, 1.3 and 2.0, the parsing of their values, and the categories.

The keys are from open tools: the official model is available under agreement only. Other keys are kept with
their path and reported as unknown. `FanalPart` is our own key: the position of a part in its case (see
`read.py`). Values are booleans as text, three notations of dates, two of PhotoDNA.

Each country's model numbers the categories differently, so each has a versioned file: a file in `categories/`
gives scheme, version, source, and for each code its label in French and English and its `use`. An unconfirmed
code has `checked = false`.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final, Literal

import msgspec
from msgspec import Struct

from fanal.formats.json_tree import build_types
from fanal.formats.ncmec.model import TypeModel

CONTACT: Final = "Contact"
"""Prefix of the keys of a case that name its contact person; they are grouped under `case/Contact`."""


def is_annotation(key: str) -> bool:
    """Return whether `key` is an OData annotation, such as `odata.id` or `Media@odata.navigationLinkUrl`."""
    return "odata." in key


class Held(StrEnum):
    """The type of a value in a VICS document, if it is not text.

    TRUTH: a boolean. INSTANT: a date.
    """

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


_MILLISECONDS: Final = re.compile(r"/Date\((-?[0-9]{1,15})(?:[+-][0-9]{4})?\)/")
# `+05:00Z` occurs: the offset counts, since some programs always append Z.
_BOTH_ZONES: Final = re.compile(r"(.*[0-9][+-][0-9]{2}:?[0-9]{2})Z", re.IGNORECASE)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PHOTODNA_BYTES: Final = 144
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}
_DAYS: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def truth(value: object) -> bool | None:
    """Parse a boolean in JSON, or one of the texts true, false, 1, 0 in any case; None if it is neither.

    The text "false" is False, unlike `bool("false")`.
    """
    if isinstance(value, bool):
        return value
    return _TRUTHS.get(value.strip().lower()) if isinstance(value, str) else None


def integer(value: object) -> int | None:
    """Parse a whole number of at most 18 digits (a text or a `json_tree.Number`); None for other values."""
    text = value.strip() if isinstance(value, str) else ""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def instant(value: object) -> str | None:
    """Parse a VICS date to ISO 8601; None if it is unreadable or no text.

    A date with a time zone is converted to UTC and ends in Z. A date without one is returned without: the
    caller assumes a zone.
    """
    text = value.strip() if isinstance(value, str) else ""
    try:
        if found := _MILLISECONDS.fullmatch(text):
            return _zoned(_EPOCH + timedelta(milliseconds=int(found[1])))
        if found := _BOTH_ZONES.fullmatch(text):
            text = found[1]
        read = datetime.fromisoformat(text)
        if _DAYS.fullmatch(text):
            return text
        return _zoned(read) if read.tzinfo is not None else read.isoformat()
    except (ValueError, OverflowError):
        return None


def _zoned(read: datetime) -> str:
    return read.astimezone(UTC).isoformat().replace("+00:00", "Z")


def photodna(value: object) -> str | None:
    """Return a PhotoDNA value as base64 of its 144 bytes, from base64 or 288 hexadecimal digits; else None.

    The value is opaque: it is stored and passed on, never compared.
    """
    text = value.strip() if isinstance(value, str) else ""
    try:
        if len(text) == 2 * _PHOTODNA_BYTES:
            raw = bytes.fromhex(text) if " " not in text else b""
        else:
            raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return base64.b64encode(raw).decode() if len(raw) == _PHOTODNA_BYTES else None


NO_COUNTRY: Final = "DEFAULT"


class CategoryUse(StrEnum):
    """The use that a list makes of files in a category.

    MATERIAL: they are known abuse material. HARMLESS: they are known to be harmless. OTHER: neither. UNKNOWN:
    the meaning of the category is not known.
    """

    MATERIAL = "MATERIAL"
    HARMLESS = "HARMLESS"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


class Label(Struct, frozen=True, forbid_unknown_fields=True):
    """A label in French and English."""

    fr: str
    en: str


class CategoryCode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One category code of a classification scheme, with its meaning (`use`) and label.

    `checked`: somebody has confirmed it.
    """

    code: str
    use: CategoryUse
    checked: bool
    label: Label


class Vocabulary(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The categories of one country's VICS model, in one version, as read from a file of `categories/`.

    `schema` is the version of the file's form, `scheme` the name of the classification, `source` where it is
    published.
    """

    schema: int
    scheme: Literal["VICS-US", "VICS-UK", "VICS-FR", "VICS-DEFAULT", "VICS-CUSTOM"]
    country: str
    version: str
    source: str
    category: tuple[CategoryCode, ...]

    def use_of(self, code: str) -> CategoryUse:
        """Return the meaning of a category code; UNKNOWN also if the vocabulary does not list it."""
        return next((c.use for c in self.category if c.code == code), CategoryUse.UNKNOWN)

    def lists(self, code: str) -> bool:
        """Return whether the vocabulary lists a category code, even one of unknown meaning."""
        return any(c.code == code for c in self.category)


def read_vocabulary(text: str) -> Vocabulary:
    """Parse a file of the categories of one country's model (TOML).

    Raises:
        msgspec.DecodeError: invalid TOML, an unknown or a missing key, or a value that is not permitted.
        ValueError: another schema version, or a repeated code.
    """
    read = msgspec.toml.decode(text, type=Vocabulary)
    codes = [category.code for category in read.category]
    if read.schema != 1 or len(codes) != len(set(codes)):
        raise ValueError(f"{read.scheme}: another schema, or a code twice")
    return read


@cache
def vocabularies() -> Mapping[str, Vocabulary]:
    """Return every shipped vocabulary by the country code of its model, in capitals."""
    folder = resources.files(__package__).joinpath("categories")
    files = sorted(f.name for f in folder.iterdir() if f.name.endswith(".toml"))
    read = [read_vocabulary(folder.joinpath(name).read_text("utf-8")) for name in files]
    return {vocabulary.country: vocabulary for vocabulary in read}


def vocabulary_of(country: str) -> Vocabulary:
    """Return the vocabulary of a country's model, or the default one for an unknown country."""
    known = vocabularies()
    return known.get(country.upper(), known[NO_COUNTRY])
