"""Sets of reports joined by what they share, compiled: each set is known by its smallest report."""

import numpy as np

from fanal.crosscheck.domain.compiled import inner, outer


@outer
def seats_of(key, report, size):
    """Return a seat for each report, int32[size]: those who share values, near or far, sit side by side.

    Rows are sorted by key. Within a family the order of reports stays.
    """
    parent = np.arange(size).astype(np.int32)
    for row in range(1, len(key)):
        if key[row] == key[row - 1]:
            _unite(parent, report[row], report[row - 1])
    seats, free = heads_of(parent), np.zeros(size + 1, np.int32)
    for one in range(size):
        free[seats[one] + 1] += 1
    for head in range(size):
        free[head + 1] += free[head]
    for one in range(size):
        head = seats[one]
        seats[one] = free[head]
        free[head] += 1
    return seats


@outer
def join_certain(parent, later, earlier, points, least):
    """Join the sets of the ends of pairs with `least` points; return how many such pairs there are.

    `parent` leads to the smallest of each set.
    """
    count = 0
    for at in range(len(later)):
        if points[at] >= least:
            _unite(parent, later[at], earlier[at])
            count += 1
    return count


@outer
def heads_of(parent):
    """Return the smallest of each one's set."""
    heads = np.empty(len(parent), np.int32)
    for one in range(len(parent)):
        heads[one] = _head(parent, one)
    return heads


@inner
def _unite(parent, one, two):
    one, two = _head(parent, one), _head(parent, two)
    if one < two:
        parent[two] = one
    elif two < one:
        parent[one] = two


@inner
def _head(parent, one):
    while parent[one] != one:
        parent[one] = parent[parent[one]]
        one = parent[one]
    return one
