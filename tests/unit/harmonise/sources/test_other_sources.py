"""The report format, the public form and the law-enforcement JSON to drafts."""

import json
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st

from fanal.formats.ncmec_json import TYPES
from fanal.formats.refusal import FormatRefused
from fanal.formats.report.records import Channel, PersonRole, ReportKind
from fanal.harmonise.domain.records import SelectorKind, Source
from fanal.harmonise.domain.sources.building import Draft
from fanal.harmonise.domain.sources.ncmec import JSON_TABLE
from fanal.harmonise.domain.sources.ncmec_table import Keep
from fanal.harmonise.domain.sources.ncmec_takers import TAKERS
from fanal.harmonise.domain.sources.read import read_source
from fanal.harmonise.domain.sources.walk import OPENERS
from tests.formats.ncmec_documents import NOW

ID = UUID("01993000-0000-7000-8000-000000000001")
EXPORT = {
    "reportId": 123456789012,
    "dateReceived": "2026-11-20T00:00:00Z",
    "reportedInformation": {
        "reportingEsp": {"espName": "Chatoria", "lastName": "Team"},
        "incidentSummary": {
            "incidentType": "Apparent Child Pornography",
            "incidentDateTime": "2026-11-19T10:00:00Z",
            "incidentDateTimeDescription": None,
        },
        "incidentDetails": {
            "webpageIncident": [{"url": "https://host.example/x", "type": "Web"}],
            "emailIncident": [{"contents": [{"value": "written words"}]}],
            "chatIncident": [{"unheard": ["of", 3.25, True, None]}],
        },
        "reportedPeople": {
            "reportedPersons": [
                {
                    "firstName": "Sam",
                    "middleName": None,
                    "approximateAge": 41,
                    "screenName": {"value": "sam77"},
                    "ipAddress": "192.0.2.8",
                    "emails": {"emails": [{"value": "s@mail.example", "verified": True}, None]},
                    "phones": None,
                    "sourceInformation": {
                        "sourceCaptures": [
                            {
                                "captureType": "IP Address",
                                "value": "203.0.113.9",
                                "port": 443,
                                "dateTime": "2026-11-19T09:00:00Z",
                                "eventName": "Login",
                            },
                            {"captureType": "Device", "value": "device mark"},
                        ]
                    },
                }
            ]
        },
        "intendedRecipients": {"intendedRecipients": [{"screenName": "plain"}]},
        "uploadedFiles": {
            "uploadedFiles": [
                {
                    "filename": "a.jpg",
                    "verificationHash": "0" * 32,
                    "viewedByEsp": True,
                    "industryClassification": "A1",
                    "ncmecTags": {
                        "groups": [
                            {"tags": [{"value": "T1"}, {"value": "T2"}]},
                            {"tags": [{"value": "T3"}]},
                            None,
                        ]
                    },
                    "espMetadata": {"metadatas": [{"name": "SHA-1", "value": "1" * 40}]},
                    "sourceInformation": {
                        "sourceCaptures": [{"captureType": "IP Address", "value": "192.0.2.9"}]
                    },
                },
                None,
            ]
        },
        "additionalInformations": [{"value": "note one"}, {"value": "note two"}],
    },
}


def read(body: bytes, *, name: str) -> Draft:
    return read_source(Source(report_id=ID, format=name, body=body), received_at=NOW)


def read_export(tree: object) -> Draft:
    return read(b"\xef\xbb\xbf" + json.dumps(tree).encode(), name="ncmec-json")


def test_the_json_table_lists_every_known_key_and_nothing_else() -> None:
    assert set(JSON_TABLE) == {m.key for kind in TYPES.values() for m in kind.elements.values()}
    for use in JSON_TABLE.values():
        if use.keep is Keep.PARTS:
            assert not use.field or use.field in OPENERS
        elif use.field:
            assert use.field in TAKERS


