"""The strict reader of the report format, as a partner and as an adversary."""

import io
import json
import time
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.report.read import MAX_LANGUAGE, canonical_bytes, read_lines, read_report

MINIMAL = {"reference": "r-1", "kind": "OTHER"}
BIDI = "a\u202eb\u2066c"


def body(**fields: object) -> bytes:
    return json.dumps({**MINIMAL, **fields}).encode()


def refusal(data: bytes) -> FormatRefused:
    started = time.process_time()
    with pytest.raises(FormatRefused) as caught:
        read_report(data)
    assert time.process_time() - started < 1
    return caught.value


@pytest.mark.parametrize(
    ("data", "code", "path"),
    [
        (
            b'{"reference":"a","reference":"b","kind":"OTHER"}',
            DocumentFault.DUPLICATE_FIELD,
            "reference",
        ),
        (
            b'{"reference":"a","kind":"OTHER","persons":[{"role":"VICTIM","age":1,"age":2}]}',
            DocumentFault.DUPLICATE_FIELD,
            "persons[0].age",
        ),
        (body(nope=1), DocumentFault.UNKNOWN_FIELD, "nope"),
        (
            body(persons=[{"role": "SUSPECT"}, {"role": "SUSPECT", "shoe": {"size": 3}}]),
            DocumentFault.UNKNOWN_FIELD,
            "persons[1].shoe",
        ),
        (body(persons=[{"role": "ASSOCIATED"}]), DocumentFault.UNKNOWN_CODE, "persons[0].role"),
        (
            body(persons=[{"role": "SUSPECT", "type": "x"}]),
            DocumentFault.UNKNOWN_FIELD,
            "persons[0].type",
        ),
        (body(kind="NOPE"), DocumentFault.UNKNOWN_CODE, "kind"),
        (body(places=[{"role": "VICTIM"}]), DocumentFault.UNKNOWN_CODE, "places[0].role"),
        (body(places=[{"country": "FR"}]), DocumentFault.MISSING_FIELD, "places[0].role"),
        (
            body(places=[{"role": "MEETING"}, {"role": "CHILD", "at": "2026-12-01"}]),
            DocumentFault.UNKNOWN_FIELD,
            "places[1].at",
        ),
        (b'{"kind":"OTHER"}', DocumentFault.MISSING_FIELD, "reference"),
        (b'{"reference":"a"}', DocumentFault.MISSING_FIELD, "kind"),
        (
            body(persons=[{"role": "SUSPECT", "age": 2**53 + 1}]),
            DocumentFault.NUMBER_TOO_LARGE,
            "persons[0].age",
        ),
        (
            body(persons=[{"role": "SUSPECT", "ips": [{"value": "x", "port": 2**60}]}]),
            DocumentFault.NUMBER_TOO_LARGE,
            "persons[0].ips[0].port",
        ),
        (body(description=7), DocumentFault.WRONG_TYPE, "description"),
        (body(description="a\0b"), DocumentFault.FORBIDDEN_CHARACTER, "description"),
        (
            b'{"reference":"a","kind":"OTHER","urls":["x","\\udc00"]}',
            DocumentFault.FORBIDDEN_CHARACTER,
            "urls[1]",
        ),
        (body(description="é" * 100_001), DocumentFault.TEXT_TOO_LONG, "description"),
        (body(language="x" * (MAX_LANGUAGE + 1)), DocumentFault.TEXT_TOO_LONG, "language"),
        (body(urls=["u"] * 10_001), DocumentFault.TOO_MANY_VALUES, ""),
        (
            b'{"reference":"a","kind":"OTHER","x":' + b"[" * 60 + b"]" * 60 + b"}",
            DocumentFault.TOO_DEEP,
            None,
        ),
        (b"[" * 400_000, DocumentFault.TOO_DEEP, ""),
        (b'{"a":' * 190_000, DocumentFault.TOO_DEEP, ""),
        (b'{"reference":NaN}', DocumentFault.MALFORMED, ""),
        (b'{"reference":-Infinity}', DocumentFault.MALFORMED, ""),
        (
            b'{"reference":"a","kind":"OTHER","x":' + b"9" * 9000 + b"}",
            DocumentFault.NUMBER_TOO_LARGE,
            "",
        ),
        (b"{" + b" " * 1_000_001, DocumentFault.TOO_LARGE, ""),
        (b'{"reference":"\xff"}', DocumentFault.BAD_ENCODING, ""),
        (b'{"reference":"\xed\xa0\x80"}', DocumentFault.BAD_ENCODING, ""),
        (b'{"reference":"a","kind":"OTHER"} x', DocumentFault.MALFORMED, ""),
        (b"", DocumentFault.MALFORMED, ""),
        (b"[]", DocumentFault.WRONG_TYPE, ""),
        (b"null", DocumentFault.WRONG_TYPE, ""),
    ],
)
def test_refused_with_code_and_path(data: bytes, code: DocumentFault, path: str | None) -> None:
    caught = refusal(data)
    assert caught.code is code
    assert path is None or caught.path == path


