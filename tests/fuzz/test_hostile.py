"""Hostile requests at every public door: refused within a second, by a 4xx or a code, nothing stored."""

import contextlib
import gzip
import hashlib
import http.client
import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest

from fanal.formats.ncmec.synthesis import synthetic_reports
from tests.live import Answer, Live, Partner, wait_for

pytestmark = pytest.mark.serial
WITHIN, TRIES = 1.0, 6
Stored = Callable[[], Mapping[str, int]]

GOOD = {"reference": "r", "kind": "OTHER"}
JSON: dict[str, bytes] = {
    "empty": b"",
    "no document": b"{",
    "not utf-8": b'{"reference":"r","kind":"OTHER","description":"\xff\xfe"}',
    "utf-16": json.dumps(GOOD).encode("utf-16"),
    "duplicate key": b'{"reference":"r","kind":"OTHER","kind":"OTHER"}',
    "NaN": b'{"reference":"r","kind":"OTHER","persons":[{"role":"VICTIM","age":NaN}]}',
    "Infinity": b'{"reference":"r","kind":"OTHER","persons":[{"role":"VICTIM","age":Infinity}]}',
    "huge exponent": b'{"reference":"r","kind":"OTHER","persons":[{"role":"VICTIM","age":1e999999}]}',
    "endless integer": b'{"reference":"r","kind":"OTHER","persons":[{"role":"VICTIM","age":'
    + b"9" * 200_000
    + b"}]}",
    "lone surrogate": b'{"reference":"r","kind":"OTHER","description":"\\ud800"}',
    "NUL": b'{"reference":"r","kind":"OTHER","description":"a\\u0000b"}',
    "unknown field": b'{"reference":"r","kind":"OTHER","admin":true}',
    "unknown inside": b'{"reference":"r","kind":"OTHER","persons":[{"role":"VICTIM","x":1}]}',
    "no reference": b'{"kind":"OTHER"}',
    "no kind": b'{"reference":"r"}',
    "wrong kind": b'{"reference":"r","kind":"X"}',
    "list": b"[" * 100 + b"]" * 100,
    "deep": b'{"reference":"r","kind":"OTHER","persons":' + b"[" * 90_000 + b"]" * 90_000 + b"}",
    "deep objects": b'{"a":' * 90_000 + b"1" + b"}" * 90_000,
    "many values": b'{"reference":"r","kind":"OTHER","urls":[' + b'"",' * 40_000 + b'""]}',
    "long text": json.dumps(GOOD | {"description": "x" * 200_001}).encode(),
    "long reference": json.dumps(GOOD | {"reference": "x" * 201}).encode(),
    "control in reference": json.dumps(GOOD | {"reference": "a\nb"}).encode(),
    "over a megabyte": b" " * 1_100_000 + json.dumps(GOOD).encode(),
    "gzip": gzip.compress(json.dumps(GOOD).encode()),
    "role of the output": b'{"reference":"r","kind":"OTHER","persons":[{"role":"ASSOCIATED"}]}',
    "two documents": json.dumps(GOOD).encode() * 2,
}

