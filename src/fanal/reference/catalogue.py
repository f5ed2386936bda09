"""The catalogue of reference data: every dated version of a rule or table, by kind, code and day."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from fanal.kernel.refusal import Refusal
from fanal.reference.reader import check_overlaps, digest, read_entries, read_labels
from fanal.reference.records import (
    Asking,
    Body,
    Clock,
    EmergencyNumber,
    Entry,
    Instrument,
    ListBasis,
    MaterialRule,
    MeasureClock,
    MeasureRule,
    Offence,
    ProtectedName,
    Qualification,
    Retention,
    Routing,
    SearchService,
)
from fanal.reference.words import Value, Words

E = TypeVar("E", bound=Entry)
_MAX_DAYS = 4096
DATA = Path(__file__).parent / "data"
KINDS: tuple[type[Entry], ...] = (
    Offence,
    MeasureRule,
    MeasureClock,
    Body,
    EmergencyNumber,
    Routing,
    Clock,
    Retention,
    Qualification,
    ListBasis,
    MaterialRule,
    Instrument,
    Asking,
    ProtectedName,
    SearchService,
)


class Catalogue:
    """All reference data of a release (law, taxonomies, tables, labels), immutable.

    An entry is a dated version of a rule or table. `words` are the labels of codes. `version` is a digest of
    the files except those of labels; decisions record it to name the law applied.
    """

    def __init__(self, entries: tuple[Entry, ...], words: Words, version: str) -> None:
        """Index the entries by kind, code and id.

        `words` are the labels, `version` is a digest of the files of entries.

        Raises:
            ReferenceRefused: two versions of an entry overlap.
        """
        self.words = words
        self.version = version
        self._entries = entries
        self._kinds: dict[type[Entry], tuple[Entry, ...]] = {}
        self._codes: dict[tuple[type[Entry], str], list[Entry]] = {}
        self._ids: dict[str, Entry] = {}
        self._days: dict[tuple[type[Entry], date], tuple[Entry, ...]] = {}
        check_overlaps(entries, "reference")
        for entry in entries:
            self._kinds[type(entry)] = (*self._kinds.get(type(entry), ()), entry)
            self._codes.setdefault((type(entry), entry.code), []).append(entry)
            self._ids[entry.entry_id] = entry

    def entries(self, kind: type[E]) -> tuple[E, ...]:
        """Return every version of the rules of a kind (an `Entry` class), in file order."""
        return tuple(e for e in self._kinds.get(kind, ()) if isinstance(e, kind))

    def in_force(self, kind: type[E], on: date) -> tuple[E, ...]:
        """Return the versions of a kind (an `Entry` class) in force on a day, in file order."""
        if (kind, on) not in self._days:
            if len(self._days) >= _MAX_DAYS:
                self._days.clear()
            self._days[kind, on] = tuple(e for e in self._kinds.get(kind, ()) if e.in_force(on))
        return tuple(e for e in self._days[kind, on] if isinstance(e, kind))

    def versions(self, kind: type[E], code: str, *, first: date, last: date) -> tuple[E, ...]:
        """Return the versions of `code` in force on one day at least of `first`..`last`, oldest first.

        `kind` is an `Entry` class. Both days are included.
        """
        found = [
            entry
            for entry in self._codes.get((kind, code), ())
            if isinstance(entry, kind)
            and entry.in_force_from <= last
            and (entry.in_force_to is None or entry.in_force_to > first)
        ]
        return tuple(sorted(found, key=lambda entry: entry.in_force_from))

    def by_code(self, kind: type[E], code: str, on: date) -> E | None:
        """Return the version of `code` of a kind (an `Entry` class) in force on a day, or None."""
        found = self.versions(kind, code, first=on, last=on)
        return found[0] if found else None

    def by_entry_id(self, entry_id: str) -> Entry | None:
        """Return the version of a rule with this `entry_id`, by which decisions cite it, or None."""
        return self._ids.get(entry_id)

    def label(self, kind: str, code: str, lang: str) -> str:
        """Return the label of a code in `lang`, or the code itself; `kind` is the group of labels."""
        return self.words.label(kind, code, lang)

    def render(
        self, code: str, parameters: Mapping[str, Value], lang: str, *, kind: str = "because"
    ) -> str:
        """Render the message of a code in `lang` with its parameters; `kind` is the group of labels.

        Without a label, the code itself is printed with its parameters; a missing parameter is “?”.
        """
        return self.words.render(code, parameters, lang, kind=kind)


def read_catalogue(folder: Path) -> Catalogue:
    """Read every reference file under `folder`.

    Raises:
        ReferenceRefused: a file breaks a rule, or its kind is unknown.
    """
    return _with_words(folder, _words(folder))


def _with_words(folder: Path, words: Words) -> Catalogue:
    law = [p for place in ("fr", "eu", "world") for p in sorted(folder.glob(f"{place}/*.toml"))]
    entries = tuple(entry for path in law for entry in read_entries(path, *KINDS))
    return Catalogue(entries, words, digest(law))


def _words(folder: Path) -> Words:
    return Words([read_labels(path) for path in sorted(folder.glob("labels/*.toml"))])


@lru_cache(maxsize=1)
def load() -> Catalogue:
    """Return the catalogue of this release; the files are read once.

    Raises:
        ReferenceRefused: a file breaks a rule.
    """
    return _with_words(DATA, _load_words())


@lru_cache(maxsize=1)
def _load_words() -> Words:
    """Return the labels (texts of codes) of this release, read once, without the other files (faster)."""
    return _words(DATA)


def label(kind: str, code: str, lang: str) -> str:
    """Return the label of a code in `lang`; the code itself without one. `kind` is the group of labels."""
    return _load_words().label(kind, code, lang)


def render(code: str, parameters: Mapping[str, Value], lang: str, *, kind: str = "because") -> str:
    """Render the message of a code in `lang` with its parameters; `kind` is the group of labels.

    Without a label, the code itself is printed with its parameters; a missing parameter is “?”.
    """
    return _load_words().render(code, parameters, lang, kind=kind)


def explain_refusal(refusal: Refusal, lang: str) -> str:
    """Return the reason of a refusal in `lang`: the label of kind `<kind>_refusal`, with its parameters."""
    return render(refusal.code, refusal.parameters, lang, kind=f"{refusal.kind}_refusal")
