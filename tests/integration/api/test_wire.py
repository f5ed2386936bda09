"""`/ispws` as a provider's program meets it, url-encoded and multipart."""

import hashlib
import io
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from fanal.accounts.domain.records import IssuedCredentials
from fanal.accounts.operations.partners import add_partner, revoke_credential
from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.intake.queries.work import current_limits, install_limits
from fanal.kernel import clock
from fanal.kernel.actors import system_actor

[(REPORT, _)] = synthetic_reports(seed=7, count=1)
DETAILS = "<fileDetails><reportId>{}</reportId><fileId>{}</fileId></fileDetails>"


def _xml(client: Client, path: str, body: bytes | str):
    answer = client.post(f"/ispws/{path}", body, content_type="text/xml; charset=utf-8")
    return answer.status_code, ET.fromstring(answer.content)


def _form(client: Client, path: str, **fields: object):
    answer = client.post(f"/ispws/{path}", fields)
    return answer.status_code, ET.fromstring(answer.content)


def _code(root: ET.Element) -> int:
    return int(root.findtext("responseCode", "-1"))


def _said(root: ET.Element) -> str:
    return root.findtext("responseDescription") or ""


def _submit(client: Client) -> str:
    status, root = _xml(client, "submit", REPORT)
    assert (status, _code(root)) == (200, 0), ET.tostring(root)
    return root.findtext("reportId", "")


