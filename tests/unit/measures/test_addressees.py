"""The directory of addressees: values, sources that stay with what they said, files, what fits a measure."""

from datetime import date

import pytest
from hypothesis import given, strategies as st

from fanal import reference
from fanal.kernel.refusal import Refusal
from fanal.measures.addressees.csv_file import COLUMNS, MAX_BYTES, MAX_ROWS, read_rows
from fanal.measures.addressees.records import Field, Kind, NewEntry
from fanal.measures.addressees.rules import checked_entry, facts_of, fits

TODAY = date(2026, 12, 2)
HEAD = "kind,name,contact_point,domains,source,source_date,checked\n"


def stated(checked: bool = False, restates: bool = False, **values: str) -> NewEntry:
    given = {"kind": "HOST", "name": "Example Host"} | values
    return NewEntry(
        values={Field(name.upper()): tuple(text.split("|")) for name, text in given.items()},
        source="Legal notice",
        dated_on=TODAY,
        checked=checked,
        restates=restates,
    )


@pytest.mark.parametrize(
    ("field", "typed", "kept"),
    [
        ("kind", "host|REGISTRAR", ("HOST", "REGISTRAR")),
        ("contact_point", " desk@host.example ", ("desk@host.example",)),
        ("contact_point", "https://host.example/orders", ("https://host.example/orders",)),
        ("postal", "1 Quay \r\n\r\n 75000 Paris", ("1 Quay\n75000 Paris",)),
        ("language", "FR|en", ("fr", "en")),
        ("territory", "ie", ("IE",)),
        ("as_number", "64500|as64501", ("AS64500", "AS64501")),
        ("prefix", "192.0.2.0/24|2001:db8::/32", ("192.0.2.0/24", "2001:db8::/32")),
        ("domain", "HOST.example.|bücher.example", ("host.example", "xn--bcher-kva.example")),
    ],
)
def test_values_are_kept_in_one_form(field: str, typed: str, kept: tuple[str, ...]) -> None:
    assert checked_entry(stated(**{field: typed}), today=TODAY).values[Field(field.upper())] == kept


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("kind", "BANK"), ("name", "a\0b"), ("name", "x" * 201), ("other_name", "\u200b"),
        ("contact_point", "http://host.example/"), ("contact_point", "desk@host.example\nBcc: a@b.example"),
        ("contact_point", "https://a:b@host.example/"), ("contact_point", "javascript:alert(1)"),
        ("email", "nobody"), ("email", "a@b.example|c@d.example"), ("postal", "a\n" * 11),
        ("language", "french"), ("territory", "FRA"), ("as_number", "0"), ("as_number", "4294967296"),
        ("as_number", "²"), ("prefix", "192.0.2.1/24"), ("prefix", "0.0.0.0/0"), ("prefix", "2000::/3"),
        ("domain", "192.0.2.1"), ("domain", "example"), ("domain", "a b.example"), ("domain", "*.host.example"),
        ("domain", "a.example/path"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_its_field(field: str, typed: str) -> None:
    with pytest.raises(Refusal, match=f"^{field.upper()}$"):
        checked_entry(stated(**{field: typed}), today=TODAY)


def test_a_name_a_kind_a_source_and_its_date_are_needed() -> None:
    for fault, entry in {
        "MISSING_NAME": stated(name=" "),
        "MISSING_KIND": stated(kind=""),
        "SOURCE": NewEntry(values=stated().values, source=" ", dated_on=TODAY),
        "DATE": NewEntry(values=stated().values, source="s", dated_on=date(2026, 12, 3)),
    }.items():
        with pytest.raises(Refusal, match=fault):
            checked_entry(entry, today=TODAY)


def test_a_kept_value_keeps_its_source_unless_it_is_restated() -> None:
    first = facts_of(stated(checked=True, domain="host.example"), ())
    later = NewEntry(
        values=stated(domain="host.example|other.example").values, source="RDAP", dated_on=TODAY
    )
    kept = {fact.value: fact.source for fact in facts_of(later, first)}
    assert kept["host.example"] == "Legal notice"
    assert kept["other.example"] == "RDAP"
    restated = NewEntry(
        values=later.values, source="RDAP", dated_on=TODAY, checked=True, restates=True
    )
    assert {fact.source for fact in facts_of(restated, first)} == {"RDAP"}
    unchecked = NewEntry(values=later.values, source="RDAP", dated_on=TODAY, restates=True)
    assert {f.value: f.checked for f in facts_of(unchecked, first)}["host.example"] is True


@pytest.mark.parametrize(
    ("host", "because"),
    [
        ("host.example", ("host.example",)),
        ("a.eu.host.example", ("eu.host.example", "host.example")),
        ("nothost.example", ()),
        ("192.0.2.9", ("192.0.2.0/24",)),
        ("[2001:db8::1]", ("2001:db8::/32",)),
        ("198.51.100.1", ()),
        ("", ()),
    ],
)
def test_an_addressee_fits_by_its_names_and_networks(host: str, because: tuple[str, ...]) -> None:
    entry = stated(domain="host.example|eu.host.example", prefix="192.0.2.0/24|2001:db8::/32")
    assert fits(facts_of(entry, ()), host) == because


def test_a_file_is_read_with_the_line_of_each_row() -> None:
    rows = read_rows(
        f"\ufeff{HEAD}HOST,One,a@one.example,one.example|two.example,Notice,2026-12-01,yes\n"
        '\n"HOST","Tw\no",,,Notice,2026-12-01,\nISP,Three,,,Notice,2026-12-01,no\n'.encode()
    )
    assert [(row.line, row.fault) for row in rows] == [(2, ""), (4, ""), (6, "")]
    assert rows[0].entry is not None
    assert rows[0].entry.values[Field.DOMAIN] == ("one.example", "two.example")
    assert rows[0].entry.checked
    semicolons = HEAD.replace(",", ";") + "HOST;One, Ltd;;;Notice;2026-12-01;\n"
    (one,) = read_rows(semicolons.encode())
    assert one.entry is not None
    assert one.entry.values[Field.NAME] == ("One, Ltd",)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", [(1, "COLUMNS")]),
        (HEAD.encode(), [(1, "EMPTY")]),
        (b"kind,name,source\n", [(1, "COLUMNS")]),
        (b"kind,name,name,source,source_date\n", [(1, "COLUMNS")]),
        (HEAD.replace("domains", "secret").encode(), [(1, "COLUMNS")]),
        (HEAD.encode() + b"HOST,\xff,,,s,2026-12-01,\n", [(2, "ENCODING")]),
        (HEAD.encode() + b"HOST,a\0b,,,s,2026-12-01,\n", [(2, "ENCODING")]),
        (HEAD.encode() + b"HOST,a,,,s\n", [(2, "CELLS")]),
        (HEAD.encode() + b"HOST,a,,,s,soon,\nHOST,b,,,s,2026-12-01,maybe\n", [(2, "DATE"), (3, "CHECKED")]),
        (HEAD.encode() + b'HOST,"a,,,s,2026-12-01,\n', [(2, "QUOTES")]),
        (HEAD.encode() + b"x" * MAX_BYTES, [(1, "FILE_TOO_LARGE")]),
        (HEAD.encode() + b"HOST,a,,,s,2026-12-01,\n" * (MAX_ROWS + 1), [(1, "FILE_TOO_LARGE")]),
    ],
)  # fmt: skip
def test_a_row_that_is_no_entry_says_its_line_and_fault(
    content: bytes, found: list[tuple[int, str]]
) -> None:
    assert [(row.line, row.fault) for row in read_rows(content)] == found


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda t: (HEAD + t).encode("utf-8", "replace"))
)
def test_any_file_gives_rows_with_words_for_their_faults(content: bytes) -> None:
    for row in read_rows(content):
        assert (row.entry is None) is bool(row.fault)
        assert row.line >= 1
        if row.fault:
            assert reference.label("addressee_refusal", row.fault, "fr") != row.fault


def test_each_field_kind_and_column_has_words_or_a_place() -> None:
    for lang in ("fr", "en"):
        assert all(reference.label("directory_field", f, lang) != f for f in Field)
        assert all(reference.label("directory_kind", k, lang) != k for k in Kind)
        assert all(reference.label("addressee_refusal", f, lang) != f for f in Field)
    assert len(COLUMNS) == len(Field) + 3
