"""The week of an incident, as a card holds it."""

from itertools import pairwise

import pytest

from fanal.crosscheck.domain.cards import WEEKS, week_of


@pytest.mark.parametrize(
    "instant", ["0001-01-01", "9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"]
)
def test_whatever_instant_a_sender_states_has_a_week(instant: str) -> None:
    assert 1 <= week_of(instant) <= WEEKS


def test_none_has_no_week_and_a_week_has_seven_days() -> None:
    assert week_of(None) == 0
    days = [week_of(f"2026-11-{day:02}") for day in range(1, 30)]
    assert sum(one != other for one, other in pairwise(days)) == 4
    assert week_of("2026-11-03") == week_of("2026-11-03T23:00:00Z")
