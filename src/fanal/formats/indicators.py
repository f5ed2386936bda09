"""A list entry of known material, or an indicator of a report, in the common form of all exchange formats."""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid5

from msgspec import Struct

from fanal.formats.vics.model import photodna

HASH_DIGITS: Final[Mapping[str, int]] = {"MD5": 32, "SHA1": 40, "SHA256": 64, "PDQ": 64}
ADDRESSES: Final = ("URL", "HOST", "DOMAIN")
NAMESPACE: Final = UUID("7b0b7c8e-52b4-5c5e-9c2f-3a6d1f0e4a11")
"""Namespace of the ids of exchanged objects (UUID version 5): two exports of a value give the same id."""
MATCH: Final = "MATCH"
CLEAR: Final = "CLEAR"
"""Scope of a known false positive: its matches are suppressed."""
MAX_CLASSIFICATION: Final = 100
_STRENGTH: Final = {
    kind: place
    for place, kind in enumerate(
        ("SHA256", "SHA1", "MD5", "PDQ", "PHOTODNA", "URL", "HOST", "DOMAIN", "ONION")
    )
}
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]+")
_NAME: Final = re.compile(r"[^a-z0-9]+")
_KINDS: Final[Mapping[str, str]] = {
    "md5": "MD5",
    "sha1": "SHA1",
    "sha256": "SHA256",
    "pdq": "PDQ",
    "pdqhash": "PDQ",
    "photodna": "PHOTODNA",
    "pdna": "PHOTODNA",
}


class Indicator(Struct, frozen=True, kw_only=True):
    """A list entry: its values by kind, its class, and its state.

    `line` is its position in the file that was read, from 1. Kinds are those of lists (`MD5 SHA1 SHA256 PDQ
    PHOTODNA URL HOST DOMAIN`) and, in files written for a report, those of selectors (identifiers).
    `classification` is `SCHEME:CODE`; `scope` is `MATCH`, or `CLEAR` for a known false positive. Times are
    RFC 3339, UTC, with milliseconds; `changed_at` is the last change, a withdrawal included. `id` is the
    entry's id in the list, None for an entry from a file or of a report. `until` is the instant of its
    expiry, if the sender states one, else None. `withdrawn`: it no longer holds.
    """

    values: dict[str, str]
    id: UUID | None = None
    line: int = 0
    classification: str = ""
    scope: str = MATCH
    added_at: str | None = None
    changed_at: str | None = None
    withdrawn: bool = False
    until: datetime | None = None

    def key(self) -> str:
        """Return `KIND:value` of the list entry's most exact value (SHA-256 before MD5): it identifies it.

        Raises:
            ValueError: the entry has no values.
        """
        kind = min(self.values, key=lambda k: (_STRENGTH.get(k, len(_STRENGTH)), k))
        return f"{kind}:{self.values[kind]}"


def written_instant(instant: datetime) -> str:
    """Format an instant as list entries contain it: RFC 3339, UTC, with milliseconds."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"


class Ignored(Counter[tuple[str, str]]):
    """Counts of input that a reader ignored, by (name in the format, reason code)."""

    def note(self, name: str, *, reason: str) -> None:
        """Count one occurrence of ignored input: `name` as in the format, `reason` a code."""
        self[name, reason] += 1


def derived_id(*parts: str) -> UUID:
    """Return the deterministic UUID of a sequence of texts (`parts`; RFC 9562, version 5)."""
    return uuid5(NAMESPACE, "\n".join(parts))


def kind_of(name: str) -> str | None:
    """Return the kind of a hash by a name as others write it (`SHA-256`, `PhotoDNA`); None if unknown."""
    return _KINDS.get(_NAME.sub("", name.lower()))


def hash_value(kind: str, text: str) -> str | None:
    """Return a hash of `kind` in normal form (lower-case digits, PhotoDNA as base64), or None.

    The result is None if `text` is malformed, or `kind` is no kind of hash.
    """
    if kind == "PHOTODNA":
        return photodna(text)
    value = text.strip().lower()
    digits = HASH_DIGITS.get(kind)
    return value if len(value) == digits and _HEXADECIMAL.fullmatch(value) else None
