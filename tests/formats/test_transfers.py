"""Transfers of operators and of ISO 20022: every value is read or kept, hostile files harm nothing."""

import io
import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

import fanal.formats
from fanal.formats.iso20022.read import Leaves, cut_parts as cut_iso, read_transfers as read_iso
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.transfer import MOST, PayerPart, Transfer, by_payer
from fanal.formats.transfers import (
    FIELDS,
    Damaged,
    cut_parts as cut_csv,
    read_layout,
    read_transfers as read_csv,
    shipped_layouts,
)
from fanal.reference.reader import ReferenceRefused

ROOT = Path(fanal.formats.__path__[0])
HEADER = b"Transaction Number,Sent At,Send Amount,Send Currency,Sender Name,Receiver Name,Receiver Country,Message\n"


def rows(text: bytes) -> list[Transfer | Damaged]:
    return list(read_csv(io.BytesIO(HEADER + text)))


def whole(text: bytes) -> Transfer:
    (found,) = rows(text)
    assert isinstance(found, Transfer)
    return found


def values(transfer: Transfer) -> set[str]:
    parties = (transfer.sender, transfer.beneficiary)
    own = [
        getattr(transfer, n) for n in ("reference", "at", "amount", "currency", "label", "operator")
    ]
    sides = [getattr(p, n) for p in parties for n in p.__struct_fields__]
    return {v for v in (*own, *sides, *(v for _, v in transfer.extra)) if v}


@pytest.mark.parametrize("layout", shipped_layouts(), ids=lambda layout: layout.id)
def test_each_column_of_a_layout_is_read_or_listed_as_kept(layout):
    assert set(layout.columns.values()) <= FIELDS
    assert layout.in_force_from <= date(2026, 12, 31)
    assert layout.checked_by == "UNCHECKED"
    mark = layout.separators[0]
    names = list(layout.columns)
    cells = [f"value{n}" for n in range(len(names))]
    text = "\n".join(mark.join(line) for line in (names, cells, ""))
    (found,) = read_csv(io.BytesIO(text.encode()))
    assert isinstance(found, Transfer)
    told = json.dumps([*values(found), *(p.value for p in found.problems)])
    lost = [
        n for n, cell in zip(names, cells, strict=True) if cell.casefold() not in told.casefold()
    ]
    assert lost == []


def test_an_unknown_column_is_kept_under_its_name():
    header = HEADER.strip() + b",Mystery\n"
    body = header + b"T-1,2026-11-02T10:00:00Z,5,EUR,a,b,PH,x,odd\n"
    (found,) = read_csv(io.BytesIO(body))
    assert isinstance(found, Transfer)
    assert ("Mystery", "odd") in found.extra


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@x", '=HYPERLINK("http://a.test")', "=cmd|' /C calc'!A0"]
)
def test_a_formula_is_text(cell):
    quoted = cell.replace('"', '""').encode()
    found = whole(b'T-1,2026-11-02T10:00:00Z,5,EUR,"' + quoted + b'",b,PH,"' + quoted + b'"\n')
    assert found.sender.name is not None
    assert found.label == cell
    assert found.amount == "5"


def test_what_cannot_be_read_stays_as_written():
    found = whole(b"T-1,soon,=2+3,EUR,a,b,PH,x\n")
    assert (found.at, found.amount) == ("soon", "=2+3")
    assert [(p.code, p.value) for p in found.problems] == [
        ("TIME_UNREADABLE", "soon"),
        ("AMOUNT_UNREADABLE", "=2+3"),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"T-1,2026-11-02,5\n", DocumentFault.WRONG_TYPE),
        (b'"T-1,2026-11-02,5,EUR,a,b,PH,x\n', DocumentFault.MALFORMED),
        (b"T-1,2026-11-02,5,EUR,a\0,b,PH,x\n", DocumentFault.FORBIDDEN_CHARACTER),
        (b'"' + b"x" * 100_000 + b"\n", DocumentFault.MALFORMED),
    ],
)
def test_a_damaged_row_is_told_and_the_others_come_in(text, code):
    found = rows(text + b"T-2,2026-11-02,5,EUR,a,b,PH,x\n")
    damaged = [f for f in found if isinstance(f, Damaged)]
    assert damaged[0].refusal.code is code
    assert damaged[0].line == 2
    assert [f.reference for f in found if isinstance(f, Transfer)] == ["T-2"]


