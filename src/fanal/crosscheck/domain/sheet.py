"""Cards as columns: what the rule computes on, for a batch and its kin as for all there is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanal.crosscheck.domain.cards import MOST_ADDRESSES, MOST_WORDS, NO_TIME, WEAK

Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]
Flags = NDArray[np.bool_]
_HEAD = np.dtype(
    [
        ("name", "<u8"),
        ("words", "<u4", (MOST_WORDS,)),
        ("birth", "<u4"),
        ("has", "<u2"),
        ("addresses", "u1"),
        ("spare", "u1"),
    ]
)
_ADDRESS = np.dtype([("key", "<u8"), ("at", "<i8"), ("port", "<i4"), ("six", "u1")])
_VALUE = np.dtype([("key", "<u8"), ("mark", "u1"), ("role", "u1")])


class Rows(NamedTuple):
    """Values by report: report (place in the sheet), key, mark, role, whether weak. In order of reports."""

    report: Ints
    key: Keys
    mark: Ints
    role: Ints
    weak: Flags

    def take(self, wanted: Ints | Flags) -> "Rows":
        """Return the rows at these places."""
        return Rows(
            self.report[wanted],
            self.key[wanted],
            self.mark[wanted],
            self.role[wanted],
            self.weak[wanted],
        )


class Sheet(NamedTuple):
    """Columns of the reports, in the order of their ids: `rows` hold the values, the rest one a report."""

    rows: Rows
    name: Keys
    words: NDArray[np.uint32]
    birth: NDArray[np.uint32]
    has: Ints
    place: Keys
    at: Ints
    port: Ints
    six: Flags


def sheet_of(packed: Sequence[bytes]) -> Sheet:
    """Return the sheet of packed cards; a report's place in it is its place in `packed`."""
    size = len(packed)
    heads = np.frombuffer(b"".join([one[: _HEAD.itemsize] for one in packed]), _HEAD)
    bodies = np.fromiter((len(one) for one in packed), np.int64, size) - _HEAD.itemsize
    held = heads["addresses"].astype(np.int64)
    starts = (_HEAD.itemsize + held * _ADDRESS.itemsize).tolist()
    values = np.frombuffer(
        b"".join([one[start:] for one, start in zip(packed, starts, strict=True)]), _VALUE
    )
    counts = (bodies - held * _ADDRESS.itemsize) // _VALUE.itemsize
    role = values["role"].astype(np.int64)
    rows = Rows(
        report=np.repeat(np.arange(size), counts),
        key=values["key"],
        mark=values["mark"].astype(np.int64),
        role=role & ~WEAK,
        weak=role >= WEAK,
    )
    lines = b"".join(
        [one[_HEAD.itemsize : start] for one, start in zip(packed, starts, strict=True)]
    )
    place, at, port, six = _addresses(lines, held)
    return Sheet(
        rows=rows,
        name=heads["name"],
        words=heads["words"],
        birth=heads["birth"],
        has=heads["has"].astype(np.int64),
        place=place,
        at=at,
        port=port,
        six=six,
    )


def _addresses(octets: bytes, held: Ints) -> tuple[Keys, Ints, Ints, Flags]:
    """Return addresses as a table of `MOST_ADDRESSES` columns, a report a line; absent ones have key 0."""
    found, size = np.frombuffer(octets, _ADDRESS), len(held)
    place = np.zeros((size, MOST_ADDRESSES), np.uint64)
    at = np.full((size, MOST_ADDRESSES), NO_TIME, np.int64)
    port = np.full((size, MOST_ADDRESSES), -1, np.int64)
    six = np.zeros((size, MOST_ADDRESSES), np.bool_)
    report = np.repeat(np.arange(size), held)
    column = np.arange(len(found)) - np.repeat(np.cumsum(held) - held, held)
    place[report, column], at[report, column] = found["key"], found["at"]
    port[report, column], six[report, column] = found["port"], found["six"] > 0
    return place, at, port, six


def sorted_rows(sheet: Sheet) -> Sheet:
    """Return the sheet with the rows of shared values alone, sorted by key, then by report."""
    rows = sheet.rows
    order = np.argsort(rows.key, kind="stable")
    key: Keys = rows.key[order]
    new = np.append(True, key[1:] != key[:-1]) if len(key) else np.zeros(0, np.bool_)
    starts = np.flatnonzero(new)
    several = np.repeat(
        np.diff(np.append(starts, len(key))) > 1, np.diff(np.append(starts, len(key)))
    )
    return sheet._replace(rows=rows.take(order[several]))
