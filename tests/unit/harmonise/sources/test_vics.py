"""VICS cases to drafts: files with their hashes and classes, nothing dropped, who to ask sealed."""

import json
from pathlib import Path
from uuid import UUID

import fanal.formats.vics as package
from fanal.formats.ncmec.read import Node
from fanal.formats.report.records import Classification, PersonRole, ReportKind
from fanal.formats.vics.model import TYPES
from fanal.formats.vics.read import read_case
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import Source
from fanal.harmonise.domain.redaction.reporter import withhold
from fanal.harmonise.domain.sources.building import Draft
from fanal.harmonise.domain.sources.ncmec_table import Keep
from fanal.harmonise.domain.sources.ncmec_takers import TAKERS
from fanal.harmonise.domain.sources.read import read_source
from fanal.harmonise.domain.sources.vics import TABLE
from fanal.harmonise.domain.sources.walk import OPENERS
from tests.formats.ncmec_documents import NOW

ID = UUID("01993000-0000-7000-8000-000000000001")
FULL = (Path(package.__path__[0]) / "samples/case-2.0.json").read_bytes()
CONTEXT = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/{}/$metadata#Cases"


def read(body: bytes) -> Draft:
    return read_source(Source(report_id=ID, format="vics", body=body), received_at=NOW)


def case(country: str = "US", **entries: object) -> bytes:
    return json.dumps({"@odata.context": CONTEXT.format(country), "value": [entries]}).encode()


def test_the_table_lists_every_known_key_and_nothing_else() -> None:
    assert set(TABLE) == {m.key for kind in TYPES.values() for m in kind.elements.values()}
    own = {"vics.seized", "vics.category", "vics.contact", "vics.hash"}
    for use in TABLE.values():
        known = OPENERS if use.keep is Keep.PARTS else TAKERS
        assert not use.field or use.field in known or use.field in own


def test_a_case_lands_in_its_fields() -> None:
    found = read(FULL)
    assert found.reference == "5f0c2a44-0000-4000-8000-000000000001"
    assert found.kind is ReportKind.ABUSE_MATERIAL
    assert found.occurred_at == "2026-02-28T23:00:00Z"
    first, second, third = found.files
    assert (first.name, len(first.md5 or ""), len(first.pdq or "")) == ("picture-1.jpg", 32, 64)
    assert (first.sha1 or "").islower()
    assert first.sha256 is not None
    assert first.classification == Classification(scheme="VICS-US", code="1")
    # Category 0 is harmless in that country, no category is none: neither is a class of material.
    assert (second.classification, third.classification) == (None, None)
    assert [(h.scheme, h.code) for h in found.hints] == [("VICS-US", "1"), ("VICS-US", "0")]


def test_a_category_means_what_its_country_says() -> None:
    media = [{"MD5": "0" * 32, "Category": 1}]
    [american] = read(case("US", CaseID="a", Media=media)).files
    british = read(case("UK", CaseID="a", Media=media))
    assert american.classification == Classification(scheme="VICS-US", code="1")
    assert british.files[0].classification is None
    assert [(h.scheme, h.code) for h in british.hints] == [("VICS-UK", "1")]


def test_every_value_is_in_a_field_or_in_extra() -> None:
    found = read(FULL)
    kept = {(e.path, e.value) for e in found.extra}
    fields = {f.name for f in found.files} | {h for f in found.files for h in (f.md5, f.sha1)}
    [officer] = found.persons
    fields |= {
        officer.name,
        *officer.phones,
        *officer.emails,
        *(h.platform for h in officer.handles),
    }
    for node in leaves(read_case(FULL).document.root):
        assert (node.path, node.text) in kept or node.text in fields, node.path


def leaves(node: Node) -> list[Node]:
    return [leaf for child in node.children for leaf in leaves(child)] or [node]


def test_who_to_ask_is_a_reporter_and_withheld() -> None:
    found = read(FULL)
    assert [(p.role, p.name) for p in found.persons] == [(PersonRole.REPORTER, "Officer One")]
    stored, identity = withhold(harmonise_one(ID, found))
    assert b"Officer" not in json.dumps([e.value for e in stored.extra]).encode()
    assert all("99001234" not in s.value for s in stored.selectors)
    assert identity.persons


def test_totals_are_counted_again() -> None:
    warned = {(w.path, w.code, w.value) for w in read(FULL).warnings}
    assert ("case/TotalMediaFiles", "TOTAL_DIFFERS", "7 / 3") in warned
    assert not any(path == "case/TotalPrecategorized" for path, _, _ in warned)
    part = {"Reference": "a#2", "CountedMedia": 7, "CountedPrecategorized": 0}
    cut = read(case(CaseID="a", TotalMediaFiles=7, Media=[{"MD5": "0" * 32}], FanalPart=part))
    assert cut.reference == "a#2"
    assert cut.warnings == ()


def test_an_odd_date_is_kept_and_said() -> None:
    found = read(case(CaseID="a", SeizureDate="some day"))
    assert found.occurred_at is None
    assert [(w.path, w.code) for w in found.warnings] == [("case/SeizureDate", "TIME_UNREADABLE")]
    assert ("case/SeizureDate", "some day") in {(e.path, e.value) for e in found.extra}
