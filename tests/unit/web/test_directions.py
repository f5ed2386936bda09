"""Marks that turn the direction of letters are written out in pages, and stay in fields."""

import pytest

from fanal.web.directions import write_out

MARKS = [chr(n) for n in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]


@pytest.mark.parametrize("mark", MARKS, ids=ascii)
def test_each_mark_is_written_out_in_text_and_attributes(mark: str) -> None:
    page = f'<p title="a{mark}b">exe{mark}gpj</p>'
    written = f"⟨U+{ord(mark):04X}⟩"
    assert write_out(page) == f'<p title="a{written}b">exe{written}gpj</p>'


def test_fields_keep_what_was_typed() -> None:
    page = '<textarea name="a">x\u202ey</textarea><input value="x\u202ey">'
    assert write_out(page) == page
    after = write_out(page + "z\u202e")
    assert after == page + "z⟨U+202E⟩"


def test_data_of_scripts_is_written_out_too() -> None:
    page = '<script type="application/json">{"name": "x\\u202Ey\\u200e"}</script>'
    assert (
        write_out(page) == '<script type="application/json">{"name": "x⟨U+202E⟩y\\u200e"}</script>'
    )


def test_letters_of_other_scripts_stay() -> None:
    page = "<p>عربي\u200f – “x” … \u202f!</p>"
    assert write_out(page) == page
