"""The NCMEC reader: hardened against the sender, liberal about the document."""

import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings, strategies as st
from lxml import etree

from fanal.formats.ncmec.instants import earliest_instant
from fanal.formats.ncmec.read import Node, read_file_details, read_report
from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.formats.refusal import DocumentFault, FormatRefused
from tests.formats.ncmec_documents import NOW, SCHEMA, filled, minimal

FILE = b"<fileDetails><reportId>1</reportId><fileId>f</fileId>%b</fileDetails>"
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%b">' % (98 + i, (b"&%c;" % (97 + i)) * 10) for i in range(9))
    + b"]><report>&j;</report>"
)
XXE = b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><report>&x;</report>'


def refusal(data: bytes) -> FormatRefused:
    started = time.process_time()
    with pytest.raises(FormatRefused) as caught:
        read_report(data, now=NOW)
    assert time.process_time() - started < 1
    return caught.value


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (LAUGHS, DocumentFault.DOCTYPE),
        (XXE, DocumentFault.DOCTYPE),
        (b"<!-- c --><?x y?>\n" + XXE, DocumentFault.DOCTYPE),
        (XXE.decode().encode("utf-16"), DocumentFault.DOCTYPE),
        (b"<!DOCTYPE report><report/>", DocumentFault.DOCTYPE),
        (
            b'<?xml version="1.0" encoding="utf-7"?>+ADw-report/+AD4-',
            DocumentFault.BAD_ENCODING,
        ),
        (minimal().decode().encode("utf-16-le"), DocumentFault.MALFORMED),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?>' + minimal(), DocumentFault.BAD_ENCODING),
        (b'<?xml version="1.0" encoding="UTF-16"?>' + minimal(), DocumentFault.BAD_ENCODING),
        (b"<report>\xff</report>", DocumentFault.BAD_ENCODING),
        (b"<report>\0</report>", DocumentFault.MALFORMED),
        (b"<report>&#0;</report>", DocumentFault.MALFORMED),
        (b"<report>&#xD800;</report>", DocumentFault.MALFORMED),
        (b"<report>&unknown;</report>", DocumentFault.MALFORMED),
        (b"<report a='1' a='2'/>", DocumentFault.MALFORMED),
        (b"", DocumentFault.MALFORMED),
        (b"   ", DocumentFault.MALFORMED),
        (minimal() + b"<report/>", DocumentFault.MALFORMED),
        (b"<report>" + b" " * 1_000_000 + b"</report>", DocumentFault.TOO_LARGE),
        (b"<report>" + b"<a/>" * 20_000 + b"</report>", DocumentFault.TOO_MANY_VALUES),
        (b"<report>" + b"<a>" * 60 + b"</a>" * 60 + b"</report>", DocumentFault.TOO_DEEP),
        (b"<report>" + b"<a>" * 140_000, DocumentFault.MALFORMED),
        (
            b"<report %b/>" % b" ".join(b"a%d='1'" % i for i in range(65)),
            DocumentFault.TOO_MANY_ATTRIBUTES,
        ),
        (
            b"<report %b/>" % b" ".join(b"a%d='1'" % i for i in range(80_000)),
            DocumentFault.TOO_MANY_ATTRIBUTES,
        ),
        (
            b"<report>" + (b"<a %b/>" % b" ".join(b"a%d='1'" % i for i in range(256))) * 400,
            None,
        ),
        (b"<report " + b"a='" * 250_000, None),
        (b"<report " + b"a=\"b' " * 140_000, None),
        (b"<report><" + b"n" * 300_000 + b"><a/></" + b"n" * 300_000 + b"></report>", None),
        (
            b"<report xmlns:z='" + b"u" * 800_000 + b"'>" + b"<z:a/>" * 19_000 + b"</report>",
            DocumentFault.TOO_LARGE,
        ),
    ],
    ids=range(29),
)
def test_the_syntax_is_refused(data: bytes, code: DocumentFault | None) -> None:
    caught = refusal(data)
    assert caught.malformed
    assert code is None or caught.code is code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<reports/>", DocumentFault.WRONG_ROOT),
        (b"<report xmlns='https://other.example'/>", DocumentFault.WRONG_ROOT),
        (b"<report/>", DocumentFault.MISSING_FIELD),
        (
            minimal().replace(b"<reporter><reportingPerson/></reporter>", b""),
            DocumentFault.MISSING_FIELD,
        ),
        (minimal().replace(b"Child Sex Tourism", b"Other"), DocumentFault.UNKNOWN_CODE),
        (minimal().replace(b"2026-11-20T21:14:00Z", b"yesterday"), DocumentFault.BAD_DATE),
        (minimal().replace(b"2026-11-20T21:14:00Z", b""), DocumentFault.BAD_DATE),
        (
            minimal().replace(b"2026-11-20T21:14:00Z", b"2026-02-30T00:00:00Z"),
            DocumentFault.BAD_DATE,
        ),
        (
            minimal().replace(b"2026-11-20T21:14:00Z", b"2026-11-24T12:00:01Z"),
            DocumentFault.FUTURE_DATE,
        ),
        (
            minimal().replace(b"2026-11-20T21:14:00Z", b"2026-11-26T12:00:00"),
            DocumentFault.FUTURE_DATE,
        ),
        (
            minimal(summary="<reportAnnotations><spam>false</spam></reportAnnotations>"),
            DocumentFault.FALSE_ANNOTATION,
        ),
        (
            minimal(summary="<reportAnnotations><spam>0</spam></reportAnnotations>"),
            DocumentFault.FALSE_ANNOTATION,
        ),
    ],
)
def test_the_content_is_refused_only_for_what_is_listed(data: bytes, code: DocumentFault) -> None:
    caught = refusal(data)
    assert not caught.malformed
    assert caught.code is code


