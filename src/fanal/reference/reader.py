"""Strict reader of reference files: unknown keys, missing sources or labels and overlaps are refused.

A typing error then stops the program at start, with the file and path of the fault, instead of applying a
wrong rule later.
"""

import hashlib
import tomllib
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from fanal.reference.records import Entry, Text

E = TypeVar("E", bound=Entry)
K = TypeVar("K")


class ReferenceRefused(Exception):
    """A file of reference data, shipped or the desk's own, is invalid; the message names entry and fault."""


class _Header(Struct, frozen=True, kw_only=True):
    """The header of a reference file, read first to learn the kind of its entries."""

    kind: str
    schema: Literal[1]
    jurisdiction: str = ""


class LabelFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of labels: kind of label → code → text in both languages.

    `schema` is the version of the file format. `package` is the name of the package whose codes it labels,
    and of the file.
    """

    schema: Literal[1]
    kind: Literal["labels"]
    package: str
    labels: dict[str, dict[str, Text]]


_TOP = frozenset({"schema", "kind", "jurisdiction", "entry"})


def read_entries(path: Path, *kinds: type[E]) -> tuple[E, ...]:
    """Read the entries of a TOML file; its header must name one of `kinds`.

    Raises:
        ReferenceRefused: unreadable file, invalid TOML, unknown key, missing source or label, empty period,
            wrong kind or id, overlap.
    """
    document = _decode(path)
    header = _convert(document, _Header, path)
    kind = next((kind for kind in kinds if kind.kind == header.kind), None)
    if kind is None:
        expected = ", ".join(repr(kind.kind) for kind in kinds)
        raise ReferenceRefused(f"{path.name}: kind {header.kind!r}, expected {expected}")
    if unknown := sorted(set(document) - _TOP):
        raise ReferenceRefused(f"{path.name}: unknown key {unknown[0]!r}")
    rows = document.get("entry", [])
    if not isinstance(rows, list):
        raise ReferenceRefused(f"{path.name}: 'entry' is not an array of tables")
    entries = tuple(_convert(row, kind, path, index=index) for index, row in enumerate(rows))
    for entry in entries:
        _check_entry(entry, header.jurisdiction, path.name)
    check_overlaps(entries, path.name)
    return entries


def read_labels(path: Path) -> LabelFile:
    """Read a TOML file of labels: the texts of codes in French and English.

    Raises:
        ReferenceRefused: unreadable file, invalid TOML, unknown key, a language missing or empty, a package
            other than the file's name.
    """
    file = _convert(_decode(path), LabelFile, path)
    if file.package != path.stem:
        raise ReferenceRefused(f"{path.name}: package {file.package!r} is not the file's name")
    for kind, codes in file.labels.items():
        for code, text in codes.items():
            if not text.fr.strip() or not text.en.strip():
                raise ReferenceRefused(f"{path.name}: {kind}.{code} lacks words")
    return file


def check_overlaps(entries: Iterable[Entry], where: str) -> None:
    """Check that the periods of two versions with the same id never overlap.

    Raises:
        ReferenceRefused: two versions overlap; the message names both, and `where` they were read.
    """
    by_id: dict[str, list[Entry]] = {}
    for entry in entries:
        by_id.setdefault(entry.id, []).append(entry)
    for versions in by_id.values():
        versions.sort(key=lambda entry: entry.in_force_from)
        for earlier, later in pairwise(versions):
            if earlier.in_force_to is None or later.in_force_from < earlier.in_force_to:
                raise ReferenceRefused(
                    f"{where}: {earlier.entry_id} and {later.entry_id} are in force the same day"
                )


def digest(paths: Iterable[Path]) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of file names and contents, sorted by path.

    Raises:
        OSError: a file cannot be read.
    """
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def _check_entry(entry: Entry, jurisdiction: str, where: str) -> None:
    if not entry.source:
        raise ReferenceRefused(f"{where}: {entry.id} has no source")
    if not entry.label.fr.strip() or not entry.label.en.strip():
        raise ReferenceRefused(f"{where}: {entry.id} lacks a label")
    if not entry.id.startswith(f"{jurisdiction}_"):
        raise ReferenceRefused(f"{where}: {entry.id} does not start with {jurisdiction}_")
    if entry.in_force_to is not None and entry.in_force_to <= entry.in_force_from:
        raise ReferenceRefused(f"{where}: {entry.entry_id} ends before it starts")


def _decode(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ReferenceRefused(f"{path.name}: {error}") from error


def _convert(value: object, kind: type[K], path: Path, *, index: int | None = None) -> K:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        place = path.name if index is None else f"{path.name}: entry[{index}]"
        raise ReferenceRefused(f"{place}: {error}") from error
