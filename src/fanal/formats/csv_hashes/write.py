"""Writer of CSV lists that are safe to open in a spreadsheet: no cell is a formula."""

import base64
import csv
import io
from collections.abc import Iterable, Iterator

from fanal.formats.csv_hashes.read import COLUMNS, FORMULA, GUARD
from fanal.formats.indicators import Indicator


def writable(item: Indicator) -> bool:
    """Return whether an entry has a hash and is not withdrawn: a CSV list cannot express withdrawals."""
    columns = {name.upper() for name in COLUMNS}
    return not item.withdrawn and not columns.isdisjoint(item.values)


def write_csv(items: Iterable[Indicator]) -> Iterator[str]:
    """Yield the lines of a list, header first.

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
