"""The rules by which two reports without an equal value count as similar, as data (`data/nearness.toml`)."""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources

import msgspec
from msgspec import Struct


class _StrictRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the records of the similarity rule file: immutable, unknown keys are refused."""


class Holders(_StrictRules, frozen=True, kw_only=True):
    """Limits from which a key (digest of a feature) becomes a stop key, which makes no reports similar.

    Each field is the most reports that may hold a key of that kind: `passage` of a text, web `page`, postal
    `address`, `name` of a suspect, `picture`. `rejections` is the number of rejected pairs with a passage
    that make it a stop key. `spelling` is the most different values that may share a form; a value in the
    sentences of two reports counts twice. `line` is an internet line in one period.
    """

    passage: int
    page: int
    address: int
    name: int
    picture: int
    spelling: int
    line: int
    rejections: int


class TextRule(_StrictRules, frozen=True, kw_only=True):
    """How a text is cut into sampled passages (shingles), and how many of them two similar texts share.

    `words`: number of words of a passage; `least`: least number of passages of a text to be compared;
    `fewest`, `most`, `one_in`: size of the sample, one passage in `one_in` between two bounds; `characters`:
    length read; `shared`, `part`: least number and share (0..1) of common passages. `strength` (0..1) is the
    score of identical texts.
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
    """Which addresses of web pages are compared, and the scores (0..1) of two similar pages.

    `path`: least number of characters of path and query; `pages`: most addresses of a report. `mirror` is the
    score of the same path on another host, `family` that of another page of the same folder or thread.
    """

    path: int
    pages: int
    mirror: float
    family: float


class PictureRule(_StrictRules, frozen=True, kw_only=True):
    """How many `pictures` of a report are compared; `strength`: score (0..1) of the most similar one."""

    pictures: int
    strength: float


class SharedRule(_StrictRules, frozen=True, kw_only=True):
    """The score (`strength`, 0..1) of a shared postal address, or of a shared name with date of birth."""

    strength: float


class SpellingRule(_StrictRules, frozen=True, kw_only=True):
    """Which identifiers are compared for spelling variants, and the score of each kind of variation.

    The core of an identifier is its value without variations. It has between `fewest` and `most` characters,
    with at least `letters` letters. An equal core is sufficient evidence by itself with at least `figures`
    digits (`handle_figures` of a user name) or `long` characters. At most `values` identifiers of a report
    are compared. `strength` maps each kind (`NEAR_HANDLE` …) to its score (0..1).
    """

    values: int
    fewest: int
    most: int
    letters: int
    figures: int
    handle_figures: int
    long: int
    strength: Mapping[str, float]


class MentionRule(_StrictRules, frozen=True, kw_only=True):
    """Which words of a text are compared with the user names of other reports, and the score of each kind.

    A name has `fewest` to `most` characters and at least `letters` letters; one without digit or sign has at
    least `long` characters. Its service is named within `window` characters of one of its first `places`
    occurrences. At most `values` identifiers of a report, and `characters` of its text, are compared. Numbers
    of incidents `apart_weeks` weeks apart or more do not count. `strength` maps each kind
    (`NEAR_HANDLE_MENTION` …) to its score (0..1).
    """

    values: int
    characters: int
    fewest: int
    most: int
    letters: int
    long: int
    window: int
    places: int
    apart_weeks: int
    strength: Mapping[str, float]


class LineRule(_StrictRules, frozen=True, kw_only=True):
    """How close in time two uses of an internet line must be, in seconds, and the score (0..1) of the
    similarity.

    `prefix_seconds` is for an IPv6 prefix (/64), `port_seconds` for an IPv4 address with its port. Two uses
    at most that far apart always count; two uses at least twice as far apart never do (see
    `sketch.lines_of`).
    """

    prefix_seconds: int
    port_seconds: int
    strength: float


class NearRules(_StrictRules, frozen=True, kw_only=True):
    """The contents of the file of similarity rules.

    `schema` is the version of the file format, `version` that of the rules. `suggested` is the most earlier
    reports with which a report is paired, for each kind of similarity. `holders` are the limits of stop keys.
    The other fields are the rules of each kind: a text, web page, picture, postal address, name with date of
    birth, spelling of an identifier, identifier in a sentence (`mention`), and internet line.
    """

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
    mention: MentionRule
    line: LineRule


@lru_cache(maxsize=1)
def load_near_rules() -> NearRules:
    """Return the similarity rules shipped with the package (`data/nearness.toml`)."""
    path = resources.files("fanal.crosscheck").joinpath("data", "nearness.toml")
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), NearRules)