_LOL = b"".join(b'<!ENTITY a%d "%s">' % (n + 1, b"&a%d;" % n * 10) for n in range(9))
XML: dict[str, bytes] = {
    "empty": b"",
    "cut": b"<report",
    "NUL": b"<report>\0</report>",
    "other root": b"<reports/>",
    "no parts": b"<report/>",
    "doctype": b"<!DOCTYPE report><report/>",
    "billion laughs": b'<!DOCTYPE r [<!ENTITY a0 "ha">' + _LOL + b"]><report>&a9;</report>",
    "quadratic": b'<!DOCTYPE r [<!ENTITY a "' + b"x" * 50_000 + b'">]><report>' + b"&a;" * 9_000,
    "file": b'<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]><report>&f;</report>',
    "network": b'<!DOCTYPE r [<!ENTITY f SYSTEM "http://127.0.0.1:1/x">]><report>&f;</report>',
    "parameter entity": b'<!DOCTYPE r [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]><report/>',
    "doctype in utf-16": "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE r><report/>".encode(
        "utf-16"
    ),
    "doctype in utf-7": b"<?xml version='1.0' encoding='utf-7'?>+ADwAIQ-DOCTYPE r+AD4-<report/>",
    "deep": b"<report>" * 60 + b"</report>" * 60,
    "very deep": b"<a>" * 100_000,
    "many elements": b"<report>" + b"<a/>" * 25_000 + b"</report>",
    "many attributes": b"<report " + b" ".join(b'a%d="1"' % n for n in range(50_000)) + b"/>",
    "same attributes": b"<report " + b'a="1" ' * 1000 + b"/>",
    "namespaces": b"<report " + b" ".join(b'xmlns:n%d="u"' % n for n in range(20_000)) + b"/>",
    "large": b"<report>" + b" " * 1_100_000 + b"</report>",
    "long comment": b"<!--" + b"x" * 900_000 + b"--><reports/>",
    "instruction": b'<?xml-stylesheet href="http://127.0.0.1:1/"?><reports/>',
    "inclusion": b'<report xmlns:xi="http://www.w3.org/2001/XInclude">'
    b'<xi:include href="file:///etc/passwd" parse="text"/></report>',
    "unknown encoding": b"<?xml version='1.0' encoding='klingon'?><report/>",
    "wrong encoding": b"<?xml version='1.0' encoding='utf-8'?><report>\xff</report>",
    "json": b'{"report": 1}',
}
FORMS: dict[str, bytes] = {
    "empty": b"",
    "bytes": bytes(range(256)) * 40,
    "step unknown": urlencode({"step": "nowhere", "go": "send"}).encode(),
    "sent at once": urlencode({"step": "check", "go": "send"}).encode(),
    "draft of nobody": urlencode({"draft": "QUJD" * 1000, "step": "check", "go": "send"}).encode(),
    "large draft": urlencode({"draft": "A" * 2_000_000, "step": "check"}).encode(),
    "larger than taken": b"draft=" + b"A" * 4_000_000,
    "many fields": "&".join(f"f{n}=1" for n in range(50_000)).encode(),
    "NUL": b"draft=%00&step=%00&go=%00",
    "odd proof": urlencode({"step": "check", "go": "send", "proof": "e30=" * 500}).encode(),
}
CODES = (
    "",
    "0",
    "A" * 100_000,
    "' OR 1=1 --",
    "\0",
    "\u202eABCD",
    "0000-0000-0000-0000-0000",
    "٣٣٣٣-٣٣٣٣-٣٣٣٣-٣٣٣٣-٣٣٣٣",
    "../../etc/passwd",
)


def timed(call: Callable[[], Answer]) -> Answer:
    """Return the answer of a call that took less than a second; slow moments of the machine are allowed.

    What costs too much does so every time.
    """
    took: list[float] = []
    while len(took) < TRIES:
        started = time.monotonic()
        answer = call()
        took.append(time.monotonic() - started)
        if took[-1] < WITHIN:
            return answer
    raise AssertionError(f"each time too long: {took}")


class TestJson:
    @pytest.mark.parametrize("body", JSON.values(), ids=JSON)
    def test_is_refused(self, server: Live, partner: Partner, stored: Stored, body: bytes) -> None:
        before = stored()
        headers = {"Content-Type": "application/json"} | partner.bearer
        answer = timed(lambda: server.call("POST", "/api/v1/reports", body=body, headers=headers))
        assert 400 <= answer.status < 500, answer
        assert set(answer.json) == {"code", "path", "message", "retry"}
        assert stored() == before

    @pytest.mark.parametrize(
        "header",
        ["", "Bearer", "Bearer ", "Bearer \xff", "bearer x", "Basic eDp5", "Bearer " + "a" * 8000],
    )
    def test_no_token_is_401(self, server: Live, stored: Stored, header: str) -> None:
        before = stored()
        headers = {"Authorization": header, "Content-Type": "application/json"}
        body = json.dumps(GOOD).encode()
        answer = timed(lambda: server.call("POST", "/api/v1/reports", body=body, headers=headers))
        assert answer.status == 401
        assert stored() == before

    @pytest.mark.parametrize("key", ["x" * 201, "x" * 7000])
    def test_an_odd_key_is_refused(
        self, server: Live, partner: Partner, stored: Stored, key: str
    ) -> None:
        before = stored()
        answer = timed(lambda: server.json("POST", "/reports", partner, GOOD, Idempotency_Key=key))
        assert answer.status == 422
        assert stored() == before

    @pytest.mark.parametrize(
        "key", ["%00", "%ff", "a%2F..%2Fb", "%0d%0aX:%20y", "x" * 5000, "%C0%AF"]
    )
    def test_an_odd_key_in_the_path_is_no_error(
        self, server: Live, partner: Partner, key: str
    ) -> None:
        answer = timed(lambda: server.json("GET", f"/reports/by-key/{key}", partner))
        assert 400 <= answer.status < 500


class TestWire:
    @pytest.mark.parametrize("path", ["submit", "fileinfo"])
    @pytest.mark.parametrize("body", XML.values(), ids=XML)
    def test_is_refused_by_a_code(
        self, server: Live, partner: Partner, stored: Stored, path: str, body: bytes
    ) -> None:
        before = stored()
        answer = timed(lambda: server.wire(path, partner, body))
        assert answer.status == 200
        root = ET.fromstring(answer.body)
        assert root.tag == "reportResponse"
        assert int(root.findtext("responseCode", "0")) > 0
        assert b"root:" not in answer.body
        assert stored() == before


