"""Large JSON read piece by piece: the pieces are those of the whole, hostile bytes are refused."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import given, settings, strategies as st

from fanal.formats import json_tree
from fanal.formats.json_tree import Cut, Piece, read_pieces
from fanal.formats.refusal import DocumentFault, FormatRefused

CUTS = {("value",): Cut.OPENED, ("value", "*", "Media"): Cut.WHOLE}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
CASES = st.lists(
    st.fixed_dictionaries(
        {"Media": st.lists(VALUES, max_size=4)}, optional={"A": VALUES, "Media ": VALUES}
    ),
    max_size=3,
)


def cut(body: bytes) -> list[Piece]:
    return list(read_pieces(io.BytesIO(body), cuts=CUTS))


@pytest.mark.parametrize("chunk", [1, 7, 1 << 18])
@settings(max_examples=40, deadline=None)
@given(
    cases=CASES, rest=st.dictionaries(st.text(), VALUES, max_size=3), indent=st.none() | st.just(1)
)
def test_pieces_are_those_of_the_whole(
    chunk: int, cases: list[dict[str, object]], rest: dict[str, object], indent: int | None
) -> None:
    whole = rest | {"value": cases}
    body = json.dumps(whole, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if "\0" in json.dumps(whole) or b"\xed\xa0" in body:
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_tree, "_CHUNK", chunk)
        pieces = cut(body)
    built: list[object] = []
    media: list[object] = []
    for piece in pieces:
        tree = plain(piece.body)
        if piece.path == ("value", "*", "Media"):
            media.append(tree)
        elif piece.path == ("value",):
            assert cast("dict[str, object]", tree)["Media"] == []
            built.append(cast("dict[str, object]", tree) | {"Media": media})
            media = []
        else:
            assert plain(piece.body) == whole | {"value": []}
    assert built == cases


def plain(body: bytes) -> object:
    return json.loads(body)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", DocumentFault.MALFORMED),
        (b"  ", DocumentFault.MALFORMED),
        (b'{"value":[{"Media":[{"a":1}', DocumentFault.MALFORMED),
        (b'{"value":[{"Media":[{"a":"', DocumentFault.MALFORMED),
        (b'{"value":[{} {}]}', DocumentFault.MALFORMED),
        (b'{"value":[{},]}', DocumentFault.MALFORMED),
        (b'{"value":[,{}]}', DocumentFault.MALFORMED),
        (b'{"value":[{}}', DocumentFault.MALFORMED),
        (b'{"value":[:]}', DocumentFault.MALFORMED),
        (b'{"value":[]]', DocumentFault.MALFORMED),
        (b'{"value":[]} x', DocumentFault.MALFORMED),
        (b'{"value":[]}{}', DocumentFault.MALFORMED),
        (b'{"value":[],"value":[]}', DocumentFault.DUPLICATE_FIELD),
        (b'{"value":[{"a":1,"a":2}]}', DocumentFault.DUPLICATE_FIELD),
        (b'{"value":[{"a":NaN}]}', DocumentFault.MALFORMED),
        (b'{"value":[{"Media":["' + b"\xff" + b'"]}]}', DocumentFault.BAD_ENCODING),
        (b'{"value":[{"Media":[' + b"[" * 60, DocumentFault.TOO_DEEP),
        (b"[" * 60, DocumentFault.TOO_DEEP),
        (b'{"value":[{"Media":["' + b"x" * 110_000, DocumentFault.TOO_LARGE),
        (b'{"value":[{"Media":[{"k":"' + b"\\n" * 60_000 + b'"}]}]}', DocumentFault.TOO_LARGE),
        (b'{"other":[' + b"1," * 60_000 + b"1]}", DocumentFault.TOO_LARGE),
        ("{}".encode("utf-16"), DocumentFault.BAD_ENCODING),
    ],
    ids=lambda value: value[:24].decode("latin-1") if isinstance(value, bytes) else str(value),
)
def test_hostile_bytes_are_refused(
    body: bytes, code: DocumentFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_tree, "MAX_PIECE", 100_000)
    monkeypatch.setattr(json_tree, "_CHUNK", 1_000)
    with pytest.raises(FormatRefused) as refused:
        read_all(body)
    assert refused.value.code is code


def read_all(body: bytes) -> list[object]:
    return [piece.tree() for piece in cut(body)]


def test_a_text_alone_is_its_own_rest() -> None:
    assert read_all(b'"only a text"') == ["only a text"]


def test_a_number_of_any_length_is_its_text() -> None:
    [media, _, _] = cut(b'{"value":[{"Media":[{"a":' + b"9" * 6_000 + b"}]}]}")
    assert media.tree() == {"a": "9" * 6_000}


class Endless(io.RawIOBase):
    """Bytes made as they are read: a file that nobody could hold."""

    def __init__(self, count: int) -> None:
        self._parts = self._made(count)
        self._left = b""

    @staticmethod
    def _made(count: int) -> Iterator[bytes]:
        yield b'{"value":[{"Media":['
        for number in range(count):
            yield (b"," if number else b"") + b'{"MD5":"%032x","Name":"%s"}' % (number, b"n" * 400)
        yield b"]}]}"

    def read(self, size: int = -1, /) -> bytes:
        while len(self._left) < size:
            try:
                self._left += next(self._parts)
            except StopIteration:
                break
        out, self._left = self._left[:size], self._left[size:]
        return out


def test_memory_does_not_grow_with_the_file() -> None:
    tracemalloc.start()
    try:
        stream = cast("io.BufferedReader", Endless(20_000))
        count = sum(1 for _ in read_pieces(stream, cuts=CUTS))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 20_002
    assert peak < 4_000_000
