"""Sparklines: their points lie in the frame, gaps stay gaps, and their words say the numbers. No database."""

from datetime import date
from itertools import pairwise

from django.utils.translation import override
from hypothesis import given, strategies as st

from fanal.kernel.calendar import months_until
from fanal.web.components.sparklines import HEIGHT, LEAST, WIDTH, sparkline

LAST = date(2026, 11, 1)


def points(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split())]


@given(
    st.lists(st.none() | st.integers(0, 10**9), min_size=1, max_size=60),
    st.booleans(),
)
def test_points_lie_in_the_frame_and_gaps_stay_gaps(
    values: list[int | None], is_open: bool
) -> None:
    spark = sparkline(months_until(LAST, count=len(values)), values, "fr", is_open=is_open)
    known = [n for n in values if n is not None]
    if len(known) < LEAST:
        assert spark is None
        return
    assert spark is not None
    drawn = [points(line) for line in (*spark.lines, spark.open_line, *spark.areas) if line]
    for x, y in [point for line in drawn for point in line] + [tuple(map(float, spark.end))]:
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    joined = sum(len(points(line)) - 1 for line in (*spark.lines, spark.open_line) if line)
    neighbours = pairwise(values)
    assert joined == sum(a is not None and b is not None for a, b in neighbours)


def test_the_words_say_first_last_and_highest() -> None:
    with override("en"):
        spark = sparkline(months_until(LAST, count=4), [1, 1234, 3, 2], "en", is_open=True)
    assert spark is not None
    assert spark.text == (
        "From August 2026 to November 2026: from 1 to 2 a month, at most 1,234 (September 2026)"
    )
    assert points(spark.open_line)[-1] == tuple(map(float, spark.end))
    assert len(points(spark.lines[0])) == 3


def test_a_figure_that_stays_at_zero_lies_on_the_base() -> None:
    spark = sparkline(months_until(LAST, count=3), [0, 0, 0], "fr")
    assert spark is not None
    assert {y for _x, y in points(spark.lines[0])} == {HEIGHT - 3}
    assert spark.open_line == ""
