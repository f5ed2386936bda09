"""Pairs that part: exactly those that met among the earlier reports and do not among all."""

import numpy as np
from hypothesis import given, settings, strategies as st
from msgspec import structs

from fanal.crosscheck.domain.weights import load_weights
from fanal.crosscheck.engine.domain.columns import reaches
from fanal.crosscheck.links.domain.document_frequency import parted

WEIGHTS = structs.replace(load_weights(), most_holders=6, neighbours=2)


def met(rows: list[int]) -> set[tuple[int, int]]:
    """Return the pairs of rows that meet when these are all the holders of a person's value."""
    size = len(rows)
    keys, places = np.ones(size, np.uint64), np.arange(size)
    holders, person = np.full(size, size), np.ones(size, np.bool_)
    bounds = WEIGHTS.most_holders, WEIGHTS.neighbours
    reach = reaches(keys, places, holders, person, np.zeros(0, np.int64), bounds)
    return {(rows[at], rows[at - n]) for at in range(size) for n in range(1, reach[at] + 1)}


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.booleans(), max_size=40), st.integers(0, 12))
def test_what_parts_is_what_a_rebuild_would_not_find(fresh: list[bool], unseen: int) -> None:
    """`unseen` earlier holders come before those that are looked at, where very many do."""
    before = unseen if unseen >= WEIGHTS.most_holders else 0
    rows = list(range(-before, len(fresh)))
    old = [row for row in rows if row < 0 or not fresh[row]]
    gone = {(one, two) for one, two in met(old) - met(rows) if two >= 0}
    places = np.arange(len(fresh)) + before
    found = list(parted(places, np.array(fresh, np.bool_), WEIGHTS))
    assert len(found) == len(set(found))
    assert set(found) == gone
