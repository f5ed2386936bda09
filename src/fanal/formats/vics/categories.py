"""Categories of VICS: each country's model numbers them differently, so each has a versioned file.

A file in `categories/` gives scheme, version, source, and for each code its label in French and English
and its `use`. An unconfirmed code has `checked = false`.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final, Literal

import msgspec
from msgspec import Struct

NO_COUNTRY: Final = "DEFAULT"


class CategoryUse(StrEnum):
    """The meaning of a category for lists: known material, harmless files, other, or unknown."""

    MATERIAL = "MATERIAL"
    HARMLESS = "HARMLESS"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


class Label(Struct, frozen=True, forbid_unknown_fields=True):
    """A label in French and English."""

    fr: str
    en: str


class CategoryCode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One code of a classification scheme."""

    code: str
    use: CategoryUse
    checked: bool
    label: Label


class Vocabulary(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The categories of one country's VICS model, in one version."""

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
        """Return whether the vocabulary lists a code, even one of unknown meaning."""
        return any(c.code == code for c in self.category)


def read_vocabulary(text: str) -> Vocabulary:
    """Parse a vocabulary file.

    Raises:
        msgspec.ValidationError: an unknown or a missing key.
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
