"""Looking at addresses of real servers on this machine: every status is an answer, and nothing but text is kept."""

import contextlib
import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fanal.connectors.looking import look
from fanal.connectors.outside import Door
from tests.unit.connectors.test_outside import serving

HERE = Door(loopback=True, seconds=5)
PIXELS = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20


def answer(
    body: bytes, *, status: str = "200 OK", kind: str = "text/html", more: str = ""
) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    "status", [200, 204, 301, 302, 401, 403, 404, 410, 418, 429, 451, 500, 503]
)
def test_every_status_is_an_answer(status: int) -> None:
    with serving(answer(b"" if status == 204 else b"<p>words", status=f"{status} X")) as (
        url,
        asked,
    ):
        sight = look(HERE, f"{url}/a?b=c#d")
    assert (sight.fault, sight.status, sight.peer) == ("", status, "127.0.0.1")
    assert asked[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert b"Accept-Encoding: identity\r\n" in asked[0]
    assert len(asked) == 1


def test_a_redirect_is_told_and_not_followed() -> None:
    moved = answer(b"", status="302 Found", more="Location: /there\r\n")
    with serving(moved, answer(b"never asked")) as (url, asked):
        sight = look(HERE, url)
        assert (sight.status, sight.header("location"), len(asked)) == (302, "/there", 1)
        look(HERE, url)


def test_nothing_that_a_page_embeds_is_asked_for_or_kept() -> None:
    page = (
        b"<title>Words</title><img src='/picture.jpg'><script src=/s.js></script>"
        b'<img src="data:image/png;base64,iVBORw0KGgoAAAA"><i style="background:url(data:image/gif;base64,R0lGODlh)">'
        b"<svg viewBox='0 0 1 1'><path d='M0 0h1'/></svg><p>seen</p>" + b"QUJD" * 200
    )
    with serving(answer(page)) as (url, asked):
        sight = look(HERE, url)
    assert len(asked) == 1
    assert all(one not in sight.source for one in ("iVBOR", "R0lGOD", "M0 0h1", "QUJDQUJD"))
    assert "<p>seen</p>" in sight.source
    assert "/picture.jpg" in sight.source  # its name is evidence, the picture is not


@pytest.mark.parametrize(
    ("kind", "body", "more", "unread"),
    [
        ("image/jpeg", PIXELS, "", "NOT_TEXT"),
        ("video/mp4", PIXELS, "", "NOT_TEXT"),
        ("application/octet-stream", b"words", "", "NOT_TEXT"),
        ("", b"<p>no type", "", "NOT_TEXT"),
        ("image/svg+xml", b"<svg/>", "", "NOT_TEXT"),
        ("text/html", PIXELS, "", "NOT_TEXT"),
        ("text/plain", b"GIF89a\x01\x00", "", "NOT_TEXT"),
        ("text/html", b"<p>words</p>" * 2000 + PIXELS, "", "NOT_TEXT"),
        ("text/html", b"\x1f\x8b\x08", "Content-Encoding: gzip\r\n", "ENCODED"),
        ("text/html; charset=utf-8", b"<p>x</p>" * 20_000, "", "TRUNCATED"),
    ],
    ids=[
        "jpeg",
        "mp4",
        "octets",
        "no type",
        "svg",
        "jpeg as html",
        "gif as text",
        "late",
        "gzip",
        "long",
    ],
)
def test_a_body_of_another_type_is_not_kept(kind: str, body: bytes, more: str, unread: str) -> None:
    with serving(answer(body, kind=kind, more=more)) as (url, _):
        sight = look(HERE, url, limit=100_000)
    assert (sight.status, sight.unread, sight.sha256) == (200, unread, "")
    assert bool(sight.source) is (unread == "TRUNCATED")
    assert len(sight.source) <= 100_000


def test_charsets_are_read_and_odd_ones_survived() -> None:
    for charset, said in (("iso-8859-1", "supprimé"), ("utf-16", "supprimé"), ("klingon", "words")):
        body = said.encode("utf-8" if charset == "klingon" else charset)
        with serving(answer(body, kind=f'text/html; charset="{charset}"')) as (url, _):
            assert look(HERE, url).source == said


def test_a_body_that_ends_early_is_incomplete() -> None:
    with serving(
        b"HTTP/1.1 404 X\r\nContent-Type: text/html\r\nContent-Length: 900\r\n\r\n<p>a"
    ) as (url, _):
        sight = look(HERE, url)
    assert (sight.status, sight.unread) == (404, "INCOMPLETE")


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"]
)
def test_a_server_that_drips_is_left_in_time(head: bytes) -> None:
    def drip(line: socket.socket) -> None:
        line.sendall(head)
        with contextlib.suppress(OSError):
            for _ in range(100):
                line.sendall(b"x")
                time.sleep(0.1)

    with serving(drip) as (url, _):
        began = time.monotonic()
        sight = look(Door(loopback=True, seconds=1), url)
    assert time.monotonic() - began < 3
    assert (sight.fault, sight.unread) in {("TIMEOUT", ""), ("", "INCOMPLETE"), ("PROTOCOL", "")}


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://10.0.0.1/", "ADDRESS"),
        ("http://[::1]/", "ADDRESS"),
        ("http://127.0.0.1/", "ADDRESS"),
        ("http://169.254.169.254/latest", "ADDRESS"),
        ("https://0x7f000001/", "ADDRESS"),
        ("ftp://pictures.example/", "ADDRESS"),
        ("no address at all", "ADDRESS"),
        ("http://nobody.invalid/", "AWAY"),
        ("http://" + "a" * 56 + ".onion/", "ONION"),
    ],
)
def test_addresses_that_are_not_asked(url: str, fault: str) -> None:
    sight = look(Door(seconds=2), url)
    assert (sight.fault, sight.status) == (fault, 0)


def test_a_closed_port_and_no_http_are_faults() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert look(HERE, f"http://127.0.0.1:{port}/").fault == "AWAY"
    with serving(b"not http at all\r\n\r\n") as (url, _):
        assert look(HERE, url).fault == "PROTOCOL"


@contextlib.contextmanager
def serving_safely(context: ssl.SSLContext) -> Iterator[str]:
    """Answer one https connection with a page; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            with contextlib.suppress(OSError):
                line, _ = listening.accept()
                line.settimeout(5)
                with line, context.wrap_socket(line, server_side=True) as safe:
                    safe.recv(65536)
                    safe.sendall(answer(b"<p>words"))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"https://localhost:{listening.getsockname()[1]}/"
        thread.join(5)


def test_tls_facts_are_kept_and_an_untrusted_certificate_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pictures.example")])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "server.pem").write_bytes(secret + certificate.public_bytes(pem))
    (tmp_path / "trusted.pem").write_bytes(certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")

    with serving_safely(context) as url:
        untrusted = look(HERE, url)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    with serving_safely(context) as url:
        sight = look(HERE, url)
    assert (untrusted.fault, untrusted.tls, sight.fault) == ("TLS", None, "")
    assert sight.tls is not None
    assert sight.tls.certificate_sha256 == certificate.fingerprint(hashes.SHA256()).hex()
    assert (sight.tls.subject, sight.tls.names) == ("commonName=pictures.example", ("localhost",))
