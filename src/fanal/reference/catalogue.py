"""The catalogue: every entry of every file, asked by kind and by day."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from fanal.reference.reader import (
    ReferenceRefused,
    check_overlaps,
    digest,
    file_kind,
    read_entries,
    read_labels,
)
from fanal.reference.records import (
    Body,
    Clock,
    Entry,
    MeasureClock,
    MeasureRule,
    Offence,
    Qualification,
    Retention,
    Routing,
)
from fanal.reference.words import Value, Words

E = TypeVar("E", bound=Entry)
DATA = Path(__file__).parent / "data"
KINDS: tuple[type[Entry], ...] = (
    Offence,
    MeasureRule,
    MeasureClock,
    Body,
    Routing,
    Clock,
    Retention,
    Qualification,
)


class Catalogue:
    """Everything that was read, immutable. `version` names the exact files (decisions: law is data)."""

    def __init__(self, entries: tuple[Entry, ...], words: Words, version: str) -> None:
        """Index the entries by kind and refuse overlaps across files."""
        self.words = words
        self.version = version
        self._entries = entries
        check_overlaps(entries, "reference")

    def entries(self, kind: type[E]) -> tuple[E, ...]:
        """Return every version of a kind, in file order."""
        return tuple(entry for entry in self._entries if isinstance(entry, kind))

    def in_force(self, kind: type[E], on: date) -> tuple[E, ...]:
        """Return the versions of a kind that hold on that day."""
        return tuple(entry for entry in self.entries(kind) if entry.in_force(on))

    def between(self, kind: type[E], first: date, last: date) -> tuple[E, ...]:
        """Return the versions that hold on one day at least of `first`..`last`, both included."""
        return tuple(
            entry
            for entry in self.entries(kind)
            if entry.in_force_from <= last
            and (entry.in_force_to is None or entry.in_force_to > first)
        )

    def by_code(self, kind: type[E], code: str, on: date) -> E | None:
        """Return the version of `code` in force on that day, or None."""
        found = [entry for entry in self.in_force(kind, on) if entry.code == code]
        return found[0] if found else None

    def by_entry_id(self, entry_id: str) -> Entry | None:
        """Return the version that a decision kept the name of, or None."""
        found = [entry for entry in self._entries if entry.entry_id == entry_id]
        return found[0] if found else None

    def label(self, kind: str, code: str, lang: str) -> str:
        """Return the words of a code (see `Words.label`)."""
        return self.words.label(kind, code, lang)

    def render(
        self, code: str, parameters: Mapping[str, Value], lang: str, *, kind: str = "because"
    ) -> str:
        """Return the words of a code with its parameters (see `Words.render`)."""
        return self.words.render(code, parameters, lang, kind=kind)


def read_catalogue(folder: Path) -> Catalogue:
    """Read every reference file under `folder`.

    Raises:
        ReferenceRefused: a file breaks a rule, or is of no known kind.
    """
    by_name = {kind.kind: kind for kind in KINDS}
    entries: list[Entry] = []
    law = sorted(folder.glob("fr/*.toml")) + sorted(folder.glob("eu/*.toml"))
    for path in law:
        name = file_kind(path)
        if name not in by_name:
            raise ReferenceRefused(f"{path.name}: unknown kind {name!r}")
        entries.extend(read_entries(path, by_name[name]))
    labels = sorted(folder.glob("labels/*.toml"))
    words = Words([read_labels(path) for path in labels])
    return Catalogue(tuple(entries), words, digest(law))


@lru_cache(maxsize=1)
def load() -> Catalogue:
    """Return the catalogue of this release, read once.

    Raises:
        ReferenceRefused: a file breaks a rule.
    """
    return read_catalogue(DATA)


def label(kind: str, code: str, lang: str) -> str:
    """Return the words of a code; the code itself where there are none."""
    return load().label(kind, code, lang)


def render(code: str, parameters: Mapping[str, Value], lang: str, *, kind: str = "because") -> str:
    """Return the words of a code with its parameters filled in."""
    return load().render(code, parameters, lang, kind=kind)
