"""Numbers as people of each language write them."""

from datetime import date

import pytest
from django.utils import translation

from fanal.reference import render
from fanal.web.components import tags, words


@pytest.mark.parametrize(
    ("value", "fr", "en"),
    [
        (7.5, "+7,5", "+7.5"),
        (-15, "\u221215", "\u221215"),
        (-0.25, "\u22120,25", "\u22120.25"),
        (0, "0", "0"),
        (100, "+100", "+100"),
        (1234.5, "+1\u202f234,5", "+1,234.5"),
    ],
)
def test_what_is_added_is_signed_and_written_as_the_language_writes(
    value: float, fr: str, en: str
) -> None:
    assert (words.signed(value, "fr"), words.signed(value, "en")) == (fr, en)


def test_a_reason_writes_what_is_below_zero_and_what_is_long_alike() -> None:
    said = {"rule": "SPAM", "before": -15, "after": -1234.56}
    assert render("RULE_CHANGED", said, "fr") == (
        "Indésirable\u00a0: \u221215 points avant, \u22121\u202f234,56 après"
    )
    assert (
        render("RULE_CHANGED", said, "en") == "Spam: \u221215 points before, \u22121,234.56 after"
    )


@pytest.mark.parametrize(
    ("value", "fr", "en"),
    [(0.04, "0", "0"), (0.38, "0,4", "0.4"), (2.0, "2", "2"), (9.94, "9,9", "9.9"),
     (9.96, "10", "10"), (1234.4, "1\u202f234", "1,234")],
)  # fmt: skip
def test_a_level_under_ten_keeps_a_decimal(value: float, fr: str, en: str) -> None:
    assert (words.level(value, "fr"), words.level(value, "en")) == (fr, en)


def test_a_week_is_named_with_its_whole_year_where_there_is_room() -> None:
    first = date(2026, 6, 1)
    assert words.monday(first, "fr") == "1er juin 2026"
    assert words.monday(first, "en") == "1 Jun 2026"
    assert words.monday(first, "fr", short=True) == "1er juin 26"


@pytest.mark.parametrize(
    ("lang", "count", "share"), [("fr", "12\u202f345", "80\u00a0%"), ("en", "12,345", "80%")]
)
def test_a_page_groups_long_numbers_and_writes_shares_as_its_language(
    lang: str, count: str, share: str
) -> None:
    with translation.override(lang):
        assert (tags.grouped(12345), tags.percent(80)) == (count, share)
        assert tags.grouped(None) == "–"
