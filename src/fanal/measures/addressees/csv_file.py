"""CSV files with addressees of measures: one row an addressee. Pure."""

import csv
import io
from collections.abc import Iterator

from msgspec import Struct

from fanal.kernel.calendar import read_day
from fanal.measures.addressees.records import Field, NewEntry

MAX_BYTES = 5_000_000
MAX_ROWS = 10_000
_LIST = "|"
_FIELDS = {
    "kind": Field.KIND,
    "name": Field.NAME,
    "other_names": Field.OTHER_NAME,
    "contact_point": Field.CONTACT_POINT,
    "email": Field.EMAIL,
    "postal": Field.POSTAL,
    "user_point": Field.USER_POINT,
    "languages": Field.LANGUAGE,
    "territory": Field.TERRITORY,
    "as_numbers": Field.AS_NUMBER,
    "prefixes": Field.PREFIX,
    "domains": Field.DOMAIN,
}
_WHOLE = frozenset({Field.NAME, Field.CONTACT_POINT, Field.EMAIL, Field.POSTAL, Field.USER_POINT})
"""Fields of one value, in which a vertical bar separates nothing."""
_REQUIRED = ("kind", "name", "source", "source_date")
COLUMNS = (*_FIELDS, "source", "source_date", "checked")
"""Columns of a file, in any order; several values of a cell are separated by a vertical bar."""
_CHECKED = {"": False, "no": False, "yes": True}


class Row(Struct, frozen=True, kw_only=True):
    """A row of a file, by the `line` where it begins (the header is line 1): its entry, or its fault."""

    line: int
    entry: NewEntry | None = None
    fault: str = ""


def read_rows(content: bytes) -> list[Row]:
    """Read a file (UTF-8, cells separated by commas or semicolons); an invalid row has a fault, no entry.

    Faults are codes of the label kind `addressee_refusal`: CELLS (another number of cells than the header),
    DATE (`source_date` is no day), CHECKED (neither yes nor no), QUOTES (an open quote or bare carriage
    return). The values of the fields are not validated. A file that is refused as a whole gives a single row:
    FILE_TOO_LARGE (over 5 MB or 10 000 rows), COLUMNS (an unknown, repeated or missing column) or EMPTY, on
    line 1; ENCODING, on the line of the first invalid character.
    """
    if len(content) > MAX_BYTES:
        return [Row(line=1, fault="FILE_TOO_LARGE")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [Row(line=content.count(b"\n", 0, error.start) + 1, fault="ENCODING")]
    if "\0" in text:
        return [Row(line=text.count("\n", 0, text.index("\0")) + 1, fault="ENCODING")]
    header = text.partition("\n")[0]
    separator = ";" if header.count(";") > header.count(",") else ","
    records = _records(text, separator)
    first = next(records, (1, None))[1]
    names = [name.strip().lower() for name in first or ()]
    if len(names) != len(set(names)) or {*names} - {*COLUMNS} or {*_REQUIRED} - {*names}:
        return [Row(line=1, fault="COLUMNS")]
    rows = [_row(line, names, cells) for line, cells in records]
    if not rows:
        return [Row(line=1, fault="EMPTY")]
    return rows if len(rows) <= MAX_ROWS else [Row(line=1, fault="FILE_TOO_LARGE")]


def _records(text: str, separator: str) -> Iterator[tuple[int, list[str] | None]]:
    """Yield each record that is not blank as (line where it begins, cells), None for unreadable cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield line, None
            return
        if any(cell.strip() for cell in cells):
            yield line, cells
        line = reader.line_num + 1


def _row(line: int, names: list[str], cells: list[str] | None) -> Row:
    if cells is None:
        return Row(line=line, fault="QUOTES")
    if len(cells) != len(names):
        return Row(line=line, fault="CELLS")
    row = dict(zip(names, cells, strict=True))
    dated_on = read_day(row["source_date"].strip())
    if dated_on is None:
        return Row(line=line, fault="DATE")
    checked = _CHECKED.get(row.get("checked", "").strip().lower())
    if checked is None:
        return Row(line=line, fault="CHECKED")
    values = {
        field: found
        for name, field in _FIELDS.items()
        if (found := _values(field, row.get(name, "")))
    }
    entry = NewEntry(
        values=values, source=row["source"], dated_on=dated_on, checked=checked, restates=True
    )
    return Row(line=line, entry=entry)


def _values(field: Field, cell: str) -> tuple[str, ...]:
    parts = [cell] if field in _WHOLE else cell.split(_LIST)
    return tuple(part for part in parts if part.strip())
