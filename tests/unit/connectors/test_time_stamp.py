"""Time stamps by a real authority on this machine: `openssl ts` behind a web server."""

import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from fanal.connectors.outside import Door
from fanal.connectors.time_stamp import StampAuthority, StampRefused, read_authority
from fanal.kernel import clock

HERE = Door(loopback=True, seconds=10)
OPENSSL = shutil.which("openssl") or ""
CONFIG = """
[ req ]
distinguished_name = name
[ name ]
[ tsa ]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[ ts ]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
"""
pytestmark = pytest.mark.skipif(not OPENSSL, reason="needs openssl")


class Authority:
    """A time-stamping authority with its own root, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "config").write_text(CONFIG.format(folder=folder))
        (folder / "serial").write_text("01")
        self._call("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                   "-subj", "/CN=root.example", "-keyout", "root.key", "-out", "root.pem")  # fmt: skip
        self._call("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                   "/CN=stamps.example", "-keyout", "tsa.key", "-out", "tsa.csr", "-config", "config")  # fmt: skip
        self._call("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-days", "2",
                   "-extfile", "config", "-extensions", "tsa", "-out", "tsa.pem")  # fmt: skip

    def answer(self, query: bytes) -> bytes:
        (self.folder / "query").write_bytes(query)
        self._call("ts", "-reply", "-queryfile", "query", "-signer", "tsa.pem", "-inkey", "tsa.key",
                   "-config", "config", "-section", "ts", "-out", "reply")  # fmt: skip
        return (self.folder / "reply").read_bytes()

    def _call(self, *arguments: str) -> None:
        subprocess.run([OPENSSL, *arguments], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture
def served(authority: Authority) -> Iterator[StampAuthority]:
    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            body = b"no stamp" if self.path == "/odd" else authority.answer(query)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield read_authority(
            f"http://127.0.0.1:{running.server_port}", authority.folder / "root.pem"
        )
        running.shutdown()


def test_a_stamp_proves_the_instant_of_these_bytes(served: StampAuthority) -> None:
    stamp = served.stamp(HERE, b"record")
    assert abs((served.verify(stamp, content=b"record") - clock.now()).total_seconds()) < 60
    with pytest.raises(StampRefused) as caught:
        served.verify(stamp, content=b"another record")
    assert caught.value.code == "UNVERIFIED"


def test_a_stamp_of_another_root_or_another_request_is_refused(
    served: StampAuthority, tmp_path: Path
) -> None:
    stamp = served.stamp(HERE, b"record")
    other = read_authority("https://other.example", Authority(tmp_path).folder / "root.pem")
    with pytest.raises(StampRefused, match="UNVERIFIED"):
        other.verify(stamp, content=b"record")
    with pytest.raises(StampRefused, match="UNVERIFIED"):
        served.verify(stamp, content=b"record", nonce=1)


def test_an_authority_that_is_away_or_answers_otherwise(served: StampAuthority) -> None:
    odd = StampAuthority(url=f"{served.url}/odd", roots=served.roots)
    with pytest.raises(StampRefused, match="UNREADABLE"):
        odd.stamp(HERE, b"record")
    with pytest.raises(StampRefused, match="AWAY"):
        StampAuthority(url="http://127.0.0.1:1", roots=served.roots).stamp(HERE, b"record")


def test_a_changed_stamp_proves_nothing(served: StampAuthority) -> None:
    stamp = served.stamp(HERE, b"record")
    for place in range(0, len(stamp), 23):
        changed = stamp[:place] + bytes([stamp[place] ^ 1]) + stamp[place + 1 :]
        try:
            instant = served.verify(changed, content=b"record")
        except StampRefused:
            continue
        assert instant == served.verify(stamp, content=b"record")
