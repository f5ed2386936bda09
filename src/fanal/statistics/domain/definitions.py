"""What each figure means: read from `definitions.toml`, strict."""

import tomllib
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from fanal.reference.records import Confidence, Text
from fanal.reference.words import french

S = TypeVar("S", bound=Struct)


class DefinitionsInvalid(Exception):
    """A file of definitions breaks a rule; the text names it."""


class Column(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dimension of a figure: its name in files, its words, the label kind of its codes."""

    name: str
    label: Text
    kind: str = ""


class Figure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One figure: what is counted, from what, by which query, in which unit, kept how long."""

    code: str
    label: Text
    definition: Text
    source: Text
    query: str
    unit: Literal["COUNT", "SECONDS"]
    retention: Text
    columns: tuple[Column, ...]


class Historical(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A figure that others published: `value` as printed, its year or date, where, how sure.

    Confidence H: the official text was read; M: a secondary source; L: deduced.
    """

    code: str
    label: Text
    period: str
    value: Text
    number: int | None = None
    published_by: Text
    source: str
    retrieved_on: date
    confidence: Confidence
    note: Text | None = None


class _Definitions(Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal[1]
    figure: tuple[Figure, ...]


class _Published(Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal[1]
    figure: tuple[Historical, ...]


@lru_cache(maxsize=1)
def figures() -> dict[str, Figure]:
    """Return the definitions of the statistics by code, in file order, which is the display order. Cached.

    Raises:
        DefinitionsInvalid: a code twice, or an unknown field.
    """
    read = _read("definitions.toml", _Definitions).figure
    found = {figure.code: figure for figure in read}
    if len(found) != len(read):
        raise DefinitionsInvalid("a figure is defined twice")
    return found


@lru_cache(maxsize=1)
def trends() -> dict[str, Figure]:
    """Return the figures that trends show by week, by code, in the order of the page.

    Raises:
        DefinitionsInvalid: a code twice, or an unknown field.
    """
    read = _read("trends.toml", _Definitions).figure
    found = {figure.code: figure for figure in read}
    if len(found) != len(read):
        raise DefinitionsInvalid("a trend is defined twice")
    return found


@lru_cache(maxsize=1)
def historical() -> tuple[Historical, ...]:
    """Return the published figures, in file order.

    Raises:
        DefinitionsInvalid: an unknown field, or a value that is none.
    """
    return _read("published.toml", _Published).figure


def words(text: Text, lang: str) -> str:
    """Return the words of a text in a language, French with its no-break spaces."""
    return text.en if lang.startswith("en") else french(text.fr)


def _read(name: str, kind: type[S]) -> S:
    content = resources.files(__package__).joinpath(name).read_text("utf-8")
    try:
        return msgspec.convert(tomllib.loads(content), kind)
    except msgspec.ValidationError as error:
        raise DefinitionsInvalid(f"{name}: {error}") from error


def historical_figures(lang: str) -> list[dict[str, object]]:
    """Return the published figures of earlier years, each with its source, in words."""
    return [
        {
            "label": words(entry.label, lang),
            "period": entry.period,
            "value": words(entry.value, lang),
            "by": words(entry.published_by, lang),
            "source": entry.source,
            "read": entry.retrieved_on,
            "confidence": entry.confidence,
            "note": words(entry.note, lang) if entry.note else "",
        }
        for entry in historical()
    ]
