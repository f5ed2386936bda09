"""The rule: which pairs of reports share evidence, how many points it gives, and which pairs are certain.

One computation for a batch beside its kin and for all reports at once, on columns. Nothing in it depends on
the order in which reports came, but that a value of very many reports joins neighbours in time.
"""

from collections.abc import Iterator
from threading import local
from typing import NamedTuple

import numpy as np

from fanal.crosscheck.domain.cards import MOST_ADDRESSES
from fanal.crosscheck.domain.columns import places_by_report
from fanal.crosscheck.domain.joining import seats_of
from fanal.crosscheck.domain.kernels import weigh_span
from fanal.crosscheck.domain.looks import LOOKS, look
from fanal.crosscheck.domain.meeting import (
    Meetings,
    Points,
    ValueStanding,
    reach_of,
    share_kept,
    states_of,
    tables_of,
)
from fanal.crosscheck.domain.sheet import Bits, CardSheet, Flags, Ints, Keys, Places
from fanal.crosscheck.domain.spans import in_turn
from fanal.crosscheck.domain.weights import Weights

_AT_ONCE = 4_000


class Seated(NamedTuple):
    """Reports as the loops number them: who sits in each seat, looks and instants by seat.

    The rows of seat r are `mine[first[r]:first[r + 1]]`; `seat` and `face` are those of each row's report.
    """

    who: Places
    looks: tuple[Keys, Keys]
    first: Ints
    mine: Places
    seat: Places
    face: Keys


class Pairs(NamedTuple):
    """Pairs by the places of their reports in a sheet, in no order, with points and what made them.

    `first[i]:first[i + 1]` are the places in `meetings` of pair i. `beside` says as bits what else gave or
    took points: `looks.NEAR` and its like, and the marks in conflict.
    """

    later: Places
    earlier: Places
    points: Points
    first: Places
    meetings: Meetings
    beside: Bits

    def number(self, size: int) -> Ints:
        """Return a number for each pair among `size` reports: `later * size + earlier`."""
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
    """Yield the pairs that are shown, those of `at_once` later reports at a time, which bounds what is held.

    Reports come by families: all pairs of a later report are in one part, parts and pairs in no order.

    With `fresh`, those with an end among these reports. Rows of the sheet are sorted by key, then by report.
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
    """Let reports sit down: where there are many, near their kin, in near memory."""
    size, rows = len(sheet.name), sheet.rows
    seats = np.arange(size, dtype=np.int32)
    who = seats.copy()
    if size > _AT_ONCE:
        seats = seats_of(rows.key, rows.report, size)
        who[seats] = np.arange(size, dtype=np.int32)
    # Made here, since numpy asks for large pages, which fault less often, and a compiled loop does not.
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
    """Return the points from which a pair is certain."""
    return weights.certain - 1e-9


def certain_of(pairs: Pairs, weights: Weights) -> Flags:
    """Return which pairs are certain."""
    return pairs.points >= least_certain(weights)
