"""Tables of figures: rows with codes, a number and that of the previous year; encoding as JSON and CSV.

Numbers so small that a person could be recognised are suppressed in public tables. Pure functions.
"""

import csv
import io
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TypeVar

import msgspec
from msgspec import Struct, structs

from fanal.statistics.domain.definitions import Figure

# Cell suppression in public tables (primary and secondary), so that no small number can be deduced. Pure.
#
# A table is months × codes. Sums over codes and over months can be computed from the cells, and totals are
# published too. A line (one month, or one code) is safe if none of its numbers is suppressed, or
# if at least two are, with a sum at or above the threshold. Zeros are published: the absence of reports
# discloses nothing about a person.

THRESHOLD = 5

R = TypeVar("R", bound=Hashable)
C = TypeVar("C", bound=Hashable)
K = TypeVar("K", bound=Hashable)


def hide_small(
    cells: Mapping[tuple[R, C], int], *, threshold: int = THRESHOLD
) -> dict[tuple[R, C], int | None]:
    """Suppress small cells of a public table, and further cells from which they could be deduced.

    A number from 1 to below `threshold` is small. `cells` maps (row, column) to a number and contains every
    cell, without totals. Returns the same cells, the suppressed ones None. Row and column totals may be
    published if they reach the threshold (see `total_of`).
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
    """Return the sum of `numbers` if it may be published (0, or the threshold at least), else None."""
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
    """Return the further cells of a row or column to suppress: the smallest remaining ones, zeros excepted.

    `numbers`: (cell, count) of each cell of the line; `hidden`: the cells suppressed so far. If there are
    any, at least two become suppressed, and together they reach the threshold (as far as cells remain).
    """
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
    """A number of a figure, with the codes that identify it.

    `keys` has one code per column of the figure, in order. `value` is a count or seconds, None without a
    measurement. `before` is the previous year's number, None if not comparable.
    """

    keys: tuple[str, ...]
    value: float | None
    before: int | None = None

    @property
    def change(self) -> float | None:
        """The relative change against the previous year (0.12 is +12 %), None without a sufficient base."""
        return change(None if self.value is None else int(self.value), self.before)


class Table(Struct, frozen=True, kw_only=True):
    """The numbers of a figure (`figure`, its definition) for the days from `since` to `until` (excluded).

    `rows` are the numbers by codes, `made_at` the instant of their computation. Months from `compared_from`
    on can be compared with the year before; None: no month can.
    """

    figure: Figure
    rows: tuple[Row, ...]
    since: date
    until: date
    made_at: datetime
    compared_from: date | None = None

    def total(self, *keys: str) -> int:
        """Return the sum of the values of the rows whose codes include all of `keys` (no key: all rows)."""
        return sum(int(r.value or 0) for r in self.rows if set(keys) <= set(r.keys))

    def is_compared(self, month: date) -> bool:
        """Return whether the numbers of a month (its first day) can be compared with the year before."""
        return self.compared_from is not None and month >= self.compared_from

    def only(self, code: str) -> "Table":
        """Return the same table with only the rows that have a code."""
        return structs.replace(self, rows=tuple(r for r in self.rows if code in r.keys))

    def between(self, first: date, last: date) -> "Table":
        """Return the table of a daily figure with only the months from `first` to `last`, both included.

        A month is given by its first day.
        """
        ends = first.isoformat()[:7], last.isoformat()[:7]
        rows = tuple(r for r in self.rows if ends[0] <= r.keys[0] <= ends[1])
        return structs.replace(self, rows=rows, since=max(first, self.since))


def as_json(table: Table) -> bytes:
    """Encode a table as a JSON object, with the definition of the figure and its rows.

    Keys: `figure` (its code), `label`, `definition`, `source`, `query`, `unit`, `since`, `until`, `made_at`
    and `rows`. A row is an object with its codes by column name, and `value`, `year_before` and `change`.
    """
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
    """Encode a table as CSV (RFC 4180): a header, then for each row its codes, value, previous year, change.

    Cells that a spreadsheet would read as formulas are neutralised.
    """
    return table_csv(table)


def table_csv(
    table: Table, *, extra: Mapping[str, Callable[[tuple[str, ...]], str]] | None = None
) -> str:
    """Encode a table as CSV, as `as_csv`, with further columns at the end.

    `extra` maps a column's name to the function that returns its cell from a row's codes.
    """
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
    """Return a header and rows as CSV text (RFC 4180).

    Cells that a spreadsheet would read as formulas get an apostrophe in front; numbers keep their sign.
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


COMPARABLE = 10
"""Minimum base of a percentage: below it, a single report changes the percentage too much."""


def change(now: int | None, before: int | None) -> float | None:
    """Return the relative change from `before` to `now` (0.12 is +12 %).

    The result is None if a number is missing, or `before` is under 10.
    """
    if now is None or before is None or before < COMPARABLE:
        return None
    return (now - before) / before
