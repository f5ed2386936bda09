"""The rules of nearness as data (`data/nearness.toml`)."""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

import msgspec
from msgspec import Struct


class _StrictRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Unknown keys are refused."""


class Holders(_StrictRules, frozen=True, kw_only=True):
    """How many reports may hold a key of each kind, and how many pairs that share it may be rejected."""

    passage: int
    page: int
    address: int
    name: int
    picture: int
    spelling: int
    rejections: int


class TextRule(_StrictRules, frozen=True, kw_only=True):
    """How passages are drawn from a text, and how many two texts share at least."""

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
    """Which addresses are compared, and the strength (0..1) of a mirror and of a page of one family."""

    path: int
    pages: int
    mirror: float
    family: float


class PictureRule(_StrictRules, frozen=True, kw_only=True):
    """How many pictures of a report are compared, and the strength of the nearest."""

    pictures: int
    strength: float


class SharedRule(_StrictRules, frozen=True, kw_only=True):
    """The strength of a postal address, or of a name with its date of birth, in common."""

    strength: float


class SpellingRule(_StrictRules, frozen=True, kw_only=True):
    """Which identifiers are compared in their variations, and the strength of each way to be near.

    `fewest` and `most` characters of a core, `letters` among them; with `figures` among them, or of `long`
    characters, an equal core tells alone. `values` of a report are compared at most.
    """

    values: int
    fewest: int
    most: int
    letters: int
    figures: int
    long: int
    strength: Mapping[str, float]


class NearRules(_StrictRules, frozen=True, kw_only=True):
    """The file."""

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
    """Return the shipped rules."""
    path = resources.files("fanal.crosscheck").joinpath("data", "nearness.toml")
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), NearRules)
