"""Array literals keep every text; PostgreSQL itself reads them in the tests of harmonise's store."""

from hypothesis import given, strategies as st
from psycopg.adapt import Transformer
from psycopg.postgres import types
from psycopg.pq import Format

from fanal.db.sql import plain_array, text_array


@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))))
def test_any_texts_come_back(texts: list[str]) -> None:
    loader = Transformer().get_loader(types["text"].array_oid, Format.TEXT)
    assert loader.load(text_array(texts).encode()) == texts


def test_plain_items_stand_as_they_are() -> None:
    assert plain_array([]) == "{}"
    assert plain_array(["1", "2"]) == "{1,2}"
