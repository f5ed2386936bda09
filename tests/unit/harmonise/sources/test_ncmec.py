"""NCMEC documents to drafts: every element has its line in the table, and nothing is dropped."""

import secrets
from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from lxml import etree

from fanal.formats.ncmec.model import TYPES
from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.formats.refusal import FormatRefused
from fanal.formats.report.records import Channel, IpSighting, PersonRole, ReportKind
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import SelectorKind, SelectorRole, Source, SourceFile
from fanal.harmonise.domain.sources.building import Draft
from fanal.harmonise.domain.sources.ncmec_table import IGNORED_ATTRIBUTES, TABLE, Keep
from fanal.harmonise.domain.sources.ncmec_takers import TAKERS
from fanal.harmonise.domain.sources.read import UnknownFormat, read_source
from fanal.harmonise.domain.sources.walk import OPENERS
from fanal.harmonise.domain.values.times import later_than_received
from tests.formats.ncmec_documents import NOW, filled, leaves, minimal

ANSWERS = {"reportResponse", "reportDoneResponse", "doneFiles"}


def draft(body: bytes, *files: SourceFile) -> Draft:
    source = Source(report_id=uuid4(), format="ncmec-xml", body=body, files=files)
    return read_source(source, received_at=NOW)


def details(body: bytes) -> SourceFile:
    return SourceFile(file_id="f", details=body)


def extra(found: Draft) -> dict[str, str]:
    return {item.path: item.value for item in found.extra}


def everything(found: Draft) -> str:
    """Return all that the draft keeps, save its selectors and hints."""
    kept = msgspec.structs.replace(found, loose=(), hints=(), warnings=())
    return msgspec.json.encode(kept).decode()


def test_the_table_lists_every_element_and_attribute_of_the_schema_and_nothing_else() -> None:
    known = {
        model.key
        for name, kind in TYPES.items()
        if name not in ANSWERS
        for model in (*kind.elements.values(), *kind.attributes.values())
    }
    assert set(TABLE) == known
    assert all(use.reason for use in IGNORED_ATTRIBUTES.values())
    assert all(use.reason for use in TABLE.values() if use.keep is Keep.IGNORED)


def test_every_field_of_the_table_has_its_taker_or_opener() -> None:
    for use in TABLE.values():
        if use.keep is Keep.PARTS:
            assert not use.field or use.field in OPENERS
        elif use.keep in {Keep.FIELD, Keep.BOTH}:
            assert use.field in TAKERS


@pytest.mark.parametrize("branch", range(8))
def test_a_document_with_every_element_leaves_every_value_where_the_table_says(branch: int) -> None:
    report, file = filled("report", branch=branch), filled("fileDetails", branch=branch)
    found = draft(report, details(file))
    kept = everything(found)
    for value in leaves(report) + leaves(file):
        assert value == "true" or value in kept, value
    assert found.warnings == ()
    paths = extra(found)
    roles = [person.role for person in found.persons]
    assert set(roles) == set(PersonRole) - {PersonRole.WITNESS}
    assert paths["report/victim[1]/schoolName"].startswith("schoolName")
    assert all(item.path.startswith(("report/", "fileDetails[1]/")) for item in found.extra)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 0.9))
def test_every_text_of_a_random_document_is_found_again(seed: int, share: float) -> None:
    """With its own mark on each free text, so that no value hides behind another."""
    root = etree.fromstring(filled("report", seed=seed, share=share, branch=seed))
    marks = []
    for element in root.iter():
        if element.text and " n" in element.text:
            element.text = f"mark {secrets.token_hex(6)}"
            marks.append(element.text)
    found = draft(etree.tostring(root))
    kept = everything(found)
    assert [mark for mark in marks if mark not in kept] == []


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_unknown_and_misplaced_parts_are_kept_wherever_they_stand(
    seed: int, first: int, second: int
) -> None:
    root = etree.fromstring(filled("report", seed=seed, share=0.4, branch=seed))
    places = [element for element in root.iter() if element.tag != "incidentType"]
    places = [element for element in places if element.tag not in {"incidentDateTime", "spam"}]
    place = places[first % len(places)]
    place.append(etree.fromstring("<unheard of='attribute mark'>element mark<b/></unheard>"))
    place.getchildren()[-1].tail = "tail mark"
    moved = places[second % len(places)]
    copy = etree.fromstring(etree.tostring(moved))
    place.append(copy)
    found = draft(etree.tostring(root))
    kept = everything(found)
    for mark in ("attribute mark", "element mark", "tail mark"):
        assert mark in kept
    for value in leaves(etree.tostring(root)):
        assert value in {"true"} or value.strip() in kept.replace("\\n", "\n"), value


