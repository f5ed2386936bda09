"""CSV lists of hashes, as analysts and other programs write them.

The reader is tolerant of header names, case and separators, strict about values. What the writer writes is
safe to open in a spreadsheet: no cell is a formula.
"""

import base64
import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from fanal.formats.indicators import MAX_CLASSIFICATION, Indicator, hash_value, kind_of
from fanal.formats.refusal import DocumentFault, FormatRefused

COLUMNS: Final = ("pdq", "md5", "sha1", "sha256", "photodna", "classification")
SEPARATORS: Final = ",;\t|"
GUARD: Final = "'"
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a cell that a spreadsheet takes as a formula; the writer prefixes an apostrophe."""
_CLASS_NAMES: Final = frozenset(
    {"classification", "classificationcode", "class", "classe", "category", "categorie", "label"}
)
_PLAIN: Final = re.compile(r"[^a-z0-9é]+")


def read_csv(lines: Iterable[str]) -> Iterator[Indicator]:
    """Yield the entries of a CSV list, given as lines; each line has at least one hash.

    Columns may have any order, and names like `MD5`, `md5_hash`, `SHA-256`, `Category`. The separator (comma,
    semicolon, tab or bar) is detected from the first line. Blank lines are skipped.

    Raises:
        FormatRefused: no header, an unknown or repeated column, a malformed hash, a class too long or with
            NUL, a line without a hash or with another number of cells. The path is `line N`.
    """
    rest = iter(lines)
    first = next(rest, "").removeprefix("\ufeff")
    separator = max(SEPARATORS, key=first.count)
    try:
        reader = csv.reader(chain([first], rest), delimiter=separator, strict=True)
        header = [_column(name) for name in next(reader, [])]
        kinds = [name for name in header if name]
        if not kinds or None in header or len(kinds) != len(set(kinds)):
            known = ", ".join(COLUMNS)
            raise FormatRefused(
                DocumentFault.UNKNOWN_FIELD, "line 1", parameters={"expected": known}
            )
        for row in reader:
            if any(cell.strip() for cell in row):
                yield _item(reader.line_num, kinds, row)
    except csv.Error as error:
        raise FormatRefused(DocumentFault.MALFORMED, f"line {reader.line_num or 1}") from error


def _column(name: str) -> str | None:
    """Return the hash kind of a column by its name (`SHA256`); None for an unknown name.

    `CLASS`: the column holds the classification of the file.
    """
    plain = _PLAIN.sub("", name.lower())
    if plain.replace("é", "e") in _CLASS_NAMES:
        return "CLASS"
    return kind_of(plain) or kind_of(plain.removeprefix("hash").removesuffix("hash"))


def _item(number: int, kinds: list[str], row: list[str]) -> Indicator:
    path = f"line {number}"
    if len(row) != len(kinds):
        cells = {"expected": len(kinds)}
        raise FormatRefused(DocumentFault.MISSING_FIELD, path, parameters=cells)
    values: dict[str, str] = {}
    classification = ""
    for kind, cell in zip(kinds, row, strict=True):
        text = cell.strip()
        if not text:
            continue
        if kind == "CLASS":
            classification = _unguarded(text, path=path)
            continue
        value = hash_value(kind, text)
        if value is None:
            raise FormatRefused(DocumentFault.WRONG_TYPE, path, parameters={"expected": kind})
        values[kind] = value
    if not values:
        raise FormatRefused(DocumentFault.MISSING_FIELD, path, parameters={"expected": "hash"})
    return Indicator(line=number, values=values, classification=classification)


def _unguarded(text: str, *, path: str) -> str:
    plain = text[1:] if text[:1] == GUARD and text[1:2] in (*FORMULA, GUARD) else text
    if len(plain) > MAX_CLASSIFICATION or "\0" in plain:
        limit = {"limit": MAX_CLASSIFICATION}
        raise FormatRefused(DocumentFault.TEXT_TOO_LONG, path, parameters=limit)
    return plain


def writable(item: Indicator) -> bool:
    """Return whether a list entry has a hash and is not withdrawn: a CSV list cannot express withdrawals."""
    columns = {name.upper() for name in COLUMNS}
    return not item.withdrawn and not columns.isdisjoint(item.values)


def write_csv(items: Iterable[Indicator]) -> Iterator[str]:
    """Yield the lines of a CSV hash list, header first, from the list entries that are `writable`.

    PhotoDNA is written in hexadecimal, since base64 may begin like a formula.
    """
    yield ",".join(COLUMNS) + "\r\n"
    for item in items:
        line = io.StringIO()
        csv.writer(line).writerow([_cell(item, name) for name in COLUMNS])
        yield line.getvalue()


def _cell(item: Indicator, name: str) -> str:
    if name == "classification":
        text = item.classification
        return GUARD + text if text.startswith((*FORMULA, GUARD)) else text
    value = item.values.get(name.upper(), "")
    return base64.b64decode(value).hex() if name == "photodna" else value