class TestForms:
    @pytest.mark.parametrize("path", ["/fr/report/", "/en/follow/"])
    @pytest.mark.parametrize("body", FORMS.values(), ids=FORMS)
    @pytest.mark.parametrize(
        "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    )
    def test_stores_nothing(
        self, server: Live, stored: Stored, path: str, body: bytes, kind: str
    ) -> None:
        before = stored()
        answer = timed(lambda: server.call("POST", path, body=body, headers={"Content-Type": kind}))
        assert 200 <= answer.status < 500, answer.status
        assert answer.status != 201
        assert "set-cookie" not in answer.headers
        assert stored() == before

    @pytest.mark.parametrize("code", CODES)
    def test_an_odd_code_is_refused(self, server: Live, stored: Stored, code: str) -> None:
        before = stored()
        answer = timed(lambda: server.page("/fr/follow/", code=code))
        assert 400 <= answer.status < 500
        assert stored() == before

    @pytest.mark.parametrize(
        "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
    )
    def test_a_foreign_page_cannot_post(self, server: Live, headers: Mapping[str, str]) -> None:
        answer = server.page("/fr/report/", headers=headers, step="danger", go="next", danger="NO")
        assert answer.status == 403


class TestLargerThanTaken:
    """The refusal reaches the sender, who is still sending: the server reads on and drops."""

    BODY = b"<report>" + b" " * 9_000_000

    def test_json_is_413(self, server: Live, partner: Partner) -> None:
        headers = {"Content-Type": "application/json"} | partner.bearer
        answer = server.call("POST", "/api/v1/reports", body=self.BODY, headers=headers)
        assert (answer.status, answer.json["code"]) == (413, "TOO_LARGE")

    @pytest.mark.parametrize("path", ["submit", "fileinfo"])
    def test_the_wire_is_a_code(self, server: Live, partner: Partner, path: str) -> None:
        answer = server.wire(path, partner, self.BODY)
        assert answer.status == 200
        assert ET.fromstring(answer.body).findtext("responseCode") == "4110"

    def test_without_credentials_it_is_401(self, server: Live) -> None:
        for path in ("/api/v1/reports", "/ispws/submit"):
            assert server.call("POST", path, body=self.BODY).status == 401


class TestMethodsAndProtocol:
    def test_an_unknown_address_answers_in_the_callers_shape(
        self, server: Live, partner: Partner
    ) -> None:
        answer = server.json("GET", "/reports/no-uuid", partner)
        assert (answer.status, answer.json["code"]) == (404, "NOT_FOUND")
        answer = server.wire("nowhere", partner, b"<report/>")
        assert ET.fromstring(answer.body).findtext("responseCode") == "1210"
        assert server.call("GET", "/fr/nowhere").status == 404

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "BREW"])
    @pytest.mark.parametrize(
        "path", ["/fr/report/", "/api/v1/reports", "/ispws/submit", "/healthz"]
    )
    def test_other_methods_are_no_error(
        self, server: Live, partner: Partner, method: str, path: str
    ) -> None:
        answer = timed(lambda: server.call(method, path, headers=partner.basic))
        assert answer.status < 500

    @pytest.mark.parametrize(
        "raw",
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET /fr/ HTTP/9.9\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
            b"POST /ispws/submit HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
            b"POST /fr/report/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
            (
                b"POST /fr/report/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"
            ),
            b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /fr/ HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 500_000 + b"\r\n\r\n",
            b"GET /fr/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            b"GET /fr/%ff%00%0d%0a HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ],
        ids=[
            "tls", "version", "host bytes", "negative length", "bad chunk", "smuggling",
            "long path", "long header", "foreign host", "bytes in the path",
        ],
    )  # fmt: skip
    def test_no_bytes_take_the_server_down(self, server: Live, stored: Stored, raw: bytes) -> None:
        before = stored()
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", server.port)) as line,
        ):
            line.settimeout(3)
            line.sendall(raw)
            answer = line.recv(4096)
            assert b" 500 " not in answer.split(b"\r\n")[0]
            assert b" 200 " not in answer.split(b"\r\n")[0] or b"evil" not in raw
        assert server.call("GET", "/healthz").status == 200
        assert stored() == before

    def test_a_report_larger_than_a_body_is_cut_off_as_it_streams(
        self, server: Live, partner: Partner, stored: Stored
    ) -> None:
        """Without a length in the header, what counts is what arrives."""
        before = stored()
        head = (
            f"POST /api/v1/reports HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {partner.token}"
            "\r\nTransfer-Encoding: chunked\r\n\r\n"
        ).encode()
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            line.settimeout(10)
            line.sendall(head)
            with contextlib.suppress(OSError):
                for _ in range(40):
                    line.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")
                line.sendall(b"0\r\n\r\n")
            assert line.recv(64).startswith(b"HTTP/1.1 4")
        assert stored() == before

    def test_what_comes_in_chunks_is_taken_like_the_rest(
        self, server: Live, partner: Partner
    ) -> None:
        body = json.dumps({"reference": "in-chunks", "kind": "OTHER"}).encode()
        typed = {"Content-Type": "application/json"}
        assert _chunked(server, "/api/v1/reports", partner.bearer | typed, body)[0] == 201
        assert _chunked(server, "/api/v1/reports", partner.bearer | typed, body)[0] == 200
        for size in (1_000_000, 9_000_000):
            long = json.dumps(
                {"reference": "r", "kind": "OTHER", "description": "x" * size}
            ).encode()
            status, answer = _chunked(server, "/api/v1/reports", partner.bearer | typed, long)
            assert (status, json.loads(answer)["code"]) == (413, "TOO_LARGE")

        [(document, _)] = synthetic_reports(seed=11, count=1)
        xml = partner.basic | {"Content-Type": "text/xml"}
        status, answer = _chunked(server, "/ispws/submit", xml, document)
        assert (status, _element(answer, "responseCode")) == (200, "0")
        number = _element(answer, "reportId")
        status, answer = _chunked(server, "/ispws/submit", xml, document + b" " * 12_000_000)
        assert (status, _element(answer, "responseCode") != "0") == (200, True)
        content = os.urandom(3_000_000)
        form = partner.basic | {"Content-Type": "multipart/form-data; boundary=edge"}
        whole = _upload_form(number, content)
        for cut in (whole[:-10], whole[: len(whole) // 2]):
            assert _element(_chunked(server, "/ispws/upload", form, cut)[1], "responseCode") != "0"
        status, answer = _chunked(server, "/ispws/upload", form, whole)
        assert (status, _element(answer, "responseCode")) == (200, "0"), answer
        assert _element(answer, "hash") == hashlib.md5(content).hexdigest()
        fields = partner.basic | {"Content-Type": "application/x-www-form-urlencoded"}
        huge = b"id=" + b"1" * 3_000_000
        assert _element(_chunked(server, "/ispws/finish", fields, huge)[1], "responseCode") != "0"
        status, answer = _chunked(server, "/ispws/finish", fields, f"id={number}".encode())
        assert (status, _element(answer, "responseCode")) == (200, "0"), answer


def _chunked(server: Live, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with contextlib.closing(line):
        parts = (body[i : i + 50_000] for i in range(0, len(body), 50_000))
        line.request("POST", path, parts, headers, encode_chunked=True)
        answer = line.getresponse()
        return answer.status, answer.read()


def _element(answer: bytes, name: str) -> str:
    return ET.fromstring(answer).findtext(name, "")


def _upload_form(number: str, content: bytes) -> bytes:
    head = (
        f'--edge\r\nContent-Disposition: form-data; name="id"\r\n\r\n{number}\r\n--edge\r\n'
        'Content-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    )
    return head.encode() + content + b"\r\n--edge--\r\n"


class TestStringsComeBack:
    def test_byte_exact(self, server: Live, partner: Partner) -> None:
        texts = [
            "=cmd|' /C calc'!A0", "+1+1", "-1", "@SUM(1)", "\t=1", "\u202egnp.exe", "\u2066\u2069",
            "<script>alert(1)</script>", "' OR ''='", "${7*7}{{7*7}}%s%n", "\ufeffstart", "é\u0301",
            "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u0085\u2028\u2029", "a\u00a0b", "\ufdd0\uffff",
            "Zalgo" + "\u0301" * 300, "line\r\nline\n", "\x7f\x1b[31m",
        ]  # fmt: skip
        for number, text in enumerate(texts):
            body = {"reference": f"odd-{number}", "kind": "OTHER", "description": text}
            answer = server.json("POST", "/reports", partner, body)
            assert answer.status == 201, (text, answer)
        names = [f"odd-{number}" for number in range(len(texts))]

        def shown() -> list[dict[str, object]]:
            return server.lines("report", "show", *names)

        assert wait_for(lambda: all(r["stage"] == "DONE" for r in shown()), beat=1)
        found = {r["reference"]: r["harmonised"] for r in shown()}
        assert [found[name]["description"] for name in names] == texts  # type: ignore[index]
