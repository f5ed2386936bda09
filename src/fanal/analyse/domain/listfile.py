"""Items of a list of known material; its file: CSV with columns pdq, md5, sha1, sha256, classification."""

import csv
import re
from collections.abc import Iterable, Iterator
from uuid import UUID

from msgspec import Struct

COLUMNS = ("pdq", "md5", "sha1", "sha256", "classification")
_DIGITS = {"pdq": 64, "md5": 32, "sha1": 40, "sha256": 64}
_HEXADECIMAL = re.compile(r"[0-9a-f]+")
MAX_CLASSIFICATION = 100
MAX_ADDRESS = 2000
ADDRESSES = frozenset({"URL", "HOST", "DOMAIN"})


class ListRefused(ValueError):
    """What came cannot be read as a list: line number and reason. Nothing of it is loaded."""


class Item(Struct, frozen=True, kw_only=True):
    """One line: its hashes by kind (`PDQ`, `MD5`, `SHA1`, `SHA256`) or addresses, and its class.

    `item_id` is set by who knows the item by an id of their own (a partner's list that is fetched again).
    """

    values: dict[str, str]
    classification: str = ""
    item_id: UUID | None = None


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
        if not _is_hash(name, value):
            raise ListRefused(f"line {number}: {name} has {_DIGITS[name]} hexadecimal digits")
        values[name.upper()] = value
    if not values:
        raise ListRefused(f"line {number}: no hash")
    return Item(values=values, classification=classification)


def check_item(item: Item) -> Item:
    """Return an item that came from elsewhere than a file of ours.

    Raises:
        ListRefused: it has no value, one that is not of its kind, or too long a class.
    """
    if not item.values:
        raise ListRefused("an item has no value")
    for kind, value in item.values.items():
        fits = _is_address(value) if kind in ADDRESSES else _is_hash(kind.lower(), value)
        if not fits:
            raise ListRefused(f"{kind} does not hold {value[:80]!r}")
    if len(item.classification) > MAX_CLASSIFICATION or "\0" in item.classification:
        raise ListRefused(f"classification over {MAX_CLASSIFICATION} characters")
    return item


def _is_hash(name: str, value: str) -> bool:
    return len(value) == _DIGITS.get(name) and bool(_HEXADECIMAL.fullmatch(value))


def _is_address(value: str) -> bool:
    return 0 < len(value) <= MAX_ADDRESS and value.isprintable()
