"""A figure as a table: rows with codes, number, year before and change; written as JSON and CSV. Pure."""

import csv
import io
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from fanal.statistics.domain.definitions import Figure
from fanal.statistics.domain.months import change

# Hiding of small numbers in public tables, so that none can be worked out from the others. Pure.
#
# A table is months × codes; sums over codes and over months can be made by anybody who sees every cell, and
# the totals are published beside. A line (one month, or one code) is safe when nothing is hidden in it, or
# when at least two numbers are, which together reach the threshold. Zeros are shown: that nothing came is no
# secret about somebody.

THRESHOLD = 5

R = TypeVar("R", bound=Hashable)
C = TypeVar("C", bound=Hashable)
K = TypeVar("K", bound=Hashable)


def hide_small(
    cells: Mapping[tuple[R, C], int], *, threshold: int = THRESHOLD
) -> dict[tuple[R, C], int | None]:
    """Return the table with None for each number that must not be shown.

    `cells` holds every cell, totals left out. Their line totals may be shown where they reach the
    threshold (see `total_of`).
    """
    hidden = {key for key, n in cells.items() if 0 < n < threshold}
    lines = _lines(cells)
    moved = True
    while moved:
        moved = False
        for line in lines:
            more = _to_hide([(key, cells[key]) for key in line], hidden, threshold)
            moved = moved or bool(more)
            hidden |= more
    return {key: None if key in hidden else n for key, n in cells.items()}


def total_of(numbers: Iterable[int], *, threshold: int = THRESHOLD) -> int | None:
    """Return a sum that may be shown, None where it is itself small."""
    total = sum(numbers)
    return total if total == 0 or total >= threshold else None


def _lines(cells: Mapping[tuple[R, C], int]) -> list[list[tuple[R, C]]]:
    rows: dict[R, list[tuple[R, C]]] = {}
    columns: dict[C, list[tuple[R, C]]] = {}
    for key in cells:
        rows.setdefault(key[0], []).append(key)
        columns.setdefault(key[1], []).append(key)
    return [*rows.values(), *columns.values()]


def _to_hide(numbers: list[tuple[K, int]], hidden: set[K], threshold: int) -> set[K]:
    """Return which further numbers of a line must go: the smallest that are left."""
    gone = [n for key, n in numbers if key in hidden]
    if not gone:
        return set()
    left = sorted(
        ((n, key) for key, n in numbers if key not in hidden and n), key=lambda pair: pair[0]
    )
    more: set[K] = set()
    known, reached = len(gone), sum(gone)
    for n, key in left:
        if known >= 2 and reached >= threshold:
            break
        more.add(key)
        known, reached = known + 1, reached + n
    return more


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


class Row(Struct, frozen=True, kw_only=True):
    """One number: its codes in the order of the figure's columns, and the year before's."""

    keys: tuple[str, ...]
    value: float | None
    before: int | None = None

    @property
    def change(self) -> float | None:
        """By how much it changed on the year before (0.12 is +12 %)."""
        return change(None if self.value is None else int(self.value), self.before)


class Table(Struct, frozen=True, kw_only=True):
    """A figure with its rows; `until` is the first day that is not counted."""

    figure: Figure
    rows: tuple[Row, ...]
    since: date
    until: date
    made_at: datetime

    def total(self, *keys: str) -> int:
        """Return the sum of the rows whose codes begin with or hold every one of `keys`."""
        return sum(int(r.value or 0) for r in self.rows if set(keys) <= set(r.keys))


def as_json(table: Table) -> bytes:
    """Return a table with its definition: one JSON object, numbers as numbers."""
    figure = table.figure
    names = [column.name for column in figure.columns]
    return msgspec.json.encode(
        {
            "figure": figure.code,
            "label": figure.label,
            "definition": figure.definition,
            "source": figure.source,
            "query": figure.query,
            "unit": figure.unit,
            "since": table.since,
            "until": table.until,
            "made_at": table.made_at,
            "rows": [
                dict(zip(names, row.keys, strict=True))
                | {"value": row.value, "year_before": row.before, "change": row.change}
                for row in table.rows
            ],
        }
    )


def as_csv(table: Table) -> str:
    """Return a table as CSV (RFC 4180, UTF-8): a header, then one row a number; nothing is a formula."""
    return table_csv(table)


def table_csv(
    table: Table, *, extra: Mapping[str, Callable[[tuple[str, ...]], str]] | None = None
) -> str:
    """Return a table as `as_csv`, with further columns: by name, the cell for the codes of a row."""
    names = [column.name for column in table.figure.columns]
    further = extra or {}
    header = [*names, "value", "year_before", "change", *further]
    rows = [
        [*row.keys, _plain(row.value), _plain(row.before), _plain(row.change)]
        + [cell(row.keys) for cell in further.values()]
        for row in table.rows
    ]
    return write_csv(header, rows)


def write_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return CSV text in which no spreadsheet finds a formula: such a cell starts with an apostrophe.

    Numbers written by this module keep their sign.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    for row in (header, *rows):
        writer.writerow([_harmless(cell) for cell in row])
    return out.getvalue()


def _harmless(cell: str) -> str:
    try:
        float(cell)
    except ValueError:
        return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) or cell[:1] in _FORMULA else cell
    return cell


def _plain(value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if value == int(value) else f"{value:.4f}"