@pytest.mark.parametrize(
    "data",
    [
        minimal(),
        b"\xef\xbb\xbf" + minimal(),
        b'<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n' + minimal(),
        b'<?xml version="1.0" encoding="US-ASCII"?>' + minimal(),
        minimal().decode().encode("utf-16"),
        ('<?xml version="1.0" encoding="UTF-16"?>' + minimal().decode()).encode("utf-16"),
        minimal(
            summary="<reportAnnotations><spam/><sextortion> true </sextortion></reportAnnotations>"
        ),
        minimal(tail="<additionalInfo><![CDATA[<!DOCTYPE html>]]></additionalInfo>"),
        minimal().replace(b"2026-11-20T21:14:00Z", b"2026-11-24T12:00:00Z"),
        minimal().replace(b"2026-11-20T21:14:00Z", b"2026-11-24T22:00:00"),
    ],
)
def test_what_a_provider_sends_is_read(data: bytes) -> None:
    assert read_report(data, now=NOW).complaints == ()


def test_unknown_and_misplaced_parts_are_kept_and_noted() -> None:
    data = minimal(
        "<victim><schoolName>S</schoolName><victimPerson shoe='41'/><hat size='3'>H<b>x</b>y</hat></victim>",
        tail="<incidentSummary/>stray",
    )
    document = read_report(data, now=NOW)
    codes = {(complaint.path, complaint.code) for complaint in document.complaints}
    assert ("report/victim[1]/victimPerson", "MISPLACED_ELEMENT") in codes
    assert ("report/victim[1]/victimPerson/@shoe", "UNKNOWN_ATTRIBUTE") in codes
    assert ("report/victim[1]/hat", "UNKNOWN_ELEMENT") in codes
    assert ("report/incidentSummary[2]", "REPEATED_ELEMENT") in codes
    assert ("report/text()", "MISPLACED_TEXT") in codes
    assert {"S", "41", "3", "H", "x", "y", "stray"} <= set(texts(document.root))


def texts(node: Node) -> list[str]:
    found = [attribute.value for attribute in node.attributes]
    found += [node.text] if node.text else []
    return found + [text for child in node.children for text in texts(child)]


@pytest.mark.parametrize("root", ["report", "fileDetails"])
@pytest.mark.parametrize("branch", range(8))
def test_full_documents_are_valid_and_read_without_complaint(root: str, branch: int) -> None:
    data = filled(root, branch=branch)
    assert SCHEMA.validate(etree.fromstring(data)), SCHEMA.error_log
    document = read_report(data, now=NOW) if root == "report" else read_file_details(data)
    assert document.complaints == ()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 400))
