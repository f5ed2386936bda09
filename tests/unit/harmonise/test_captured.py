"""Addresses beside no person: read from the documents that providers send, and what they are worth."""

import json
from uuid import UUID

import pytest

from fanal.formats.report.records import IpSighting
from fanal.harmonise.domain.computed import captured_addresses
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.quality import assess
from fanal.harmonise.domain.records import HarmonisedReport, Source, SourceFile
from fanal.harmonise.domain.sources.read import read_source
from tests.formats.ncmec_documents import NOW, minimal

ID = UUID(int=1)
AT = "2026-11-20T20:00:00Z"
EVENT = (
    "<ipCaptureEvent><ipAddress>{}</ipAddress><dateTime>" + AT + "</dateTime>{}</ipCaptureEvent>"
)


def harmonised(format_: str, body: bytes, *files: SourceFile) -> HarmonisedReport:
    source = Source(report_id=ID, format=format_, body=body, files=files)
    return harmonise_one(ID, read_source(source, received_at=NOW))


def details(address: str, more: str = "") -> bytes:
    event = EVENT.format(address, more)
    return f"<fileDetails><reportId>1</reportId><fileId>f</fileId>{event}</fileDetails>".encode()


def export(**information: object) -> bytes:
    return json.dumps({"reportId": 1, "reportedInformation": information}).encode()


UPLOAD = {"captureType": "IP Address", "value": "203.0.113.9", "dateTime": AT, "port": 443}
CAPTURED = {"sourceInformation": {"sourceCaptures": [UPLOAD]}}
PERSON = {"reportedPersons": [CAPTURED]}


@pytest.mark.parametrize(
    ("found", "seen"),
    [
        (
            harmonised(
                "ncmec-xml",
                minimal(),
                SourceFile(file_id="f", details=details("203.0.113.7", "<port>40122</port>")),
                SourceFile(file_id="g", details=details("2001:DB8::7"), earlier=(details("203.0.113.1"),)),
            ),
            (
                IpSighting(value="203.0.113.7", port=40122, at=AT),
                IpSighting(value="2001:db8::7", at=AT),
            ),
        ),
        (
            harmonised(
                "ncmec-xml",
                minimal(
                    "<internetDetails><peer2peerIncident><client>c</client>"
                    + EVENT.format("198.51.100.4", "")
                    + EVENT.format("192.168.1.9", "")
                    + "</peer2peerIncident></internetDetails>"
                ),
            ),
            (IpSighting(value="198.51.100.4", at=AT),),
        ),
        (
            harmonised("ncmec-json", export(uploadedFiles={"uploadedFiles": [CAPTURED]})),
            (IpSighting(value="203.0.113.9", port=443, at=AT),),
        ),
        (harmonised("ncmec-json", export(reportedPeople=PERSON, intendedRecipients=None)), ()),
        (
            harmonised(
                "ncmec-xml",
                minimal(tail=f"<victim><victimPerson/>{EVENT.format('203.0.113.8', '')}</victim>"),
            ),
            (),
        ),
    ],
)  # fmt: skip
def test_what_stands_beside_no_person_is_found(
    found: HarmonisedReport, seen: tuple[IpSighting, ...]
) -> None:
    assert captured_addresses(found) == seen


def test_a_report_with_the_address_of_its_upload_does_not_lack_the_suspects() -> None:
    body = minimal(
        "", tail="<personOrUserReported><screenName>sam</screenName></personOrUserReported>"
    )
    bare = assess(harmonised("ncmec-xml", body))
    file = SourceFile(file_id="f", details=details("203.0.113.7"))
    full = assess(harmonised("ncmec-xml", body, file))
    assert "SUSPECT_ADDRESS" in bare.lacks
    assert "SUSPECT_ADDRESS" not in full.lacks
    points = {part.code: part.points for part in full.parts}
    assert (points["ADDRESS_TIME"], points["ADDRESS_PORT"]) == (10, 0)
