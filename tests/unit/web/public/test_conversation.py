"""Pasted conversations: speakers found, no word lost."""

import pytest
from hypothesis import given, strategies as st

from fanal.web.public.draft import MOST_MESSAGES, read_conversation


def _plain(text: str) -> list[tuple[str | None, str | None, str | None]]:
    return [(m.at, m.speaker, m.text) for m in read_conversation(text)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Lou: hello", (None, "Lou", "hello")),
        ("Lou : bonjour", (None, "Lou", "bonjour")),
        ("[21:14] Lou: hello", ("21:14", "Lou", "hello")),
        ("[24/11/2026 21:14:05] Lou: hi", ("24/11/2026 21:14:05", "Lou", "hi")),
        ("24/11/2026, 21:14 - Lou: hi", ("24/11/2026, 21:14", "Lou", "hi")),
        ("24/11/2026 à 21:14 - Lou : salut", ("24/11/2026 à 21:14", "Lou", "salut")),
        ("21:14 Lou: hi", ("21:14", "Lou", "hi")),
        ("just words", (None, None, "just words")),
        ("https://a.example/x", (None, None, "https://a.example/x")),
        ("hxxps://a.example/x", (None, None, "hxxps://a.example/x")),
        ("Lou: see https://a.example", (None, "Lou", "see https://a.example")),
    ],
)
def test_one_line(line: str, expected: tuple[str | None, str | None, str | None]) -> None:
    assert _plain(line) == [expected]


def test_lines_without_a_name_continue_the_message() -> None:
    assert _plain("Lou: one\ntwo\n\nSam: three") == [
        (None, "Lou", "one\ntwo"),
        (None, "Sam", "three"),
    ]


def test_beyond_the_most_the_rest_is_one_message() -> None:
    text = "\n".join(f"a: {number}" for number in range(MOST_MESSAGES + 5))
    messages = read_conversation(text)
    assert len(messages) == MOST_MESSAGES + 1
    assert (messages[-1].text or "").count("\n") == 4


@given(st.text(alphabet="ab: \n[]12h/-", max_size=80))
def test_no_visible_character_is_lost(text: str) -> None:
    whole = "".join(
        (m.at or "") + (m.speaker or "") + (m.text or "") for m in read_conversation(text)
    )
    for letter in "ab12":
        assert whole.count(letter) == text.count(letter)
