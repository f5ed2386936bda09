"""Variations of one identifier come out alike; what many share comes out empty."""

import pytest
from hypothesis import given, strategies as st

from fanal.crosscheck.domain.names import words_of
from fanal.crosscheck.similar.domain.spelling import (
    handle_core,
    handle_stem,
    mail_name,
    one_apart,
    phone_core,
    without_one,
)


@pytest.mark.parametrize(
    ("one", "two"),
    [("dark_wolf", "darkwolf77"), ("d4rkw0lf", "darkwolf"), ("xdarkwolfx", "dark.wolf_9")],
)
def test_handles_of_a_family_have_one_stem(one: str, two: str) -> None:
    assert handle_stem(one) == handle_stem(two) != ""


def test_mail_names_lose_tags_and_dots_and_short_ones_say_nothing() -> None:
    assert (
        mail_name("jean.dupont+x@mail.test") == mail_name("jeandupont@poste.test") == "jeandupont"
    )
    assert mail_name("jd@mail.test") == handle_stem("max") == ""


def test_names_compare_across_scripts_accents_and_order() -> None:
    assert words_of("Дмитрий Кузнецов") == words_of("KUZNETSOV Dmitri")
    assert words_of("Hélène de La Tour") == words_of("La Tour, Helene")
    assert words_of("de la") != ()
    assert words_of("李") == ()


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("dark.wolf4471", "darkwolf4471_2", True),
        ("d4rkwolf4471", "DarkWolf4471.backup", True),
        ("xdarkwolf4471x", "darkwolf4471-alt", True),
        ("marie75", "marie76", False),
        ("darkwolf4471", "darkwolf4472", False),
        ("émilie-rare", "emilierare", True),
    ],
)
def test_a_core_keeps_the_figures_that_tell_people_apart(one: str, two: str, same: bool) -> None:
    assert (handle_core(one) == handle_core(two) != "") is same


def test_a_number_has_one_core_however_it_is_written_and_whatever_its_length() -> None:
    assert (
        phone_core("+33 6 39 98 01 23") == phone_core("0033639980123") == phone_core("0639980123")
    )
    assert phone_core("+330639980123") == "33639980123"
    assert phone_core("+3363998012") == "3363998012"


@pytest.mark.parametrize(
    ("one", "two", "apart"),
    [
        ("darkwolf", "darkwofl", "lffl"),
        ("darkwolf", "darkwol", "f"),
        ("darkwolf", "darkwwolf", "w"),
        ("darkwolf", "darkwulf", "ou"),
        ("marie75", "marie76", "56"),
        ("darkwolf", "darkwolf", None),
        ("darkwolf", "dakrwofl", None),
        ("abcd", "bcde", None),
        ("aab", "baa", None),
    ],
)
def test_one_error_of_a_typist_and_no_more(one: str, two: str, apart: str | None) -> None:
    found = one_apart(one, two)
    assert (found and sorted(found)) == (apart and sorted(apart))


@given(
    st.text("abc1", min_size=2, max_size=8),
    st.integers(0, 7),
    st.integers(0, 3),
    st.sampled_from("abc1"),
)
def test_two_texts_one_letter_apart_share_a_form(text: str, at: int, kind: int, other: str) -> None:
    at %= len(text) - 1
    varied = (
        text[:at] + text[at + 1 :],
        text[:at] + other + text[at:],
        text[:at] + other + text[at + 1 :],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    )[kind]
    apart = one_apart(text, varied)
    assert (apart is None) is (text == varied)
    if apart and (apart.isalpha() or apart.isdigit()):
        digits = apart.isdigit()
        assert without_one(text, digits=digits) & without_one(varied, digits=digits)
