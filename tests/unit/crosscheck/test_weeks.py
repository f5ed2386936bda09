"""The week of an incident, as a card holds it."""

from itertools import pairwise

import pytest

from fanal.crosscheck.domain.cards import week_of


@pytest.mark.parametrize(
    "instant",
    [
        "0001-01-01",
        "9999-12-31T23:59:59Z",
        "20/11/2026 21:14",
        "",
        "2026-02-30",
        "yesterday",
        "\ud800",
    ],
)
def test_a_text_that_is_no_day_has_no_week(instant: str) -> None:
    assert week_of(instant) == 0


def test_none_has_no_week_and_a_week_has_seven_days() -> None:
    assert week_of(None) == 0
    days = [week_of(f"2026-11-{day:02}") for day in range(1, 30)]
    assert sum(one != other for one, other in pairwise(days)) == 4
    assert week_of("2026-11-03") == week_of("2026-11-03T23:00:00Z")