FULL = minimal(
    """<internetDetails><webPageIncident thirdPartyHostedContent="true">
    <url>https://Host.example/a?utm_source=x</url></webPageIncident></internetDetails>""",
    summary="<platform>Chatoria</platform>"
    "<escalateToHighPriority>A meeting is planned</escalateToHighPriority>"
    "<reportAnnotations><sextortion/></reportAnnotations>",
    tail="""<personOrUserReported><personOrUserReportedPerson><firstName>Sam</firstName>
    <lastName>Arbre</lastName>
    <phone type="Mobile" countryCallingCode="+33">06 12 34 56 78</phone><phone>+33698765432</phone>
    <email type="Home" verified="true" verificationDate="2026-01-01T00:00:00Z">s@mail.example</email>
    <address type="Home"><city>Lille</city><zipCode>59000</zipCode><country>FR</country></address>
    <age>41</age></personOrUserReportedPerson><espIdentifier>u-77</espIdentifier>
    <espService>Galleo</espService><screenName>sam77</screenName>
    <profileUrl>https://galleo.example/sam77</profileUrl>
    <ipCaptureEvent><ipAddress>203.0.113.7</ipAddress><eventName>Login</eventName>
    <dateTime>2026-11-20T20:00:00Z</dateTime><possibleProxy>true</possibleProxy><port>40122</port>
    </ipCaptureEvent><ipCaptureEvent><ipAddress>2001:db8::1</ipAddress><port>99999</port>
    </ipCaptureEvent><deviceId><idType>IMEI</idType><idValue>356938035643809</idValue></deviceId>
    <associatedAccount type="Linked"><platform>Voxroom</platform><firstName>A</firstName>
    <middleName>B</middleName><lastName>C</lastName><approximateAge>about 30</approximateAge>
    <profileUrl>https://voxroom.example/a</profileUrl><screenName>sam_alt</screenName>
    </associatedAccount></personOrUserReported>
    <victim><victimPerson><age>12</age></victimPerson><screenName>v12</screenName></victim>
    <additionalInfo>Whole</additionalInfo>""",
)
FILE = b"""<fileDetails><reportId>1</reportId><fileId>f</fileId><fileName>a.jpg</fileName>
<originalFileName>b.jpg</originalFileName><locationOfFile>https://host.example/b.jpg</locationOfFile>
<fileViewedByEsp>true</fileViewedByEsp><publiclyAvailable>0</publiclyAvailable>
<fileAnnotations><liveStreaming/></fileAnnotations><industryClassification>A1</industryClassification>
<originalFileHash hashType="MD5">AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA</originalFileHash>
<originalFileHash hashType="SHA-1">1111111111111111111111111111111111111111</originalFileHash>
<originalFileHash hashType="PhotoDNA">zzz</originalFileHash>
<ipCaptureEvent><ipAddress>198.51.100.4</ipAddress><port>1</port></ipCaptureEvent>
<details type="HASH"><nameValuePair><name>SHA256</name><value>%b</value></nameValuePair></details>
<details type="EXIF"><nameValuePair><name>Model</name><value>Camera</value></nameValuePair></details>
</fileDetails>""" % (b"2" * 64)


