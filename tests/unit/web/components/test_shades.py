"""Shades of heat maps and maps: every number has one, in order, and the legend names it. No database."""

from hypothesis import given, strategies as st

from fanal.web.components.shades import STEPS, shades_of


@given(st.lists(st.integers(0, 10**9)))
def test_shades_rise_with_numbers_and_the_largest_has_the_last(numbers: list[int]) -> None:
    shades = shades_of(numbers)
    assert len(shades.bounds) <= STEPS
    assert list(shades.bounds) == sorted(set(shades.bounds))
    found = [shades.of(n) for n in sorted(numbers)]
    assert found == sorted(found)
    for number, shade in zip(sorted(numbers), found, strict=True):
        assert (shade == 0) == (number == 0)
    if found and found[-1]:
        assert found[-1] == len(shades.bounds)


def test_the_legend_names_every_number_once() -> None:
    assert shades_of([1234, 3]).legend("fr") == [
        (1, "1–247"), (2, "248–494"), (3, "495–741"), (4, "742–988"), (5, "989–1\u202f234"),
    ]  # fmt: skip
    assert shades_of([2, 1]).legend("en") == [(1, "1"), (2, "2")]
    assert shades_of([0]).legend("en") == []