@pytest.mark.parametrize("reference", ["", " ", "a ", "\t", "a\nb", "x" * 201, BIDI, "a\u200bb"])
def test_reference_must_be_visible(reference: str) -> None:
    assert refusal(body(reference=reference)).code is DocumentFault.BAD_REFERENCE


@pytest.mark.parametrize("reference", ["x", "x" * 200, "été-2026/№ 4", "報告1"])
def test_reference_may_be_any_visible_text(reference: str) -> None:
    assert read_report(body(reference=reference)).reference == reference


@pytest.mark.parametrize(
    "text",
    [BIDI, "=1+1", "\\u0000", " trailing ", "e\u0301", "\ufeffx", "😀\u0085\u2028", "a" * 199_999],
)
def test_every_other_text_is_kept_byte_for_byte(text: str) -> None:
    report = read_report(body(description=text, urls=[text]))
    assert report.description == text
    assert report.urls == (text,)
    assert json.loads(canonical_bytes(report))["description"] == text


def test_a_full_report_is_read() -> None:
    data = body(
        emergency=True,
        persons=[
            {
                "role": "VICTIM",
                "age": 13,
                "accounts": [{"kind": "IBAN", "value": "x"}],
                "ips": [{"value": "203.0.113.7", "port": 40122, "at": "2026-11-20T21:14:00Z"}],
            }
        ],
        files=[{"classification": {"scheme": "NCMEC", "code": "A1"}, "seen_by_provider": False}],
        payments=[{"amount": "45.00", "currency": "EUR"}],
    )
    report = read_report(data)
    assert report.persons[0].ips[0].port == 40122
    assert report.files[0].seen_by_provider is False


def test_canonical_bytes_ignore_order_and_white_space() -> None:
    one = read_report(b'{"reference":"a","kind":"OTHER","urls":["x"],"emergency":false}')
    other = read_report(b'{ "urls" : ["x"],\n"kind":"OTHER", "reference":"\\u0061" }')
    assert canonical_bytes(one) == canonical_bytes(other)
    assert canonical_bytes(one) != canonical_bytes(read_report(body(reference="b", urls=["x"])))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400) | json_values.map(lambda v: json.dumps(v).encode()))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(FormatRefused):
        read_report(data)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["kind", "persons", "files", "urls", "place"]), json_values))
def test_any_value_in_a_known_field_is_read_or_refused(fields: dict[str, object]) -> None:
    try:
        report = read_report(json.dumps({**MINIMAL, **fields}).encode())
    except FormatRefused:
        return
    assert read_report(canonical_bytes(report)) == report


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_text_round_trips(text: str) -> None:
    assert read_report(msgspec.json.encode({**MINIMAL, "description": text})).description == text


def test_truncation_is_refused_at_every_byte() -> None:
    whole = body(persons=[{"role": "SUSPECT", "name": "é"}])
    for end in range(len(whole)):
        refusal(whole[:end])


def test_lines_are_numbered_and_a_bad_one_does_not_stop_the_next() -> None:
    lines = [b"\xef\xbb\xbf" + body(), b"\r", b"{bad", body(reference="r-2") + b"\r"]
    found = list(read_lines(io.BytesIO(b"\n".join(lines))))
    assert [line.number for line in found] == [1, 3, 4]
    assert found[0].report is not None
    assert found[1].refusal is not None
    assert found[1].refusal.code is DocumentFault.MALFORMED
    assert found[2].report is not None
    assert found[2].body == body(reference="r-2")


def test_a_huge_line_is_refused_without_being_held() -> None:
    data = b'{"a":"' + b"x" * 5_000_000 + b'"}\n' + body() + b"\n"
    found = list(read_lines(io.BytesIO(data)))
    assert found[0].refusal is not None
    assert found[0].refusal.code is DocumentFault.TOO_LARGE
    assert len(found[0].body) < 1_000_100
    assert found[1].number == 2
    assert found[1].report is not None
