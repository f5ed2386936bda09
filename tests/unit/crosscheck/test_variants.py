"""Variations of one identifier come out alike; what many share comes out empty."""

import pytest

from fanal.crosscheck.domain.names import words_of
from fanal.crosscheck.domain.variants import handle_stem, mail_name


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