def test_complaints_agree_with_the_schema(seed: int, where: int) -> None:
    """One change to a valid document: the schema and the reader judge it alike."""
    root = etree.fromstring(filled("report", seed=seed, share=0.5, branch=seed))
    elements = [element for element in root.iter() if element is not root]
    chosen = elements[where % len(elements)]
    if where % 3 == 0:
        chosen.text = "neither a date nor a number"
    elif where % 3 == 1:
        chosen.set("unheard", "1")
    else:
        chosen.getparent().append(etree.fromstring(etree.tostring(chosen)))
    try:
        document = read_report(etree.tostring(root), now=NOW)
    except FormatRefused:
        assert not SCHEMA.validate(root)
        return
    assert SCHEMA.validate(root) == (document.complaints == ()), SCHEMA.error_log


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 255))
def test_any_bytes_are_read_or_refused(noise: bytes, place: int, byte: int) -> None:
    whole = bytearray(filled("report", share=0.3))
    whole[place % len(whole)] = byte
    for data in (noise, bytes(whole), bytes(whole[: place % len(whole)]), minimal()[:50] + noise):
        with suppress(FormatRefused):
            read_report(data, now=NOW)


def test_text_keeps_directions_and_marks() -> None:
    text = "a\u202eb\u2066 =1+1 e\u0301 \ufeff"
    document = read_report(minimal(tail=f"<additionalInfo>{text}</additionalInfo>"), now=NOW)
    assert document.text("additionalInfo") == text.strip()


def test_file_details_need_their_ids() -> None:
    for data in (FILE % b"", FILE % b"<potentialMeme>true</potentialMeme>"):
        assert read_file_details(data).text("fileId") == "f"
    with pytest.raises(FormatRefused) as caught:
        read_file_details(b"<fileDetails><reportId>1</reportId></fileDetails>")
    assert caught.value.path == "fileDetails/fileId"
    with pytest.raises(FormatRefused):
        read_file_details(FILE % b"<fileAnnotations><viral>false</viral></fileAnnotations>")


def test_a_supplemental_file_with_a_class_is_noted() -> None:
    inside = b"<fileRelevance>Supplemental Reported</fileRelevance>"
    inside += b"<industryClassification>A1</industryClassification>"
    codes = {complaint.code for complaint in read_file_details(FILE % inside).complaints}
    assert codes == {"NOT_FOR_SUPPLEMENTAL_FILES"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T24:00:00Z", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-20T21:14:00+01:00", datetime(2026, 11, 20, 20, 14, tzinfo=UTC)),
        ("2026-11-20T21:14:00.1234567891Z", datetime(2026, 11, 20, 21, 14, 0, 123456, UTC)),
        ("2026-11-20T14:00:00", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 19, 10, tzinfo=UTC)),
        ("2026-11-20T21:14:00+15:00", None),
        ("2026-11-20T24:00:01Z", None),
        ("2026-11-20T21:14:60Z", None),
        ("0001-01-01T00:00:00", None),
        ("20261120", None),
        ("2026-W47", None),
    ],
)
def test_instants(text: str, expected: datetime | None) -> None:
    assert earliest_instant(text) == expected


@given(
    st.from_regex(
        r"[0-9]{4}-(0[1-9]|1[0-2])-[0-3][0-9]T([01][0-9]|2[0-3]):[0-5][0-9]:[0-6][0-9](\.[0-9]{3})?",
        fullmatch=True,
    ),
    st.sampled_from(("Z", "+00:00", "-13:59", "+05:30")),
)
def test_a_usual_instant_is_read_as_any_other(text: str, zone: str) -> None:
    other = text.replace("T", " ")  # taken apart field by field
    assert earliest_instant(text + zone) == earliest_instant(other + zone)


def test_synthetic_documents_are_seeded_and_valid() -> None:
    documents = list(synthetic_reports(7, 60))
    assert documents == list(synthetic_reports(7, 60))
    assert documents != list(synthetic_reports(8, 60))
    for report, files in documents:
        for data in (report, *files):
            assert SCHEMA.validate(etree.fromstring(data)), SCHEMA.error_log
        assert read_report(report, now=NOW).complaints == ()
    assert any(files for _, files in documents)
