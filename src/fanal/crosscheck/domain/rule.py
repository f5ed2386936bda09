"""The rule: which pairs of reports share evidence, how many points it gives, and which pairs are certain.

One computation for a batch beside its kin and for all reports at once, on columns. Nothing in it depends on
the order in which reports came, but that a value of very many reports joins neighbours in time.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import NamedTuple

import numpy as np

from fanal.crosscheck.domain.columns import places_by_report
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
from fanal.crosscheck.domain.sheet import Codes, Flags, Ints, Places, Sheet
from fanal.crosscheck.domain.weights import Weights

_AT_ONCE = 4_000


class Pairs(NamedTuple):
    """Pairs by their numbers (`later * size + earlier`, rising), with points and what made them.

    `first[i]:first[i + 1]` are the places in `meetings` of pair i. `ip`, `name`, `birth` hold the points, or
    those lost, of what only strengthens; `conflict` those lost by kinds that have nothing in common.
    """

    number: Ints
    points: Points
    first: Ints
    meetings: Meetings
    ip: Points
    name: Points
    birth: Points
    conflict: Points


def weigh(
    sheet: Sheet,
    standing: Standing,
    weights: Weights,
    *,
    fresh: Flags | None = None,
    at_once: int = _AT_ONCE,
) -> Iterator[Pairs]:
    """Yield the pairs that are shown, those of `at_once` later reports at a time, which bounds what is held.

    With `fresh`, those with an end among these reports. Rows of the sheet are sorted by key, then by report.
    """
    rows, tables = sheet.rows, tables_of(weights)
    size = len(sheet.name)
    columns = (
        *places_by_report(rows.report, size),
        rows.report,
        rows.mark,
        rows.role + np.uint8(ROLES) * rows.weak,
        reach_of(rows, standing, weights, fresh),
        share_kept(rows.mark, standing, weights),
    )
    touched = np.ones(size, np.bool_) if fresh is None else fresh
    looks = looks_of(tuple(sheet[1:]))
    slots = local()

    def weigh_from(low: int) -> Pairs:
        if not hasattr(slots, "free"):
            slots.free = np.full(size, -1, np.int32)
        span = low, min(low + at_once, size)
        return _pairs(weigh_span(span, slots.free, columns, touched, looks, tuple(tables)), size)

    yield from _in_turn(weigh_from, range(0, size, at_once))


def _in_turn(weigh_from: Callable[[int], Pairs], starts: Sequence[int]) -> Iterator[Pairs]:
    """Yield the pairs of each span in order; where there are several, every processor weighs one ahead."""
    if len(starts) < 2:
        yield from map(weigh_from, starts)
        return
    threads = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(threads) as pool:
        ahead = deque(pool.submit(weigh_from, start) for start in starts[:threads])
        for place in range(len(starts)):
            found = ahead.popleft().result()
            if place + threads < len(starts):
                ahead.append(pool.submit(weigh_from, starts[place + threads]))
            yield found


def _pairs(found: tuple[Places, Points, Places, Codes, Points], size: int) -> Pairs:
    ends, points, met, side, of_meetings = found
    return Pairs(
        number=ends[:, 0].astype(np.int64) * size + ends[:, 1],
        points=points[:, 0],
        first=np.append(0, np.cumsum(ends[:, 2], dtype=np.int64)),
        meetings=Meetings(met[:, 0], met[:, 1], side, of_meetings),
        ip=points[:, 1],
        name=points[:, 2],
        birth=points[:, 3],
        conflict=points[:, 4],
    )


def certain_of(pairs: Pairs, weights: Weights) -> Flags:
    """Return which pairs are certain."""
    return pairs.points >= weights.certain - 1e-9
