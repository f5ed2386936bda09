"""Changes of level: told when they last, in their week, and seldom when chance alone moves the counts."""

import pytest
from hypothesis import given, strategies as st

from fanal.statistics.domain.trends import LevelChange, change_points, newcomers

STEADY = [20, 22, 19, 21, 18, 23, 20, 21, 19, 22, 20, 18, 21, 20, 22, 19, 20, 21, 23, 18]


def test_a_steady_count_has_no_change() -> None:
    assert change_points([]) == ()
    assert change_points([7] * 104) == ()
    assert change_points(STEADY * 5) == ()
    assert change_points([0] * 104) == ()


@pytest.mark.parametrize("week", [30, 60])
def test_one_odd_week_is_no_change_however_odd(week: int) -> None:
    for odd in (0, 1000):
        counts = STEADY * 5
        counts[week] = odd
        assert change_points(counts) == ()


def test_a_rise_that_lasts_is_told_in_its_week_and_soon() -> None:
    counts = [*STEADY * 3, *[n * 2 for n in STEADY * 2]]
    [change] = change_points(counts)
    assert (change.at, change.direction) == (60, "UP")
    assert change.told - change.at <= 3
    assert (change.before, change.after) == (20, pytest.approx(40, abs=4))


def test_a_fall_to_nothing_and_the_return_are_both_told() -> None:
    counts = [*STEADY * 2, *[0] * 30, *STEADY * 2]
    fall, rise = change_points(counts)
    assert [(c.at, c.direction) for c in (fall, rise)] == [(40, "DOWN"), (70, "UP")]
    assert fall.after == 0.0


def test_small_counts_need_longer() -> None:
    [change] = change_points([1, 0, 2, 1, 1, 0, 1, 2] * 6 + [5, 4, 6, 5, 4, 5, 6, 4])
    assert change.direction == "UP"
    assert 47 <= change.at <= 49


def test_chance_alone_is_seldom_taken_for_a_change() -> None:
    import numpy as np

    chance = np.random.default_rng(20261125)
    for level in (0.5, 5.0, 50.0, 1000.0):
        found = sum(len(change_points(chance.poisson(level, 104).tolist())) for _ in range(100))
        assert found <= 40, level  # twenty in a hundred series of two years, as a rule


@given(st.lists(st.integers(0, 10_000), max_size=120))
def test_changes_lie_in_order_within_the_series(counts: list[int]) -> None:
    changes = change_points(counts)
    assert all(isinstance(c, LevelChange) and 0 < c.at <= c.told < len(counts) for c in changes)
    assert [c.at for c in changes] == sorted({c.at for c in changes})


def test_a_name_is_new_when_it_was_first_counted_lately() -> None:
    old = [1] * 104
    young = [0] * 100 + [1, 2, 3, 4]
    slip = [0] * 102 + [1, 1]
    found = newcomers({"old": old, "young": young, "slip": slip, "": young, "gone": [0] * 104})
    assert [(n.code, n.first, n.total, n.last, n.earlier) for n in found] == [
        ("young", 100, 10, 10, 0)
    ]


def test_nothing_is_new_where_the_desk_itself_is() -> None:
    assert newcomers({"a": [0] * 90 + [5] * 14, "b": [0] * 100 + [5] * 4}) == ()
    assert newcomers({}) == ()


def test_a_rise_between_equal_medians_is_a_rise() -> None:
    (change,) = change_points([0] * 24 + [9, 0, 0] * 5)
    assert (change.before, change.after) == (0, 0)
    assert change.direction == "UP"
