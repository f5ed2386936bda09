"""The rule: which pairs of reports share evidence, how many points it gives, and which pairs are certain.

One computation for a batch beside its kin and for all reports at once, on columns. Nothing in it depends on
the order in which reports came, but that a value of very many reports joins neighbours in time.
"""

from collections.abc import Iterator
from threading import local
from typing import NamedTuple

import numpy as np

from fanal.crosscheck.domain.columns import places_by_report, seats_of
from fanal.crosscheck.domain.kernels import weigh_span
from fanal.crosscheck.domain.looks import looks_of
from fanal.crosscheck.domain.meeting import (
    ROLES,
    Meetings,
    Points,
    Standing,
    reach_of,
    share_kept,
    tables_of,
)
from fanal.crosscheck.domain.sheet import Codes, Flags, Ints, Keys, Places, Rows, Sheet
from fanal.crosscheck.domain.spans import in_turn
from fanal.crosscheck.domain.weights import Weights

_AT_ONCE = 4_000


class Seated(NamedTuple):
    """Where each report sits for the loops, and what reports are told apart by, in that order."""

    seats: Places
    looks: tuple[Keys, Keys]


class Pairs(NamedTuple):
    """Pairs by the places of their reports in a sheet, in no order, with points and what made them.

    `first[i]:first[i + 1]` are the places in `meetings` of pair i. `ip`, `name`, `birth` hold the points, or
    those lost, of what only strengthens; `conflict` those lost by kinds that have nothing in common.
    """

    later: Places
    earlier: Places
    points: Points
    first: Ints
    meetings: Meetings
    ip: Points
    name: Points
    birth: Points
    conflict: Points

    def number(self, size: int) -> Ints:
        """Return a number for each pair among `size` reports: `later * size + earlier`."""
        return self.later.astype(np.int64) * size + self.earlier


def weigh(
    sheet: Sheet,
    standing: Standing,
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
    seats, looks = seated or seat(sheet, weights)
    columns = _columns(rows, seats, standing, weights, fresh)
    touched, who = np.ones(size, np.bool_), np.empty(size, np.int32)
    who[seats] = np.arange(size, dtype=np.int32)
    if fresh is not None:
        touched[seats] = fresh
    slots = local()

    def weigh_from(low: int) -> Pairs:
        if not hasattr(slots, "free"):
            slots.free = np.full(size, -1, np.int32)
        span = low, min(low + at_once, size)
        found = weigh_span(span, slots.free, columns, (who, touched), looks, tuple(tables))
        return _pairs(found)

    yield from in_turn(weigh_from, range(0, size, at_once))


def _columns(  # noqa: PLR0917
    rows: Rows, seats: Places, standing: Standing, weights: Weights, fresh: Flags | None
) -> tuple[object, ...]:
    """Return `rows` as `weigh_span` takes them, their reports by their seats."""
    seated = seats[rows.report]
    return (
        *places_by_report(seated, len(seats)),
        seated,
        rows.mark,
        rows.role + np.uint8(ROLES) * rows.weak,
        reach_of(rows, standing, weights, fresh),
        share_kept(rows.mark, standing, weights),
    )


def seat(sheet: Sheet, weights: Weights) -> Seated:
    """Let reports sit down: where there are many, near their kin, in near memory."""
    size = len(sheet.name)
    seats = np.arange(size, dtype=np.int32)
    if size > _AT_ONCE:
        seats = seats_of(sheet.rows.key, sheet.rows.report, size)
    return Seated(seats, looks_of(tuple(sheet[1:]), seats, tables_of(weights).conflict))


def _pairs(found: tuple[int, int, Places, Points, Places, Codes, Points]) -> Pairs:
    count, total, ends, points, met, side, of_meetings = found
    later, earlier, sizes = ends[:count].T.copy()
    return Pairs(
        later=later,
        earlier=earlier,
        points=points[:count, 0].copy(),
        first=np.append(0, np.cumsum(sizes, dtype=np.int64)),
        meetings=Meetings(met[:total, 0], met[:total, 1], side[:total], of_meetings[:total]),
        ip=points[:count, 1],
        name=points[:count, 2],
        birth=points[:count, 3],
        conflict=points[:count, 4],
    )


def least_certain(weights: Weights) -> float:
    """Return the points from which a pair is certain."""
    return weights.certain - 1e-9


def certain_of(pairs: Pairs, weights: Weights) -> Flags:
    """Return which pairs are certain."""
    return pairs.points >= least_certain(weights)
