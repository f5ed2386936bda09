"""What came in goes out again complete: element by element, attribute by attribute, in order."""

from collections import Counter

import pytest
from hypothesis import given, settings, strategies as st
from lxml import etree

from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.formats.ncmec.write import rewrite_file_details, rewrite_report
from tests.formats.maximal import PUBLIC_LIST, listed, maximal, schema_list
from tests.formats.ncmec_documents import SCHEMA, filled, leaves, minimal

ANSWERS = {"reportResponse", "reportDoneResponse", "doneFiles"}
MAXIMAL = maximal()


def valid(data: bytes) -> bytes:
    assert SCHEMA.validate(etree.fromstring(data)), SCHEMA.error_log
    return data


def test_our_schema_has_every_element_and_attribute_of_the_public_list() -> None:
    ours = {name: words for name, words in schema_list().items() if name not in ANSWERS}
    assert ours == PUBLIC_LIST


def test_the_maximal_report_is_maximal() -> None:
    """Every element and attribute stands in it, and every repeatable one several times in its parent."""
    documents = [etree.fromstring(d) for d in (MAXIMAL.report, *MAXIMAL.files)]
    assert all(SCHEMA.validate(d) for d in documents), SCHEMA.error_log
    names = {str(e.tag) for d in documents for e in d.iter()}
    attributes = {name for d in documents for e in d.iter() for name in e.attrib}
    several = {
        str(tag)
        for d in documents
        for e in d.iter()
        for tag, count in Counter(str(c.tag) for c in e).items()
        if count > 1
    }
    listed_words = [w for words in PUBLIC_LIST.values() for w in words.split()]
    assert names == {w.strip("*!") for w in listed_words if w[0] != "@"} | {"report", "fileDetails"}
    assert attributes == {w.strip("@!") for w in listed_words if w[0] == "@"}
    assert several == {w.strip("*!") for w in listed_words if "*" in w}


def test_a_maximal_report_comes_back_complete() -> None:
    assert listed(valid(rewrite_report(MAXIMAL.report))) == listed(MAXIMAL.report)
    for file in MAXIMAL.files:
        assert listed(valid(rewrite_file_details(file))) == listed(file)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 0.95))
def test_any_valid_report_comes_back_complete(seed: int, share: float) -> None:
    report = filled("report", seed=seed, share=share, branch=seed)
    file = filled("fileDetails", seed=seed, share=share, branch=seed)
    assert sorted(listed(valid(rewrite_report(report)))) == sorted(listed(report))
    assert sorted(listed(valid(rewrite_file_details(file)))) == sorted(listed(file))


def test_synthetic_reports_come_back_complete() -> None:
    for report, files in synthetic_reports(17, 30):
        assert sorted(listed(valid(rewrite_report(report)))) == sorted(listed(report))
        for file in files:
            assert sorted(listed(valid(rewrite_file_details(file)))) == sorted(listed(file))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_has_no_place_is_told_and_the_document_stays_valid(
    seed: int, first: int, second: int
) -> None:
    root = etree.fromstring(filled("report", seed=seed, share=0.4, branch=seed))
    places = [e for e in root.iter() if e.tag not in {"incidentType", "incidentDateTime"}]
    places = [
        e
        for e in places
        if not str(e.getparent().tag if e.getparent() is not None else "").endswith("Annotations")
    ]
    place = places[first % len(places)]
    place.append(etree.fromstring("<unheard of='attribute mark'>element mark<b/></unheard>"))
    place.getchildren()[-1].tail = "tail mark"
    place.append(etree.fromstring(etree.tostring(places[second % len(places)])))
    body = etree.tostring(root)
    text = "\n".join(leaves(valid(rewrite_report(body))))
    for value in leaves(body):
        assert value.strip() in text or value.strip() in {"true"}, value


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("2026-11-20 21:14", "2026-11-20T07:14:00Z"),  # no zone: as early as it can be
        ("2026-11-20", "2026-11-19T10:00:00Z"),
    ],
)
def test_a_date_that_the_schema_refuses_is_written_as_an_instant_and_told(
    sent: str, written: str
) -> None:
    body = minimal().replace(b"2026-11-20T21:14:00Z", sent.encode())
    root = etree.fromstring(valid(rewrite_report(body)))
    assert root.findtext("incidentSummary/incidentDateTime") == written
    assert sent in (root.findtext("additionalInfo") or "")


def test_a_stand_in_takes_the_place_of_the_people_who_reported() -> None:
    root = etree.fromstring(
        valid(rewrite_report(MAXIMAL.report, stand_in=("Desk", "d@desk.example")))
    )
    [reporter] = root.findall("reporter")
    assert leaves(etree.tostring(reporter.find("reportingPerson"))) == ["Desk", "d@desk.example"]
    assert reporter.find("contactPerson") is None
    sent = etree.fromstring(MAXIMAL.report).find("reporter")
    people = leaves(etree.tostring(sent.find("reportingPerson"))) + leaves(
        etree.tostring(sent.find("contactPerson"))
    )
    told = leaves(etree.tostring(root))
    assert [v for v in people if " n" in v and v in told] == []
    for name in ("companyTemplate", "termsOfService", "legalURL"):
        assert reporter.findtext(name) == sent.findtext(name)
    unknown = minimal().replace(b"<reportingPerson/>", b"<reportingPerson/><aide>Somebody</aide>")
    assert b"Somebody" in rewrite_report(unknown)
    assert b"Somebody" not in rewrite_report(unknown, stand_in=("D", "d@desk.example"))
