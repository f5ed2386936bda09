"""The rules of similarity as data (`data/nearness.toml`)."""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

import msgspec
from msgspec import Struct


class _StrictRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the records of the similarity rule file: immutable, unknown keys are refused."""


class Holders(_StrictRules, frozen=True, kw_only=True):
    """Limits from which a key becomes a stop key, which no longer makes reports similar.

    They are the most reports that may hold a key, by its kind, and the rejected pairs with it (`rejections`).
    `spelling` is the most different values that may share a blocking key.
    """

    passage: int
    page: int
    address: int
    name: int
    picture: int
    spelling: int
    rejections: int


class TextRule(_StrictRules, frozen=True, kw_only=True):
    """How a text is cut into sampled passages (shingles), and how many of them two similar texts share.

    `words`: of a passage; `least`: passages of a text to be compared; `fewest`, `most`, `one_in`: size of the
    sample; `characters`: length read; `shared`, `part`: number and share of common passages.
    """

    words: int
    least: int
    fewest: int
    most: int
    one_in: int
    characters: int
    shared: int
    part: float
    strength: float


class PageRule(_StrictRules, frozen=True, kw_only=True):
    """Which page addresses are compared, and the strengths (0..1) of a mirror and of a page of one folder.

    `path`: fewest characters of path and query; `pages`: most addresses of a report.
    """

    path: int
    pages: int
    mirror: float
    family: float


class PictureRule(_StrictRules, frozen=True, kw_only=True):
    """How many pictures of a report are compared, and the strength of the most similar picture."""

    pictures: int
    strength: float


class SharedRule(_StrictRules, frozen=True, kw_only=True):
    """The strength of a shared postal address, or of a shared name with date of birth."""

    strength: float


class SpellingRule(_StrictRules, frozen=True, kw_only=True):
    """Which identifiers are compared for spelling variants, and the strength of each kind of variation.

    The core of an identifier is its value without variations. It has between `fewest` and `most` characters,
    with at least `letters` letters. An equal core is sufficient evidence by itself with at least `figures`
    digits or `long` characters. At most `values` identifiers of a report are compared.
    """

    values: int
    fewest: int
    most: int
    letters: int
    figures: int
    long: int
    strength: Mapping[str, float]


class NearRules(_StrictRules, frozen=True, kw_only=True):
    """The whole rule file; `suggested`: most earlier reports with which a report is paired, for each kind."""

    schema: int
    version: str
    suggested: int
    holders: Holders
    text: TextRule
    page: PageRule
    picture: PictureRule
    address: SharedRule
    name: SharedRule
    spelling: SpellingRule


@lru_cache(maxsize=1)
def load_near_rules() -> NearRules:
    """Return the rules shipped with the package."""
    path = resources.files("fanal.crosscheck").joinpath("data", "nearness.toml")
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), NearRules)
