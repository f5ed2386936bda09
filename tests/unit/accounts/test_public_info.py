"""Numbers and hours of the public pages: what is shown, what is due, and the days that go together."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from fanal.accounts.domain.public_info import (
    NUMBERS,
    WHOLE_DAY,
    Hours,
    LineCheck,
    LineVerdict,
    OpeningHours,
    are_sound,
    is_public,
    shown_numbers,
    spans,
    unchecked_numbers,
)

NOW = datetime(2026, 12, 2, 12, tzinfo=UTC)
DAY: Hours = (9 * 60, 18 * 60)


def check(number: str, verdict: LineVerdict, *, days: int = 0) -> dict[str, LineCheck]:
    at = NOW - timedelta(days=days)
    one = LineCheck(number=number, verdict=verdict, source="A text", by_id=UUID(int=1), at=at)
    return {number: one}


def test_everything_is_shown_and_due_at_first() -> None:
    assert shown_numbers({}) == set(NUMBERS)
    assert unchecked_numbers({}, now=NOW) == list(NUMBERS)


def test_a_check_counts_for_a_year() -> None:
    assert "119" not in unchecked_numbers(check("119", LineVerdict.CHECKED), now=NOW)
    old = check("119", LineVerdict.CHECKED, days=367)
    assert "119" in unchecked_numbers(old, now=NOW)
    assert "119" in shown_numbers(old)


def test_only_some_numbers_are_left_out() -> None:
    hidden = check("3018", LineVerdict.HIDDEN)
    assert "3018" not in shown_numbers(hidden)
    assert "3018" not in unchecked_numbers(hidden, now=NOW)
    assert "17" in shown_numbers(check("17", LineVerdict.HIDDEN))


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ([DAY] * 7, [(0, 6)]),
        ([*[DAY] * 5, None, None], [(0, 4)]),
        ([DAY, None, DAY, WHOLE_DAY, WHOLE_DAY, None, DAY], [(0, 0), (2, 2), (3, 4), (6, 6)]),
        ([None] * 7, []),
    ],
)
def test_days_with_the_same_hours_go_together(
    days: list[Hours], found: list[tuple[int, int]]
) -> None:
    assert [(one.first, one.last) for one in spans(days)] == found


def test_hours_in_order() -> None:
    assert are_sound([*[DAY] * 5, None, None])
    assert not are_sound([None] * 7)
    assert not are_sound([DAY] * 6)
    assert not are_sound([(60, 60), *[DAY] * 6])
    assert not are_sound([(60, 24 * 60 + 1), *[DAY] * 6])


@pytest.mark.parametrize(
    ("shown", "days", "public"), [(True, 1, True), (True, 367, False), (False, 1, False)]
)
def test_hours_are_public_for_a_year(shown: bool, days: int, public: bool) -> None:
    hours = OpeningHours(days=(DAY,) * 7, closed=(), shown=shown, at=NOW - timedelta(days=days))
    assert is_public(hours, now=NOW) is public
    assert not is_public(None, now=NOW)
