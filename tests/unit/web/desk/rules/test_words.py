"""Numbers of rules: read as people write them, shown in fields as pages show them, unmoved by the way back."""

import pytest
from hypothesis import given, strategies as st

from fanal.web.desk.rules.words import number_in, written


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("-15", -15), ("\u221215", -15), ("+7,5", 7.5), ("7.5", 7.5), (" 12 ", 12), ("1\u202f604,5", 1604.5),
        ("1 604", 1604), ("1\u00a0234\u202f567", 1234567), ("0", 0),
        ("", None), ("-", None), ("--1", None), ("1 60", None), ("16 04", None), ("1,2,3", None), ("nan", None),
        ("1e3", None), ("1 2345", None), ("\u0663", None), ("1\u2009604", None),
    ],
)  # fmt: skip
def test_a_number_is_read_as_people_write_it(text: str, number: float | None) -> None:
    assert number_in(text) == number


@pytest.mark.parametrize(
    ("number", "fr", "en"),
    [(-15.0, "\u221215", "\u221215"), (-7.5, "\u22127,5", "\u22127.5"), (1604.0, "1604", "1604"), (None, "", "")],
)  # fmt: skip
def test_a_field_shows_it_as_the_page_does(number: float | None, fr: str, en: str) -> None:
    assert (written(number, "fr"), written(number, "en")) == (fr, en)


@given(
    st.floats(min_value=-1e9 + 1, max_value=1e9 - 1).filter(lambda n: n == 0 or abs(n) > 1e-9),
    st.sampled_from(["fr", "en"]),
)
def test_what_nobody_touched_does_not_move(number: float, lang: str) -> None:
    shown = written(number, lang)
    if len(shown.partition("," if lang == "fr" else ".")[2]) <= 18:
        assert number_in(shown) == number
