"""The operator's page names a proxy: its block, as printed, before a node that serves one host name."""

import datetime as dt
import http.client
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.live import Live, free_port, live, wait_for

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "operator-run.md"
HOST = "desk.example"
pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(NGINX is None, reason="nginx is not here (Debian: nginx-light)"),
]


def _certify(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "desk.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "desk.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _configuration(folder: Path, *, port: int, behind: int) -> str:
    """Return the block of the page with the ports, files and folders of this test."""
    found = re.search(r"```nginx\n(.*?)```", PAGE.read_text(), re.S)
    assert found, "the page prints no block for nginx"
    block = found[1]
    for said, here in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/ssl/desk.example.pem", str(folder / "desk.pem")),
        ("/etc/ssl/desk.example.key", str(folder / "desk.key")),
        ("/run/fanal-bodies", str(folder / "bodies")),
        ("http://127.0.0.1:8000", f"http://127.0.0.1:{behind}"),
    ):
        assert said in block, said
        block = block.replace(said, here)
    user = "user root;" if os.geteuid() == 0 else ""
    places = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log;"
        f"events {{}} http {{ {places} {block} }}"
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, int]]:
    """A node of one host name, and the port of the proxy before it."""
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    _certify(folder)
    with live(demo=False, FANAL_HOSTS=HOST, FANAL_PROXY_HOPS="1") as node:
        (folder / "nginx.conf").write_text(_configuration(folder, port=port, behind=node.port))
        proxy = subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")])
        try:
            assert wait_for(lambda: _get(port, "/healthz")[0] == 200, seconds=60)
            yield node, port
        finally:
            proxy.terminate()
            proxy.wait(20)


def _ask(
    port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, bytes, http.client.HTTPMessage]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)
    try:
        connection.request(method, path, body, {"Host": HOST} | (headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    except OSError:
        return 0, b"", http.client.HTTPMessage()
    finally:
        connection.close()


def _get(port: int, path: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    return _ask(port, "GET", path)


def test_the_start_sees_its_own_node_and_says_the_address(served: tuple[Live, int]) -> None:
    node, _ = served
    out = node.home / "out.txt"
    assert wait_for(lambda: "\n" in out.read_text(), seconds=120)
    assert f"Fanal: http://127.0.0.1:{node.port}/" in out.read_text()
    assert "does not answer yet" not in out.read_text()


def test_pages_and_the_sign_in_form_work_behind_the_block(served: tuple[Live, int]) -> None:
    node, port = served
    assert _get(port, "/fr/")[0] == 200, (node.home / "log" / "web.log").read_text()[-3000:]
    status, page, headers = _get(port, "/en/login/")
    assert status == 200
    assert "Secure" in headers["Set-Cookie"]
    cookie = headers["Set-Cookie"].partition(";")[0]
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    form = urlencode(
        {"csrfmiddlewaretoken": token[1].decode(), "login": "nobody", "password": "wrong"}
    )
    status, page, _ = _ask(
        port,
        "POST",
        "/en/login/",
        form.encode(),
        {
            "Cookie": cookie,
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"https://{HOST}",
            "Referer": f"https://{HOST}/en/login/",
        },
    )
    assert status == 200, "the form of the page itself is refused"
    assert b'role="alert"' in page


def test_a_host_that_is_not_ours_is_refused_and_probes_are_not(served: tuple[Live, int]) -> None:
    node, port = served
    assert _ask(port, "GET", "/fr/", headers={"Host": "other.example"})[0] == 400
    for path in ("/healthz", "/readyz"):
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
        connection.request("GET", path)
        assert connection.getresponse().status in {200, 503}
        connection.close()
