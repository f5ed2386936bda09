"""What bulk writing does for speed changes nothing that is stored: words once, arrays in binary form."""

from collections.abc import Callable
from random import Random
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import given, settings, strategies as st

from fanal.accounts import binary_arrays
from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.harmonise.operations.store import _each_word_once

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]

_PIECES = (
    "a", "A", "b.", "c.example", "https://c.example/a?b=1", "x@y.test", "-5", "5", "+3.2e5", "1.2.3", "well-known",
    "&amp;", "&#233;", "/usr/local", "l'école", "École", "don't", "<b>", "</b>", "<a", "href>", "<", ">", ".", ",", "\n",
    "a\nb", "\t", "\u00a0", "ß", "x_y", "http://", "//", "@", "-", "--", "*", "8.", "c.example.", "e.g.", "été", "İ",
)  # fmt: skip


def _index(text: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT strip(to_tsvector('public.harmonise_words', %s))::text", [text])
        return str(cursor.fetchone()[0])


@settings(max_examples=300)
@given(st.lists(st.sampled_from(_PIECES), max_size=14))
def test_words_that_come_again_change_no_index(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert _index(_each_word_once(text)) == _index(text)


def test_a_text_in_which_words_come_again_is_shorter() -> None:
    text = "the session was opened and the session was closed"
    assert _each_word_once(text) == "the session was opened and closed closed"
    assert _index(_each_word_once(text)) == _index(text)


def test_of_reports_the_index_is_the_same() -> None:
    for xml, _ in synthetic_reports(seed=9, count=20):
        text = xml.decode().replace("<", " ").replace(">", " ")
        assert _index(_each_word_once(text)) == _index(text)


def test_binary_arrays_arrive_as_given() -> None:
    chance = Random(1)
    for size in (0, 1, 3, 1000):
        given = (
            [UUID(bytes=chance.randbytes(16)) for _ in range(size)],
            [chance.randrange(-(2**15), 2**15) for _ in range(size)],
            [chance.randrange(-(2**31), 2**31) for _ in range(size)],
            [chance.random() < 0.5 for _ in range(size)],
            [chance.randrange(-1000, 1000) / 8 for _ in range(size)],
            [
                chance.choice(["", "NULL", 'a"\\{}', "é", "\u202f", "x" * 70_000])
                for _ in range(size)
            ],
            [chance.choice([None, b"", b"\0", chance.randbytes(300)]) for _ in range(size)],
        )
        ids, small, large, truths, numbers, words, contents = given
        with binary_arrays.bound() as cursor:
            cursor.execute(
                "SELECT %s::uuid[], %s::smallint[], %s::integer[], %s::boolean[], %s::real[], %s::text[],"
                " %s::bytea[]",
                [
                    binary_arrays.ids(ids),
                    binary_arrays.smallints(small),
                    binary_arrays.integers(large),
                    binary_arrays.booleans(truths),
                    binary_arrays.reals(numbers),
                    binary_arrays.texts(words),
                    binary_arrays.octets(contents),
                ],
            )
            assert cursor.fetchone() == given


@pytest.mark.parametrize(
    ("made", "value"), [(binary_arrays.smallints, 2**15), (binary_arrays.integers, -(2**31) - 1)]
)
def test_a_number_that_is_too_large_is_refused(
    made: Callable[[list[int]], bytes], value: int
) -> None:
    with pytest.raises(OverflowError):
        made([value])