def test_a_full_report_lands_in_its_fields() -> None:
    found = draft(
        FULL.replace(b"Child Sex Tourism", b"Online Enticement of Children for Sexual Acts")
    )
    assert found.kind is ReportKind.SEXTORTION
    assert found.emergency
    assert found.escalation_reason == "A meeting is planned"
    assert found.annotations == ("sextortion",)
    assert (found.channel, found.platform) == (Channel.WEB, "Chatoria")
    assert found.urls == ("https://Host.example/a?utm_source=x",)
    assert found.occurred_at == "2026-11-20T21:14:00Z"
    assert found.description == "Whole"
    reporter, suspect, associated, victim = found.persons
    assert reporter.role is PersonRole.REPORTER
    assert (suspect.name, suspect.age, suspect.country) == ("Sam Arbre", 41, "FR")
    assert suspect.postcode == "59000"
    assert suspect.phones == ("+3306 12 34 56 78", "+33698765432")
    assert [(h.platform, h.value) for h in suspect.handles] == [
        ("Galleo", "u-77"),
        ("Galleo", "sam77"),
    ]
    assert suspect.ips == (
        IpSighting(value="203.0.113.7", port=40122, at="2026-11-20T20:00:00Z"),
        IpSighting(value="2001:db8::1", port=99999),
    )
    assert suspect.devices == ("356938035643809",)
    assert (associated.role, associated.type, associated.name) == ("ASSOCIATED", "Linked", "A B C")
    assert associated.handles[0].platform == "Voxroom"
    assert (victim.age, victim.handles[0].platform) == (12, "Chatoria")
    profiles = {(s.value, s.role) for s in found.loose if s.kind is SelectorKind.URL}
    assert profiles == {
        ("https://galleo.example/sam77", SelectorRole.SUSPECT),
        ("https://voxroom.example/a", SelectorRole.ASSOCIATED),
    }
    kept = extra(found)
    base = "report/personOrUserReported[1]"
    assert kept[f"{base}/personOrUserReportedPerson/email[1]/@verified"] == "true"
    assert kept[f"{base}/ipCaptureEvent[1]/possibleProxy"] == "true"
    assert kept[f"{base}/associatedAccount[1]/approximateAge"] == "about 30"
    assert [w.code for w in found.warnings] == ["INVALID_VALUE"]


def test_a_file_lands_in_its_fields_with_the_hashes_received() -> None:
    received = SourceFile(
        file_id="f", details=FILE, sha1="1" * 40, sha256="3" * 64, pdq="4" * 64, size=10
    )
    found = draft(minimal(), received, SourceFile(file_id="g", md5="5" * 32))
    first, second = found.files
    assert (first.name, first.md5, first.sha1) == ("a.jpg", "a" * 32, "1" * 40)
    assert (first.sha256, first.pdq) == ("2" * 64, "4" * 64)
    assert first.classification is not None
    assert first.classification.code == "A1"
    assert (first.seen_by_provider, first.publicly_available) == (True, False)
    assert second.md5 == "5" * 32
    assert found.urls == ("https://host.example/b.jpg",)
    kept = extra(found)
    assert kept["fileDetails[1]/originalFileHash[1]"] == "A" * 32
    assert kept["fileDetails[1]/originalFileHash[3]"] == "zzz"
    assert kept["fileDetails[1]/received/sha256"] == "3" * 64
    assert kept["fileDetails[1]/fileAnnotations/liveStreaming"] == ""
    assert kept["fileDetails[2]/fileId"] == "g"
    assert "HASH_DIFFERS_FROM_REPORTED" in {w.code for w in found.warnings}
    loose = {(s.kind, s.value, s.port) for s in found.loose}
    assert (SelectorKind.SHA256, "3" * 64, None) in loose
    assert (SelectorKind.IP, "198.51.100.4", 1) in loose
    assert {hint.scheme for hint in found.hints} == {
        "NCMEC",
        "NCMEC_FILE_ANNOTATION",
        "NCMEC_INCIDENT",
    }


def test_a_file_without_details_has_the_name_it_was_uploaded_under() -> None:
    plain, other, same = (
        SourceFile(file_id="f", name="holiday.jpg"),
        SourceFile(file_id="g", name="upload.bin", details=FILE),
        SourceFile(file_id="h", name="a.jpg", details=FILE),
    )
    found = draft(minimal(), plain, other, same)
    assert [file.name for file in found.files] == ["holiday.jpg", "a.jpg", "a.jpg"]
    named = {path: value for path, value in extra(found).items() if path.endswith("received/name")}
    assert named == {"fileDetails[2]/received/name": "upload.bin"}