@pytest.mark.django_db
class TestWire:
    def test_takes_a_report_from_submit_to_finish(self, basic: Client) -> None:
        number = _submit(basic)
        content = b"triangle" * 100
        status, root = _form(basic, "upload", id=number, file=SimpleUploadedFile("t.bin", content))
        assert (status, _code(root)) == (200, 0)
        assert root.findtext("hash") == hashlib.md5(content).hexdigest()
        file_id = root.findtext("fileId", "")
        assert _code(_xml(basic, "fileinfo", DETAILS.format(number, file_id))[1]) == 0
        status, done = _form(basic, "finish", id=number)
        assert (status, done.tag, _code(done)) == (200, "reportDoneResponse", 0)
        assert [e.text for e in done.iter("fileId")] == [file_id]

    def test_status_and_schema_carry_no_namespace(self, basic: Client) -> None:
        answer = basic.get("/ispws/status")
        assert ET.fromstring(answer.content).tag == "reportResponse"
        assert answer["Request-ID"]
        assert b"schema" in basic.get("/ispws/xsd").content

    def test_bad_credentials_are_401_with_code_2000(self) -> None:
        for path in ("status", "xsd", "submit", "upload", "fileinfo", "finish", "retract"):
            answer = Client().get(f"/ispws/{path}")
            assert answer.status_code == 401
            assert _code(ET.fromstring(answer.content)) == 2000

    def test_finishing_twice_is_5102_in_the_shape_of_finish(self, basic: Client) -> None:
        number = _submit(basic)
        _form(basic, "finish", id=number)
        status, root = _form(basic, "finish", id=number)
        assert (status, root.tag, _code(root)) == (200, "reportDoneResponse", 5102)

    def test_after_a_retract_all_steps_answer_5101(self, basic: Client) -> None:
        number = _submit(basic)
        assert _code(_form(basic, "retract", id=number)[1]) == 0
        assert _code(_form(basic, "retract", id=number)[1]) == 5101
        assert _code(_form(basic, "finish", id=number)[1]) == 5101
        upload = _form(basic, "upload", id=number, file=SimpleUploadedFile("t", b"x"))
        assert _code(upload[1]) == 5101

    def test_another_providers_report_is_5001(self, basic: Client) -> None:
        number = _submit(basic)
        other_ = add_partner(actor=system_actor("test"), name="Other", quota=None, now=clock.now())
        import base64

        pair = base64.b64encode(f"{other_.user}:{other_.password}".encode()).decode()
        other = Client(headers={"Authorization": f"Basic {pair}"})
        assert _code(_form(other, "finish", id=number)[1]) == 5001
        assert _code(_form(other, "retract", id=number)[1]) == 5001
        assert _code(_xml(other, "fileinfo", DETAILS.format(number, "0" * 32))[1]) == 5001

    def test_an_unknown_file_is_5002(self, basic: Client) -> None:
        number = _submit(basic)
        assert _code(_xml(basic, "fileinfo", DETAILS.format(number, "0" * 32))[1]) == 5002

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"<report", 4110),
            (b"", 4110),
            (b"<!DOCTYPE x><report/>", 4110),
            (b"<other/>", 4100),
            (b"<report/>", 4100),
            (b"<report>" + b" " * 1_100_000 + b"</report>", 4110),
            (REPORT.replace(b"<report>", b"<rapport>").replace(b"</report>", b"</rapport>"), 4100),
        ],
        ids=["cut", "empty", "doctype", "other root", "no parts", "too large", "renamed root"],
    )
    def test_refuses_with_a_code_and_stores_nothing(
        self, basic: Client, body: bytes, code: int
    ) -> None:
        status, root = _xml(basic, "submit", body)
        assert (status, _code(root)) == (200, code)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM intake_report")
            assert cursor.fetchone() == (0,)

    @pytest.mark.parametrize(
        ("said", "code"),
        [("some day", 4100), ("2099-01-01T00:00:00Z", 4100), ("2026-11-01T00:00:00Z", 0)],
    )
    def test_the_incidents_date_alone_refuses(self, basic: Client, said: str, code: int) -> None:
        body = (
            "<report><incidentSummary><incidentType>Child Sex Tourism</incidentType>"
            f"<incidentDateTime>{said}</incidentDateTime></incidentSummary>"
            "<reporter><reportingPerson/></reporter><personOrUserReported>"
            "<personOrUserReportedPerson><dateOfBirth>2099-01-01</dateOfBirth>"
            "</personOrUserReportedPerson><ipCaptureEvent><ipAddress>192.0.2.7</ipAddress>"
            "<eventName>Login</eventName><dateTime>some day</dateTime></ipCaptureEvent>"
            "</personOrUserReported></report>"
        )
        assert _code(_xml(basic, "submit", body)[1]) == code

    def test_an_upload_without_file_or_number_is_refused(self, basic: Client) -> None:
        number = _submit(basic)
        missing = _form(basic, "upload", id=number)[1]
        assert (_code(missing), "no part 'file'" in _said(missing)) == (1111, True)
        bad = _form(basic, "upload", id="x", file=SimpleUploadedFile("t", b"x"))
        assert _code(bad[1]) == 5001

    def test_files_of_a_report_are_bounded_and_those_that_came_stay(
        self, basic: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fanal.intake.operations.files.MOST_FILES", 2)
        number = _submit(basic)
        codes = []
        for n in range(3):
            file = SimpleUploadedFile(f"{n}", b"x" * (n + 1))
            told = _form(basic, "upload", id=number, file=file)[1]
            codes.append(_code(told))
        assert codes == [0, 0, 1110]
        assert "in another report" in _said(told)
        done = _form(basic, "finish", id=number)[1]
        assert (_code(done), len(list(done.iter("fileId")))) == (0, 2)

    @pytest.mark.parametrize("odd", ["..", "/", "."])
    def test_a_file_name_that_cannot_be_kept_is_told(self, basic: Client, odd: str) -> None:
        number = _submit(basic)
        form = encode_multipart(BOUNDARY, {"id": number, "file": SimpleUploadedFile("name", b"x")})
        body = form.replace(b'filename="name"', b'filename="%s"' % odd.encode())
        answer = basic.generic("POST", "/ispws/upload", body, content_type=MULTIPART_CONTENT)
        told = ET.fromstring(answer.content)
        assert (_code(told), "usable file name" in _said(told)) == (1111, True)

    def test_a_body_that_is_no_form_is_told(self, basic: Client) -> None:
        answer = basic.generic(
            "POST",
            "/ispws/upload",
            b"--x\r\nnothing",
            content_type="multipart/form-data; boundary=y",
        )
        assert _said(ET.fromstring(answer.content)) != "Upload incomplete"

    def test_two_files_in_one_upload_are_refused_and_none_is_dropped(self, basic: Client) -> None:
        number = _submit(basic)
        files = [SimpleUploadedFile(name, b"x") for name in ("one", "two")]
        told = _form(basic, "upload", id=number, file=files)[1]
        assert (_code(told), "more than one" in _said(told)) == (1111, True)

    def test_a_credential_that_ends_while_a_file_comes_hands_nothing_in(
        self, basic: Client, credentials: IssuedCredentials
    ) -> None:
        number = _submit(basic)
        whole = encode_multipart(BOUNDARY, {"id": number, "file": SimpleUploadedFile("t", b"x")})

        class Slow(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                revoke_credential(
                    actor=system_actor("test"), login=credentials.user, now=clock.now()
                )
                return super().read(size)

        answer = basic.generic(
            "POST", "/ispws/upload", whole, content_type=MULTIPART_CONTENT,
            **{"wsgi.input": Slow(whole)},
        )  # fmt: skip
        assert (answer.status_code, _code(ET.fromstring(answer.content))) == (401, 2000)

    def test_a_cut_upload_is_1111_and_an_oversized_one_1110(
        self, basic: Client, request: pytest.FixtureRequest
    ) -> None:
        number = _submit(basic)
        whole = encode_multipart(
            BOUNDARY, {"id": number, "file": SimpleUploadedFile("t", b"x" * 5000)}
        )
        cut = basic.generic(
            "POST", "/ispws/upload", whole, content_type=MULTIPART_CONTENT,
            **{"wsgi.input": io.BytesIO(whole[:3000])},
        )  # fmt: skip
        told = ET.fromstring(cut.content)
        assert (_code(told), "ended before the length" in _said(told)) == (1111, True)
        before = current_limits()
        request.addfinalizer(lambda: install_limits(limits=before))
        install_limits(limits=replace(before, largest_file=4000))
        large = basic.generic("POST", "/ispws/upload", whole, content_type=MULTIPART_CONTENT)
        assert _code(ET.fromstring(large.content)) == 1110
        assert not list(_form(basic, "finish", id=number)[1].iter("fileId"))

    def test_refusals_of_method_and_form_are_codes_at_200(self, basic: Client) -> None:
        answer = basic.get("/ispws/finish")
        assert (answer.status_code, answer["Allow"]) == (200, "POST")
        root = ET.fromstring(answer.content)
        assert (root.tag, _code(root)) == ("reportDoneResponse", 4000)
        many = {f"f{n}": "x" for n in range(2000)}
        assert basic.post("/ispws/retract", many).status_code == 200
