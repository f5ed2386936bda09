"""A client of another style: multipart id fields, a schema hint, other content types."""

import hashlib

import pytest

from tests.client.multipart import OtherClient
from tests.client.reading import show
from tests.live import Live, Partner

pytestmark = [pytest.mark.client, pytest.mark.serial]

HINTED = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<report xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:noNamespaceSchemaLocation="https://provider.example/ispws/xsd">
  <incidentSummary>
    <incidentType>Child Pornography (possession, manufacture, and distribution)</incidentType>
    <incidentDateTime>2026-11-19T08:30:00.000-05:00</incidentDateTime>
  </incidentSummary>
  <internetDetails><webPageIncident><url>https://multi.example/é</url></webPageIncident></internetDetails>
  <reporter><reportingPerson><firstName>N</firstName></reportingPerson></reporter>
  <personOrUserReported><screenName>triangle_9</screenName><newElement>kept</newElement></personOrUserReported>
</report>
""".encode()


class TestOtherStyle:
    @pytest.mark.parametrize(
        "content_type",
        ["text/xml; charset=utf-8", "text/xml", "application/xml;charset=UTF-8"],
        ids=["text with charset", "text", "application"],
    )
    def test_files_a_report(self, server: Live, partner: Partner, content_type: str) -> None:
        client = OtherClient(server, partner)
        status, opened = client.xml("submit", HINTED, content_type)
        assert (status, opened.tag, opened.findtext("responseCode")) == (200, "reportResponse", "0")
        number = opened.findtext("reportId")
        content = bytes(range(256)) * 300
        _, up = client.multipart("upload", id=number, file=content)
        assert up.findtext("hash") == hashlib.md5(content).hexdigest()
        about = f"<fileDetails><reportId>{number}</reportId><fileId>{up.findtext('fileId')}</fileId></fileDetails>"
        _, told = client.xml("fileinfo", about.encode(), content_type)
        assert told.findtext("responseCode") == "0"
        status, done = client.multipart("finish", id=number)
        assert (status, done.tag) == (200, "reportDoneResponse")
        assert done.findtext("responseCode") == "0"
        assert [e.text for e in done.iter("fileId")] == [up.findtext("fileId")]
        shown = show(server, int(number))
        report = shown["harmonised"]
        assert report["occurred_at"] == "2026-11-19T08:30:00.000-05:00"
        assert report["occurred"]["earliest"].startswith("2026-11-19T13:30:00")
        assert report["urls"][0]["reported"] == "https://multi.example/é"
        assert report["files"][0]["sha256"] == hashlib.sha256(content).hexdigest()
        extra = {e["path"]: e["value"] for e in report["extra"]}
        assert extra["report/personOrUserReported[1]/newElement"] == "kept"
        assert "UNKNOWN_ELEMENT" in {w["code"] for w in report["warnings"]}

    def test_retracts_with_a_multipart_field(self, server: Live, partner: Partner) -> None:
        client = OtherClient(server, partner)
        number = client.xml("submit", HINTED)[1].findtext("reportId")
        assert client.multipart("retract", id=number)[1].findtext("responseCode") == "0"
        assert client.multipart("finish", id=number)[1].findtext("responseCode") == "5101"

    @pytest.mark.parametrize("number", ["", "abc", "-1", "9" * 40, "１２"])
    def test_a_number_that_is_none(self, server: Live, partner: Partner, number: str) -> None:
        client = OtherClient(server, partner)
        for path in ("finish", "retract"):
            status, answer = client.multipart(path, id=number)
            assert (status, answer.findtext("responseCode")) == (200, "5001")

    def test_a_torn_multipart_body_is_a_code(self, server: Live, partner: Partner) -> None:
        client = OtherClient(server, partner)
        for path in ("upload", "finish", "retract"):
            for body in (b"", b"--", b"\x00\xff", b"--x\r\nContent-Disposition: form-data\r\n\r\n"):
                for kind in (
                    "multipart/form-data; boundary=x",
                    "multipart/form-data",
                    "text/plain",
                ):
                    status, answer = client.post(path, body, kind)
                    assert status == 200, (path, body, kind)
                    assert int(answer.findtext("responseCode")) > 0

    def test_numbers_of_three_reports_are_three(self, server: Live, partner: Partner) -> None:
        client = OtherClient(server, partner)
        numbers = {client.xml("submit", HINTED)[1].findtext("reportId") for _ in range(3)}
        assert len(numbers) == 3
