"""The linkage rule: pairs of reports that share evidence, the points of each pair, and the certain pairs.

A Fellegi-Sunter style sum of weights, computed on columns in the same way for a batch and for all reports.
The result does not depend on the order of arrival, except that a very frequent value links only neighbours in
time. `Flags` are bool masks, `Points` float64 arrays; `weights` are the points and limits of the rule.
"""

from collections.abc import Iterator
from threading import local
from typing import NamedTuple

import numpy as np

from fanal.crosscheck.domain.cards import MOST_ADDRESSES
from fanal.crosscheck.domain.weights import Weights
from fanal.crosscheck.engine.domain.columns import places_by_report, seats_of
from fanal.crosscheck.engine.domain.features import LOOKS, look
from fanal.crosscheck.engine.domain.kernels import weigh_span
from fanal.crosscheck.engine.domain.sheet import (
    Bits,
    CardSheet,
    Flags,
    Ints,
    Keys,
    Meetings,
    Places,
    Points,
    ValueStanding,
    in_turn,
    reach_of,
    share_kept,
    states_of,
    tables_of,
)

_AT_ONCE = 4_000


class Seated(NamedTuple):
    """Reports renumbered so that related ones are adjacent in memory; the new number is the "seat".

    `who[r]` is the number of the report in seat r. Its rows (values) are `mine[first[r]:first[r + 1]]`;
    `seat` and `face` (Bloom filter) are those of each row's report. `looks` are the comparison features and
    the instants of IP addresses, of `features.look`.
    """

    who: Places
    looks: tuple[Keys, Keys]
    first: Ints
    mine: Places
    seat: Places
    face: Keys


class Pairs(NamedTuple):
    """Weighted pairs of reports, as columns, in no particular order.

    `later` and `earlier` are the numbers of the two reports of each pair, `points` its points. The shared
    values of pair i are `meetings[first[i]:first[i + 1]]`. `beside` is a bit set of the other evidence:
    `features.NEAR` and the following bits, and the marks (weight classes) in conflict.
    """

    later: Places
    earlier: Places
    points: Points
    first: Places
    meetings: Meetings
    beside: Bits

    def number(self, size: int) -> Ints:
        """Return a unique number for each pair of `size` reports: `later * size + earlier`."""
        return self.later.astype(np.int64) * size + self.earlier


def weigh(
    sheet: CardSheet,
    standing: ValueStanding,
    weights: Weights,
    *,
    fresh: Flags | None = None,
    at_once: int = _AT_ONCE,
    seated: Seated | None = None,
) -> Iterator[Pairs]:
    """Yield the pairs of reports with enough points to be shown, with their evidence, in portions.

    The reports of `sheet` are taken `at_once` at a time as the later ones of their pairs, which bounds
    memory. The rows (values) of `sheet` must be sorted by key, then by report; `standing` is their document
    frequency. `weights` holds points and limits of the rule; `seated` is the result of `seat`, where already
    computed. All pairs of a later report come in one portion; portions and pairs are unordered. With `fresh`,
    a mask of reports, only pairs with at least one of these are given.
    """
    rows, tables = sheet.rows, tables_of(weights)
    size = len(sheet.name)
    seated = seated or seat(sheet, weights)
    columns = (
        *(seated.first, seated.mine, seated.seat, rows.mark, states_of(rows)),
        reach_of(rows, standing, weights, fresh),
        share_kept(rows.mark, standing, weights),
        seated.face,
    )
    touched = np.ones(size, np.bool_) if fresh is None else fresh[seated.who]
    slots = local()

    def weigh_from(low: int) -> Pairs:
        if not hasattr(slots, "free"):
            slots.free = np.full(size, -1, np.int32)
        span = low, min(low + at_once, size)
        found = weigh_span(
            span, slots.free, columns, (seated.who, touched), seated.looks, tuple(tables)
        )
        return _pairs(found)

    yield from in_turn(weigh_from, range(0, size, at_once))


def seat(sheet: CardSheet, weights: Weights) -> Seated:
    """Renumber the reports of `sheet` and compute their comparison features; return both.

    Among many reports, those with shared values get adjacent numbers, which keeps them together in memory.
    `weights` says which marks (weight classes) can conflict.
    """
    size, rows = len(sheet.name), sheet.rows
    seats = np.arange(size, dtype=np.int32)
    who = seats.copy()
    if size > _AT_ONCE:
        seats = seats_of(rows.key, rows.report, size)
        who[seats] = np.arange(size, dtype=np.int32)
    # Allocated here: numpy requests huge pages, which fault less often; a compiled loop does not.
    looks = np.zeros((size, LOOKS), np.uint64)
    instants, faces = np.zeros((size, MOST_ADDRESSES), np.uint64), np.zeros(size, np.uint64)
    look(tuple(sheet[1:]), seats, tables_of(weights).conflict, (looks, instants, faces))
    by_row = seats[rows.report]
    first, mine = places_by_report(by_row, size)
    return Seated(who, (looks, instants), first, mine, by_row, faces[by_row])


def _pairs(found: tuple[int, int, Places, Places, Places, Points, Bits, Places, Places]) -> Pairs:
    count, total, later, earlier, until, points, beside, met, others = found
    return Pairs(
        later=later[:count],
        earlier=earlier[:count],
        points=points[:count],
        first=np.append(np.int32(0), until[:count]),
        meetings=Meetings(met[:total], others[:total]),
        beside=beside[:count],
    )


def least_certain(weights: Weights) -> float:
    """Return the points of evidence from which a pair of reports is certain, less a rounding tolerance."""
    return weights.certain - 1e-9


def certain_of(pairs: Pairs, weights: Weights) -> Flags:
    """Return a mask: True for each pair with the points that `weights` requires for a certain link."""
    return pairs.points >= least_certain(weights)
