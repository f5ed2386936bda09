"""The file of a list of known hashes: CSV with columns pdq, md5, sha1, sha256, classification."""

import csv
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

COLUMNS = ("pdq", "md5", "sha1", "sha256", "classification")
_DIGITS = {"pdq": 64, "md5": 32, "sha1": 40, "sha256": 64}
_HEXADECIMAL = re.compile(r"[0-9a-f]+")
MAX_CLASSIFICATION = 100


class ListRefused(ValueError):
    """The file cannot be read as a list: line number and reason. Nothing of it is loaded."""


class Item(Struct, frozen=True, kw_only=True):
    """One line: its hashes by kind (`PDQ`, `MD5`, `SHA1`, `SHA256`) and its class."""

    line: int
    values: dict[str, str]
    classification: str


def read_list(lines: Iterable[str]) -> Iterator[Item]:
    """Yield the items of a list file; any column but one hash may be missing or empty.

    Raises:
        ListRefused: no header, an unknown column, a malformed hash, or a line without a hash.
    """
    reader = csv.reader(lines)
    header = [name.strip().lstrip("\ufeff").lower() for name in next(reader, [])]
    if not header or set(header) - set(COLUMNS) or len(header) != len(set(header)):
        raise ListRefused(f"line 1: columns are among {', '.join(COLUMNS)}")
    for number, row in enumerate(reader, start=2):
        if any(cell.strip() for cell in row):
            yield _item(number, header, row)


def _item(number: int, header: list[str], row: list[str]) -> Item:
    if len(row) != len(header):
        raise ListRefused(f"line {number}: {len(row)} cells for {len(header)} columns")
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=True)}
    classification = cells.pop("classification", "")
    if len(classification) > MAX_CLASSIFICATION:
        raise ListRefused(f"line {number}: classification over {MAX_CLASSIFICATION} characters")
    values = {}
    for name, cell in cells.items():
        value = cell.lower()
        if not value:
            continue
        if len(value) != _DIGITS[name] or not _HEXADECIMAL.fullmatch(value):
            raise ListRefused(f"line {number}: {name} has {_DIGITS[name]} hexadecimal digits")
        values[name.upper()] = value
    if not values:
        raise ListRefused(f"line {number}: no hash")
    return Item(line=number, values=values, classification=classification)
