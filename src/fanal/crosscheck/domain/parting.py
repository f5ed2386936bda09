"""Pairs that a value joins no longer: of one that very many hold, each report meets its neighbours alone.

A report that comes late stands between others, who are then further from one another: what was the twentieth
neighbour is the next one, and the two hundredth holder, who met all before it, meets neighbours. So links
follow from the set of reports, in whatever order it came.
"""

from collections.abc import Iterator

import numpy as np

from fanal.crosscheck.domain.sheet import Flags, Ints
from fanal.crosscheck.domain.weights import Weights


def parted(place: Ints, fresh: Flags, weights: Weights) -> Iterator[tuple[int, int]]:
    """Yield the pairs of a person's value that meet no longer, now that `fresh` rows stand among the others.

    `place` are the places of rows among all holders, ascending, as `reach_of` takes them. A pair is given as
    two numbers of rows, the later first; neither is fresh.
    """
    others = np.flatnonzero(~fresh)
    before = np.cumsum(fresh)[others]  # fresh ones before each of the others
    most, near = weights.most_holders, weights.neighbours
    was, now = place[others] - before, place[others]
    for number in np.flatnonzero((before > 0) & (now >= most)).tolist():
        row = int(others[number])
        first = row - min(near, row)
        met = number if was[number] < most else min(near, number)
        for earlier in others[number - met : number].tolist():
            if earlier >= first:
                break
            yield row, earlier
