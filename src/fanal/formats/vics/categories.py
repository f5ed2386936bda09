"""Categories of VICS, which each country numbers its own way: one versioned file for each model.

A file drops into `categories/`: scheme, version, source, and for each code its label in French and English
and its `use`. What nobody confirmed is `checked = false`.
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
    """What a file of a category is to somebody who looks for known material."""

    MATERIAL = "MATERIAL"
    HARMLESS = "HARMLESS"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


class Label(Struct, frozen=True, forbid_unknown_fields=True):
    """Words in both languages."""

    fr: str
    en: str


class CategoryCode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One code of a scheme."""

    code: str
    use: CategoryUse
    checked: bool
    label: Label


class Vocabulary(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The categories of one country's model, in one version."""

    schema: int
    scheme: Literal["VICS-US", "VICS-UK", "VICS-FR", "VICS-DEFAULT", "VICS-CUSTOM"]
    country: str
    version: str
    source: str
    category: tuple[CategoryCode, ...]

    def use_of(self, code: str) -> CategoryUse:
        """Return what a code is; UNKNOWN where the file does not list it."""
        return next((c.use for c in self.category if c.code == code), CategoryUse.UNKNOWN)

    def lists(self, code: str) -> bool:
        """Return whether the model has a code, be it that nobody knows what it means."""
        return any(c.code == code for c in self.category)


def read_vocabulary(text: str) -> Vocabulary:
    """Return the vocabulary of a file's text.

    Raises:
        msgspec.ValidationError: an unknown key, or one that is missing.
        ValueError: another version of the shape, or a code that stands twice.
    """
    read = msgspec.toml.decode(text, type=Vocabulary)
    codes = [category.code for category in read.category]
    if read.schema != 1 or len(codes) != len(set(codes)):
        raise ValueError(f"{read.scheme}: another schema, or a code twice")
    return read


@cache
def vocabularies() -> Mapping[str, Vocabulary]:
    """Return every shipped vocabulary by the country of its model, in capitals."""
    folder = resources.files(__package__).joinpath("categories")
    files = sorted(f.name for f in folder.iterdir() if f.name.endswith(".toml"))
    read = [read_vocabulary(folder.joinpath(name).read_text("utf-8")) for name in files]
    return {vocabulary.country: vocabulary for vocabulary in read}


def vocabulary_of(country: str) -> Vocabulary:
    """Return the vocabulary of a model, that of no country where none is known."""
    known = vocabularies()
    return known.get(country.upper(), known[NO_COUNTRY])
