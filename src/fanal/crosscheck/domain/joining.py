"""Compiled union-find over reports; the representative of each set is its smallest report."""

import numpy as np

from fanal.crosscheck.domain.compiled import inner, outer


@outer
def seats_of(key, report, size):
    """Return a new index for each report, int32[size], so that reports that share values lie together.

    `key` and `report` are the columns of the rows (value, report), sorted by `key`; `size` is the number of
    reports. Each connected component gets consecutive indices, by its smallest report, in the reports' order.
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
    """Unite the two reports of each pair with at least `least` points; return the number of such pairs.

    `parent` is the union-find array, whose roots are the smallest members of their sets.
    """
    count = 0
    for at in range(len(later)):
        if points[at] >= least:
            _unite(parent, later[at], earlier[at])
            count += 1
    return count


@outer
def heads_of(parent):
    """Return the root (smallest member) of each report's set in a union-find array."""
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