def test_details_that_were_replaced_are_kept() -> None:
    def named(name: str) -> bytes:
        return (
            f"<fileDetails><reportId>1</reportId><fileId>f</fileId><fileName>{name}</fileName>"
            f'<additionalInfo kind="{name} mark">{name} words</additionalInfo></fileDetails>'
        ).encode()

    last = named("last")
    source = SourceFile(file_id="f", details=last, earlier=(named("first"), last, named("next")))
    found = draft(minimal(), source)
    assert [file.name for file in found.files] == ["last"]
    kept = extra(found)
    assert kept["fileDetails[1]/earlier[1]/fileName"] == "first"
    assert kept["fileDetails[1]/earlier[1]/additionalInfo[1]"] == "first words"
    assert kept["fileDetails[1]/earlier[1]/additionalInfo[1]/@kind"] == "first mark"
    assert kept["fileDetails[1]/earlier[2]/fileName"] == "next"
    assert not any("earlier[3]" in path for path in kept)


def test_no_value_of_the_reporter_is_loose() -> None:
    body = filled("report")
    found = draft(body)
    reporter = next(p for p in found.persons if p.role is PersonRole.REPORTER)
    own = {*reporter.emails, *reporter.phones}
    assert own.isdisjoint(selector.value for selector in found.loose)
    assert not any(s.source.startswith("report/reporter") for s in found.loose)


def test_an_officer_is_no_person_of_the_report() -> None:
    inside = "<lawEnforcement><agencyName>X</agencyName><officerContact><firstName>O</firstName>"
    inside += "<email>o@police.example</email></officerContact></lawEnforcement>"
    found = draft(minimal(inside))
    assert [person.role for person in found.persons] == [PersonRole.REPORTER]
    assert extra(found)["report/lawEnforcement/officerContact/email[1]"] == "o@police.example"


def test_a_repeated_summary_does_not_change_the_first() -> None:
    tail = "<incidentSummary><incidentType>nonsense</incidentType></incidentSummary>"
    found = draft(minimal(tail=tail))
    assert found.kind is ReportKind.SEX_TOURISM
    assert extra(found)["report/incidentSummary[2]/incidentType"] == "nonsense"


def test_an_incident_after_reception_is_noted_not_lost() -> None:
    late = Source(report_id=uuid4(), format="ncmec-xml", body=minimal())
    found = read_source(late, received_at=NOW - timedelta(days=30))
    assert [w.code for w in found.warnings] == ["FUTURE_DATE"]


def test_dates_of_persons_are_noted_and_kept() -> None:
    body = minimal(
        tail="<personOrUserReported><personOrUserReportedPerson><dateOfBirth>2099-02-03"
        "</dateOfBirth></personOrUserReportedPerson><ipCaptureEvent><ipAddress>8.8.8.8</ipAddress>"
        "<eventName>Login</eventName><dateTime>some day</dateTime></ipCaptureEvent>"
        "<ipCaptureEvent><ipAddress>8.8.4.4</ipAddress><eventName>Login</eventName>"
        "<dateTime>2098-01-01T00:00:00Z</dateTime></ipCaptureEvent></personOrUserReported>"
    )
    read = harmonise_one(uuid4(), draft(body))
    read = later_than_received(read, NOW)
    doubts = {(w.code, w.value) for w in read.warnings}
    assert ("TIME_UNREADABLE", "some day") in doubts
    assert {value for code, value in doubts if code == "FUTURE_DATE"} == {
        "2099-02-03",
        "2098-01-01T00:00:00Z",
    }
    suspect = read.persons[1]
    assert suspect.birth_date == "2099-02-03"
    assert [seen.at for seen in suspect.ips] == ["some day", "2098-01-01T00:00:00Z"]


def test_synthetic_reports_are_read_without_warning() -> None:
    for body, files in synthetic_reports(5, 40):
        found = draft(body, *(details(file) for file in files))
        assert found.warnings == ()
        assert len(found.files) == len(files)


def test_an_unknown_format_and_broken_bytes_are_refused() -> None:
    with pytest.raises(UnknownFormat):
        read_source(Source(report_id=uuid4(), format="fax", body=b""), received_at=NOW)
    for name in ("ncmec-xml", "ncmec-json", "report/1"):  # a form is never: test_mended.py
        with pytest.raises(FormatRefused):
            read_source(Source(report_id=uuid4(), format=name, body=b"\xff"), received_at=NOW)
