"""Comparable data of reports ("cards") as columns (structure of arrays): the input of the linkage rule.

Work on many reports runs in spans of rows on threads: the compiled loops release the interpreter lock.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fanal.crosscheck.domain.cards import CARD_SHAPE, MOST_ADDRESSES, MOST_WORDS, NO_TIME, WEAK
from fanal.crosscheck.engine.domain.columns import read_people, read_values, shared_rows

Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int32]
Codes = NDArray[np.uint8]
Bits = NDArray[np.uint32]
_AT_ONCE = 50_000


class Rows(NamedTuple):
    """Values as columns, in the order of reports.

    `report` is the place in the sheet, `key` the short key (first eight bytes of the digest), `mark` the
    weight class, `role` the role's code; `weak`: from a text only.
    """

    report: Places
    key: Keys
    mark: Codes
    role: Codes
    weak: Flags

    def take(self, wanted: Places | Flags) -> "Rows":
        """Return the rows at these places (indices), or under this mask."""
        return Rows(
            self.report[wanted],
            self.key[wanted],
            self.mark[wanted],
            self.role[wanted],
            self.weak[wanted],
        )


class CardSheet(NamedTuple):
    """Comparable data of reports as columns, in the order of their ids.

    `rows` hold the values; each other column has one line per report: digests of the name, its words and the
    date of birth; `has` is the bit set of weight classes of which the suspect has a value, and from bit 16 on
    the incident's week; and by IP address its key (`place`), time, port, whether it is IPv6.
    """

    rows: Rows
    name: Keys
    words: NDArray[np.uint32]
    birth: NDArray[np.uint32]
    has: Ints
    place: Keys
    at: Ints
    port: Places
    six: Flags


def sheet_of(packed: Sequence[bytes]) -> CardSheet:
    """Decode the comparable data of reports, each encoded by `pack_card`, into columns in the same order."""
    size = len(packed)
    people = (
        *(np.zeros(size, np.uint64), np.zeros((size, MOST_WORDS), np.uint32)),
        *(np.zeros(size, np.uint32), np.zeros(size, np.int64)),
        np.zeros((size, MOST_ADDRESSES), np.uint64),
        np.full((size, MOST_ADDRESSES), NO_TIME, np.int64),
        np.full((size, MOST_ADDRESSES), -1, np.int32),
        np.zeros((size, MOST_ADDRESSES), np.bool_),
    )

    def read(first: int) -> tuple[Places, Keys, Codes, Codes]:
        # One thread concatenates cards while another decodes: only the former holds the interpreter lock.
        some = packed[first : first + _AT_ONCE]
        octets = np.frombuffer(b"".join(some), np.uint8)
        ends = np.cumsum(np.fromiter(map(len, some), np.int64, len(some)))
        counts = np.zeros(len(some), np.int64)
        theirs = tuple(column[first : first + _AT_ONCE] for column in people)
        read_people(octets, ends, CARD_SHAPE, counts, theirs)
        values: tuple[Places, Keys, Codes, Codes] = read_values(
            octets, ends, CARD_SHAPE, counts, first
        )
        return values

    parts = zip(*in_turn(read, range(0, max(size, 1), _AT_ONCE)), strict=True)
    report, key, mark, role = map(np.concatenate, parts)
    rows = Rows(report, key, mark, role & np.uint8(WEAK - 1), role >= WEAK)
    return CardSheet(rows, *people)


def sorted_rows(sheet: CardSheet) -> CardSheet:
    """Return the sheet with the rows of shared values only, sorted by key, then by report.

    The other columns (one line per report) do not change.
    """
    rows = sheet.rows
    count = processors_for(len(sheet.name))
    bits = count.bit_length() - 1
    parts = in_turn(lambda part: rows.take(shared_rows(rows.key, part, bits)), range(count))
    return sheet._replace(rows=Rows(*map(np.concatenate, zip(*parts, strict=True))))


Work = TypeVar("Work")
Found = TypeVar("Found")
Also = TypeVar("Also")
_ENOUGH = 50_000
"""Number of reports from which a second thread pays off."""


def processors_for(size: int) -> int:
    """Return the number of threads for work on `size` reports: a power of two, at most eight."""
    if size < _ENOUGH:
        return 1
    return min(8, 1 << (len(os.sched_getaffinity(0)).bit_length() - 1))


def together(size: int, one: Callable[[], Found], other: Callable[[], Also]) -> tuple[Found, Also]:
    """Return the results of two functions; they run in parallel if the number of reports justifies a thread.

    `size` is that number. An exception of either is raised here. The two functions are `one` and `other`.
    """
    if processors_for(size) == 1:
        return one(), other()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one)
        second = other()
        return first.result(), second


def in_turn(act: Callable[[Work], Found], works: Sequence[Work]) -> Iterator[Found]:
    """Yield `act(work)` for each work, in the order of `works`.

    Later works run ahead, on as many threads as processors.
    """
    if len(works) < 2:
        yield from map(act, works)
        return
    threads = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(threads) as pool:
        ahead = deque(pool.submit(act, work) for work in works[:threads])
        for place in range(len(works)):
            found = ahead.popleft().result()
            if place + threads < len(works):
                ahead.append(pool.submit(act, works[place + threads]))
            yield found
