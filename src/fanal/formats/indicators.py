"""One item of a list of known material, as every format of exchange reads and writes it."""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid5

from msgspec import Struct

from fanal.formats.vics.values import photodna

HASH_DIGITS: Final[Mapping[str, int]] = {"MD5": 32, "SHA1": 40, "SHA256": 64, "PDQ": 64}
ADDRESSES: Final = ("URL", "HOST", "DOMAIN")
NAMESPACE: Final = UUID("7b0b7c8e-52b4-5c5e-9c2f-3a6d1f0e4a11")
"""Ids of what is exchanged derive from it and from the value: exporting twice gives the same ids."""
MATCH: Final = "MATCH"
CLEAR: Final = "CLEAR"
"""Scope of a known false alarm: what it matches is silenced."""
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
    """One item: its values by kind, its class, and what became of it.

    `line` is its place in the file it was read from, from 1. Kinds are those of lists (`MD5 SHA1 SHA256 PDQ
    PHOTODNA URL HOST DOMAIN`) and, in what is written for a report, those of selectors. Times are RFC 3339,
    UTC, with milliseconds; `changed_at` is that of the last change, a withdrawal included. `id` is the item's
    in the list, None for what is read from a file or belongs to a report. From `until` on it holds no more,
    where its sender says so.
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
        """Return the value that stands for the item: that of its strongest kind."""
        kind = min(self.values, key=lambda k: (_STRENGTH.get(k, len(_STRENGTH)), k))
        return f"{kind}:{self.values[kind]}"


def written_instant(instant: datetime) -> str:
    """Return an instant as items bear it: RFC 3339, UTC, with milliseconds."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"


class Ignored(Counter[tuple[str, str]]):
    """What a reader did not take: how often, by its name in the format and the code of the reason."""

    def note(self, name: str, *, reason: str) -> None:
        """Count one more."""
        self[name, reason] += 1


def derived_id(*parts: str) -> UUID:
    """Return the id of what `parts` name, always the same one (RFC 9562, version 5)."""
    return uuid5(NAMESPACE, "\n".join(parts))


def kind_of(name: str) -> str | None:
    """Return the kind of a hash by its name as written (`SHA-256`, `PhotoDNA`), else None."""
    return _KINDS.get(_NAME.sub("", name.lower()))


def hash_value(kind: str, text: str) -> str | None:
    """Return a hash in the form of lists: lower-case digits, PhotoDNA as base64; None if it is none."""
    if kind == "PHOTODNA":
        return photodna(text)
    value = text.strip().lower()
    digits = HASH_DIGITS.get(kind)
    return value if len(value) == digits and _HEXADECIMAL.fullmatch(value) else None