def test_an_export_lands_in_its_fields() -> None:
    found = read_export(EXPORT)
    assert found.reference == "123456789012"
    assert found.kind is ReportKind.ABUSE_MATERIAL
    assert (found.channel, found.platform) == (Channel.WEB, "Chatoria")
    assert found.urls == ("https://host.example/x",)
    assert [message.text for message in found.conversation] == ["written words"]
    assert found.description == "note one\n\nnote two"
    esp, suspect, recipient = found.persons
    assert (esp.role, esp.name) == (PersonRole.REPORTER, "Team")
    assert (suspect.name, suspect.age, suspect.emails) == ("Sam", 41, ("s@mail.example",))
    assert [(seen.value, seen.port) for seen in suspect.ips] == [
        ("192.0.2.8", None),
        ("203.0.113.9", 443),
    ]
    assert recipient.handles[0].value == "plain"
    (file,) = found.files
    assert (file.md5, file.sha1, file.seen_by_provider) == ("0" * 32, "1" * 40, True)
    tags = [hint.code for hint in found.hints if hint.scheme == "NCMEC_TAG"]
    assert tags == ["T1", "T2", "T3"]
    assert [(s.kind, s.value) for s in found.loose] == [(SelectorKind.IP, "192.0.2.9")]
    kept = {item.path: item.value for item in found.extra}
    assert kept["reportedInformation/incidentDetails/chatIncident[1]/unheard[2]"] == "3.25"
    assert "device mark" in kept.values()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["text é", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(sorted({key.split("/")[1] for key in JSON_TABLE})), inner, max_size=4
        )
    ),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None)
@given(json_values)
def test_anything_may_be_anywhere_in_an_export_and_no_value_is_dropped(tree: object) -> None:
    found = read_export({"reportId": "r", "reportedInformation": tree})
    kept = repr(found)
    for value in scalars(tree):
        assert value in kept


def scalars(tree: object) -> list[str]:
    if isinstance(tree, dict):
        return [value for item in tree.values() for value in scalars(item)]
    if isinstance(tree, list):
        return [value for item in tree for value in scalars(item)]
    return [] if tree is None else [str(tree).lower()]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"reportId":null}',
        b'{"reportId":NaN}',
        b'{"reportId":1,"reportId":2}',
        b'{"reportId":"\\ud800"}',
        b'{"reportId":"\\u0000"}',
        b'{"reportId":' + b"[" * 100_000,
        b'{"reportId":' + b"[" * 60 + b"]" * 60 + b"}",
        b'{"reportId":[' + b"1," * 200_001 + b"1]}",
        b'{"reportId":1,"' + b"k" * 300 + b'":1}',
        b"\xff\xfe" + "{}".encode("utf-16-le"),
    ],
    ids=range(13),
)
def test_a_bad_export_is_refused(body: bytes) -> None:
    with pytest.raises(FormatRefused):
        read(body, name="ncmec-json")


def test_the_form_needs_no_reference_and_keeps_its_own() -> None:
    found = read('{"kind":"GROOMING","description":"é\u202e"}'.encode(), name="form/1")
    assert (found.reference, found.description) == (str(ID), "é\u202e")
    own = read(b'{"kind":"OTHER","reference":"r"}', name="form/1")
    assert own.reference == "r"


def test_a_form_that_says_a_field_twice_is_read_and_both_are_kept() -> None:
    found = read(b'{"kind":"OTHER","kind":"GROOMING"}', name="form/1")
    assert found.kind is ReportKind.OTHER
    assert [(w.path, w.code) for w in found.warnings] == [("kind", "FORM_UNREADABLE")]
    assert [(e.path, e.value) for e in found.extra] == [("kind", "GROOMING")]


def test_the_report_format_keeps_its_fields() -> None:
    body = {
        "reference": "r",
        "kind": "LIVESTREAM",
        "payments": [{"amount": "45.00"}],
        "files": [{"classification": {"scheme": "COPINE", "code": "7"}}],
    }
    found = read(json.dumps(body).encode(), name="report/1")
    assert found.payments[0].amount == "45.00"
    assert (found.hints[0].scheme, found.hints[0].path) == ("COPINE", "files[0].classification")