def test_a_quote_may_hold_lines():
    found = rows(b'T-1,2026-11-02,5,EUR,"a\nb",c,PH,x\nT-2,2026-11-02,5,EUR,a,b,PH,x\n')
    assert [f.reference for f in found if isinstance(f, Transfer)] == ["T-1", "T-2"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_encodings_are_told_apart(encoding):
    body = (HEADER.decode() + "T-1,2026-11-02,5,EUR,Éloïse Modèle,b,PH,café\n").encode(encoding)
    (found,) = read_csv(io.BytesIO(body))
    assert isinstance(found, Transfer)
    assert (found.sender.name, found.label) == ("Éloïse Modèle", "café")
    assert found.reference == "T-1"


@pytest.mark.parametrize(
    ("amount", "read"),
    [
        ("1,250.50", "1250.50"),
        ("40", "40"),
        ("-3.10", "-3.10"),
        ("1 000.00", "1000.00"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_amounts_are_read_by_the_layouts_mark(amount, read):
    assert whole(f'T-1,2026-11-02,"{amount}",EUR,a,b,PH,x\n'.encode()).amount == read


def test_french_times_are_those_of_paris_and_offsets_win():
    french = (ROOT / "transfers/samples/agency-fr.csv").read_bytes()
    first, second = read_csv(io.BytesIO(french))
    assert isinstance(first, Transfer)
    assert isinstance(second, Transfer)
    assert (first.at, first.amount) == ("2026-11-03T23:15:00+01:00", "45.00")
    assert (second.at, second.amount) == ("2026-10-25T02:30:00+02:00", "1234.56")
    wallet = (ROOT / "transfers/samples/wallet-en.csv").read_bytes()
    one, two = read_csv(io.BytesIO(wallet))
    assert isinstance(one, Transfer)
    assert isinstance(two, Transfer)
    assert one.at == "2026-11-03T23:05:00-05:00"
    assert [p.code for p in two.problems] == ["TIME_UNREADABLE"]


def test_a_file_of_no_known_layout_is_refused():
    with pytest.raises(FormatRefused) as refused:
        list(read_csv(io.BytesIO(b"a,b,c\n1,2,3\n")))
    assert refused.value.code is DocumentFault.WRONG_ROOT
    with pytest.raises(FormatRefused):
        list(read_csv(io.BytesIO(b"")))


def test_a_broken_layout_is_refused():
    good = (ROOT / "transfers/layouts/agency-en.toml").read_text()
    for before, after in (
        ('"Sent At" = "date"', '"Sent At" = "when"'),
        ('zone = "UTC"', 'zone = "Nowhere/None"'),
        ('decimal = "."', 'decimal = "x"'),
        ("schema = 1", "schema = 1\nodd = 2"),
        ('"Operator" = "operator"', '"Operator" = "operator"\n"SENT AT" = "kept"'),
    ):
        with pytest.raises(ReferenceRefused):
            read_layout(good.replace(before, after))


def test_parts_hold_every_row_once_with_its_bytes():
    body = b"".join(
        f"T-{n},2026-11-02,5,EUR,payer {n % 7},b,PH,x\n".encode() for n in range(3 * MOST)
    )
    parts = [p for p in cut_csv(io.BytesIO(HEADER + body)) if isinstance(p, PayerPart)]
    assert len(parts) == 7
    assert all(p.body.startswith(HEADER) for p in parts)
    assert sorted(b"".join(p.body[len(HEADER) :] for p in parts).splitlines()) == sorted(
        body.splitlines()
    )
    again = [p.reference for p in cut_csv(io.BytesIO(HEADER + body)) if isinstance(p, PayerPart)]
    assert again == [p.reference for p in parts]
    for part in parts:
        names = {t.sender.name for t in read_csv(io.BytesIO(part.body)) if isinstance(t, Transfer)}
        assert len(names) == 1


def test_a_payer_of_many_transfers_has_several_parts():
    groups = list(by_payer([("a", n) for n in range(MOST + 1)]))
    assert [len(g) for g in groups] == [MOST, 1]


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(text):
    for item in rows(text):
        assert isinstance(item, Transfer | Damaged)


SAMPLES = [("pacs.008", "pacs008.xml"), ("camt.053", "camt053.xml")]


@pytest.mark.parametrize(("kind", "name"), SAMPLES)
def test_every_leaf_of_a_message_is_in_a_field_or_kept(kind, name):
    from lxml import etree

    body = (ROOT / "iso20022/samples" / name).read_bytes()
    found = list(read_iso(io.BytesIO(body), kind=kind))
    told = " | ".join(v for transfer in found for v in values(transfer))
    leaves = set(Leaves(etree.fromstring(body)).values.values())
    assert len(leaves) > 15
    assert [leaf for leaf in leaves if leaf not in told] == []


@pytest.mark.parametrize(("kind", "name"), SAMPLES)
def test_a_message_is_cut_into_messages_that_say_the_same(kind, name):
    body = (ROOT / "iso20022/samples" / name).read_bytes()
    parts = list(cut_iso(io.BytesIO(body), kind=kind))
    assert len(parts) > 1
    assert len({p.reference for p in parts}) == len(parts)

    def plain(transfers):
        return sorted((t.reference or "", t.at, t.amount, t.sender.key()) for t in transfers)

    again = [t for p in parts for t in read_iso(io.BytesIO(p.body), kind=kind)]
    assert plain(again) == plain(read_iso(io.BytesIO(body), kind=kind))


def test_both_sides_of_a_statement():
    body = (ROOT / "iso20022/samples/camt053.xml").read_bytes()
    paid, salary, other, fee = read_iso(io.BytesIO(body), kind="camt.053")
    assert (paid.sender.name, paid.beneficiary.name) == ("Camille Exemple", "Dana Halimbawa")
    assert (paid.at, paid.beneficiary.account) == ("2026-11-03T23:05:00+01:00", "0044-7781")
    assert (salary.sender.name, salary.beneficiary.name) == ("Société Modèle", "Camille Exemple")
    assert [salary.amount, other.amount, fee.amount] == ["600.00", "300.00", "4.20"]
    assert fee.beneficiary.key() == ""


PACS = (ROOT / "iso20022/samples/pacs008.xml").read_bytes()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (
            PACS.replace(b"<Document", b'<!DOCTYPE Document [<!ENTITY a "b">]><Document'),
            DocumentFault.DOCTYPE,
        ),
        (PACS.replace(b"pacs.008.001.08", b"pacs.009.001.08"), DocumentFault.WRONG_ROOT),
        (PACS.replace(b"FIToFICstmrCdtTrf", b"Other"), DocumentFault.WRONG_ROOT),
        (PACS[:-40], DocumentFault.MALFORMED),
        (b"", DocumentFault.MALFORMED),
        (
            PACS.replace(b"<ChrgBr>", b"<a>" * 60 + b"</a>" * 60 + b"<ChrgBr>"),
            DocumentFault.TOO_DEEP,
        ),
        (PACS.replace(b"<ChrgBr>", b"<a/>" * 5000 + b"<ChrgBr>"), DocumentFault.TOO_MANY_VALUES),
        (PACS.replace(b"MSG-0001", b"m" * 1_100_000), DocumentFault.TOO_LARGE),
    ],
)
def test_hostile_xml_is_refused(body, code):
    with pytest.raises(FormatRefused) as refused:
        list(read_iso(io.BytesIO(body), kind="pacs.008"))
    assert refused.value.code is code


@pytest.mark.parametrize("version", ["01", "02", "08", "12"])
def test_versions_of_the_namespace_are_read(version):
    body = PACS.replace(b"pacs.008.001.08", f"pacs.008.001.{version}".encode())
    assert len(list(read_iso(io.BytesIO(body), kind="pacs.008"))) == 2
