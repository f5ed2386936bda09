"""Definitions of the figures, read from TOML files with strict validation."""

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
    """Error: a definition file of the figures is invalid; the message says where and why."""


class Column(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dimension of a figure: its name in exported files, its label, and which labels its codes have.

    `kind` names the group of labels for the codes, "" if the codes are displayed as they are.
    """

    name: str
    label: Text
    kind: str = ""


class Figure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The definition of a figure (a statistic of the desk), as read from a TOML file.

    `label` is its name, `definition` what exactly it counts, `source` where the data come from, `retention`
    how long they are kept: texts in both languages. `query` names the function that computes it. `unit`:
    COUNT or SECONDS. `columns` are its dimensions.
    """

    code: str
    label: Text
    definition: Text
    source: Text
    query: str
    unit: Literal["COUNT", "SECONDS"]
    retention: Text
    columns: tuple[Column, ...]


class Historical(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A figure that another organisation published, for comparison on the statistics pages.

    `period` is the time it covers. `value` is as printed, `number` the same if it is a single number, else
    None. `published_by` is the organisation, `source` the address or title of the publication, `retrieved_on`
    the day it was read. Confidence H: the official text was read; M: a secondary source; L: deduced.
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
    """Return the definitions of the figures by code, in display order (the order of the file). Cached.

    Raises:
        DefinitionsInvalid: a duplicate code, an unknown field, or an invalid value.
    """
    read = _read("definitions.toml", _Definitions).figure
    found = {figure.code: figure for figure in read}
    if len(found) != len(read):
        raise DefinitionsInvalid("a figure is defined twice")
    return found


@lru_cache(maxsize=1)
def trends() -> dict[str, Figure]:
    """Return the definitions of the weekly trends by code, in display order. Cached.

    Raises:
        DefinitionsInvalid: a duplicate code, an unknown field, or an invalid value.
    """
    read = _read("trends.toml", _Definitions).figure
    found = {figure.code: figure for figure in read}
    if len(found) != len(read):
        raise DefinitionsInvalid("a trend is defined twice")
    return found


@lru_cache(maxsize=1)
def historical() -> tuple[Historical, ...]:
    """Return the figures published by others, in file order. Cached.

    Raises:
        DefinitionsInvalid: an unknown field, or an invalid value.
    """
    return _read("published.toml", _Published).figure


def words(text: Text, lang: str) -> str:
    """Return a text of a figure's definition in a language (else French); French gets its no-break spaces."""
    return text.en if lang.startswith("en") else french(text.fr)


def _read(name: str, kind: type[S]) -> S:
    content = resources.files(__package__).joinpath(name).read_text("utf-8")
    try:
        return msgspec.convert(tomllib.loads(content), kind)
    except msgspec.ValidationError as error:
        raise DefinitionsInvalid(f"{name}: {error}") from error


def historical_figures(lang: str) -> list[dict[str, object]]:
    """Return the figures published by others as dictionaries for templates, with texts in `lang`.

    Keys: label, period, value, by (the publisher), source, read (the date), confidence, note. The results are
    in the order of the file; `note` is "" without one.
    """
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
