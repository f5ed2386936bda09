"""Anonymous means anonymous: nothing of the reporter is in any byte that was written.

An anonymous report is filed with a canary in every place where a browser says who it is; another with a
contact. Then every byte is read: dump, write-ahead log and other files of the cluster, vault, logs,
mail, job arguments, tracebacks, backup, temporary files.
"""

import contextlib
import os
import re
import socket
import subprocess
import tempfile
import time
import zlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from fanal.config.gate import WHOLE
from fanal.harmonise.domain import records as record
from fanal.postgres import Cluster
from tests.faults.filing import CODE, WAIT_OF_THE_FORM
from tests.live import Answer, Live, draft_of, live, wait_for

pytestmark = pytest.mark.serial
ADDRESS = "127.91.17.53"  # the loopback network is ours: a real peer address that nobody else has
FORWARDED = "203.0.113.211"
HEADERS = {
    "User-Agent": "CanaryAgent/77.31 (Xylograph)",
    "Cookie": "visitor=canary-cookie-5f1e",
    "Referer": "https://canary-referrer.example/where-from",
    "X-Forwarded-For": FORWARDED,
    "X-Real-IP": FORWARDED,
    "Forwarded": f"for={FORWARDED};proto=https",
    "CF-Connecting-IP": FORWARDED,
    "True-Client-IP": FORWARDED,
    "Accept-Language": "fr-CA;q=0.31, canary-tongue",
    "From": "canary-from@mail.example",
    "X-Device-Id": "canary-device-88d1",
}
READER = (
    ADDRESS,
    FORWARDED,
    "CanaryAgent",
    "Xylograph",
    "canary-cookie-5f1e",
    "canary-referrer.example",
    "canary-tongue",
    "canary-from@mail.example",
    "canary-device-88d1",
)
CONTACT = {
    "your_name": "Canarine Reporterova",
    "your_email": "canary.contact@mail.example",
    "your_phone": "+33 6 39 98 71 72",
}
CHILD = "Xylobert"
SEALED = (
    CHILD,
    "Canarine",
    "Reporterova",
    "canary.contact",
    "39 98 71 72",
    "639987172",
    "39987172",
)
CONTENT = "Neutral canary sentence of the description 9035"


@dataclass(slots=True, kw_only=True)
class Written:
    """The installation after everything was done, and the dump and backup made of it."""

    server: Live
    folders: list[Path]
    codes: list[str]


def send(server: Live, **you: str) -> str:
    """File a report with the canaries of a browser; return its code."""
    page = call(server, "GET", "/fr/report/")
    for step in (
        {"step": "danger", "go": "next", "danger": "YES"},
        {"step": "what", "go": "saw", "kind": "GROOMING"},
        {"step": "saw", "go": "you", "description": CONTENT},
        {"step": "you", "go": "check", **you},
    ):
        page = call(server, "POST", "/fr/report/", draft=draft_of(page), **step)
        assert page.status == 200, page
    time.sleep(WAIT_OF_THE_FORM)  # the form's own wait without a proof of work
    answer = call(server, "POST", "/fr/report/", draft=draft_of(page), step="check", go="send")
    found = CODE.search(answer.body.decode())
    assert answer.status == 201
    assert found is not None
    assert "set-cookie" not in answer.headers
    return found.group(1)


def call(server: Live, method: str, path: str, **fields: str) -> Answer:
    if method == "GET":
        return server.call(method, path, headers=HEADERS, source=ADDRESS)
    return server.page(path, headers=HEADERS, source=ADDRESS, **fields)


def provoke_tracebacks(server: Live) -> None:
    """Break the database under a request, so that it ends in an error and its traceback."""
    url = Cluster.open(home=server.home, environ=os.environ).admin_url("fanal")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("ALTER TABLE intake_receipt RENAME TO intake_receipt_away")
        try:
            answer = call(server, "POST", "/fr/follow/", code="7KQ4-9T2M-XW3E-5RDA-0000")
            assert answer.status >= 500
            for path in ("/fr/login/", "/fr/nowhere/canary", "/api/v1/reports", "/ispws/status"):
                call(server, "GET", path)
            page = call(server, "GET", "/fr/report/")
            for step in (
                {"step": "danger", "go": "next", "danger": "NO"},
                {"step": "what", "go": "you", "kind": "OTHER"},
                {"step": "you", "go": "check", "contact": "CONTACT", **CONTACT},
            ):
                page = call(server, "POST", "/fr/report/", draft=draft_of(page), **step)
            time.sleep(WAIT_OF_THE_FORM)  # the form's own wait
            answer = call(
                server, "POST", "/fr/report/", draft=draft_of(page), step="check", go="send"
            )
            assert answer.status >= 500, answer
        finally:
            admin.execute("ALTER TABLE intake_receipt_away RENAME TO intake_receipt")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    outside = tmp_path_factory.mktemp("outside")
    with live() as server:
        codes = [
            send(server, contact="ANONYMOUS"),
            send(server, contact="CONTACT", child="ME", child_name=CHILD, **CONTACT),
        ]
        for code in codes:
            assert call(server, "POST", "/fr/follow/", code=code).status == 200
        provoke_tracebacks(server)
        assert wait_for(lambda: list((server.home / "mail").glob("*.eml")), seconds=40)
        assert wait_for(
            lambda: all(r["stage"] == "DONE" for r in server.lines("report", "list")), beat=1
        ), (server.lines("report", "list"), server.told())
        server.command("backup", str(outside / "backup"))
        cluster = Cluster.open(home=server.home, environ=os.environ)
        dump = subprocess.run(
            [
                cluster.binaries.program("pg_dump"),
                "--inserts",
                "--dbname",
                cluster.admin_url("fanal"),
            ],
            capture_output=True,
            check=False,
        )
        assert dump.returncode == 0, dump.stderr
        (outside / "dump.sql").write_bytes(dump.stdout)
        in_backup = subprocess.run(
            [cluster.binaries.program("pg_restore"), "--file=-", outside / "backup/database.dump"],
            capture_output=True,
            check=True,
        )
        (outside / "backup.sql").write_bytes(in_backup.stdout)
        with psycopg.connect(cluster.admin_url("fanal"), autocommit=True) as admin:
            admin.execute("CHECKPOINT")
        yield Written(
            server=server, folders=[server.home, cluster.place.root, outside], codes=codes
        )


def needles(words: tuple[str, ...]) -> list[bytes]:
    """Return the words as they are, in hexadecimal, in UTF-16, and in base64 at any offset."""
    forms: set[bytes] = set()
    for word in words:
        raw = word.encode()
        forms |= {raw.lower(), raw.hex().encode(), word.encode("utf-16-le").lower()}
        for shift in range(3):
            text = b64encode(bytes(shift) + raw)
            # What the word alone makes, whatever stands beside it: fewer characters are met by chance.
            forms.add(text[-(-8 * shift // 6) : 8 * (shift + len(raw)) // 6].lower())
    return sorted(forms)


def blocks_of(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes, and what the columns of a dump hold once unpacked."""
    content = path.read_bytes()
    yield content.lower()
    if path.suffix == ".sql":
        for found in re.finditer(rb"\\x((?:[0-9a-f]{2}){6,})", content):
            column = bytes.fromhex(found.group(1).decode())
            yield from (text.lower() for text in _unpacked(column))


def _unpacked(column: bytes) -> Iterator[bytes]:
    """Yield a column as it is, and out of each compression that a column may be under."""
    yield column
    for start, sample in ((0, None), (1, record._ZLIB_SAMPLE)):
        if column[start : start + 1] == b"\x78":
            inflate = zlib.decompressobj(zdict=sample) if sample else zlib.decompressobj()
            with contextlib.suppress(zlib.error):
                yield inflate.decompress(column[start:])
    if column[1:5] == b"\x28\xb5\x2f\xfd":
        yield record._PRESSES.expand.decompress(column[1:])


def places(written: Written, words: tuple[str, ...], *, only: str = "") -> list[str]:
    """Return every file that holds one of the words."""
    wanted, found = needles(words), []
    for folder in written.folders:
        for path in folder.rglob("*"):
            if not path.is_file() or only not in str(path):
                continue
            for block in held_by(path):
                for word in wanted:
                    at = block.find(word)
                    if at >= 0:
                        found.append(f"{path}: {block[max(0, at - 60) : at + 90]!r}")
    return found


def held_by(path: Path) -> list[bytes]:
    """Return the blocks of a file, none when its owner has just removed it."""
    with contextlib.suppress(FileNotFoundError):
        return list(blocks_of(path))
    return []


def held_files(server: Live) -> list[bytes]:
    """Return the bytes of every file without a name that the server's processes hold open."""
    found = []
    for pid in server.children("granian"):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(entry.readlink())
                if target.endswith("(deleted)") and entry.is_file():
                    found.append(entry.read_bytes())
    return found


def upload_of(server: Live) -> tuple[bytes, bytes]:
    """Return head and content of an upload to an open wire report: a canary over and over."""
    partner = server.add_partner("canary-uploader")
    opened = server.wire(
        "submit", partner,
        b"<report><incidentSummary><incidentType>Online Enticement of Children for Sexual Acts"
        b"</incidentType><incidentDateTime>2026-01-02T03:04:05Z</incidentDateTime></incidentSummary>"
        b"<reporter><reportingPerson><email>duty@provider.example</email></reportingPerson></reporter>"
        b"</report>",
    )  # fmt: skip
    number = re.search(rb"<reportId>(\d+)<", opened.body)
    assert number is not None, opened
    # More than the gate before the program takes whole: the rest is written while it comes in.
    content = (CONTENT.encode() + b"\n") * (2 * WHOLE // len(CONTENT))
    start = b'--canary\r\nContent-Disposition: form-data; name="id"\r\n\r\n' + number[1]
    start += (
        b'\r\n--canary\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
    )
    end = b"\r\n--canary--\r\n"
    head = [
        "POST /ispws/upload HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Authorization: {partner.basic['Authorization']}",
        "Content-Type: multipart/form-data; boundary=canary",
        f"Content-Length: {len(start) + len(content) + len(end)}",
        "Connection: close",
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + start, content + end


class TestCanary:
    def test_an_upload_under_way_is_nowhere_in_clear(self, written: Written) -> None:
        head, content = upload_of(written.server)
        with socket.create_connection(("127.0.0.1", written.server.port), timeout=30) as wire:
            wire.sendall(head + content[:-1000])
            assert wait_for(lambda: any(len(held) > 1 << 20 for held in held_files(written.server)))
            assert not any(CONTENT.encode() in held for held in held_files(written.server))
            wire.sendall(content[-1000:])
            answer = wire.makefile("rb").read()
        assert b"<responseCode>0</responseCode>" in answer, answer
        temporary = Path(tempfile.gettempdir())
        names = [path for path in temporary.glob("tmp*") if path.is_file()]
        assert not any(CONTENT.encode().lower() in b for path in names for b in held_by(path))

    def test_the_search_finds_what_is_there(self, written: Written) -> None:
        """The same search finds the sender's language and what the report says: it would see more."""
        assert places(written, ("GROOMING",), only=".sql")
        assert places(written, (CONTENT,), only=".sql")
        dump = next(f for folder in written.folders for f in folder.rglob("dump.sql"))
        assert dump.read_bytes().count(b"INTO public.intake_report") >= 2
        assert any("pg_wal" in str(f) for f in written.folders[1].rglob("*"))

    def test_nothing_tells_who_the_reader_is(self, written: Written) -> None:
        assert places(written, READER) == []

    def test_a_contact_is_nowhere_in_clear(self, written: Written) -> None:
        assert places(written, SEALED) == []

    def test_the_codes_are_nowhere(self, written: Written) -> None:
        plain = tuple(code.replace("-", "") for code in written.codes)
        assert places(written, (*written.codes, *plain)) == []

    def test_logs_and_mail_hold_nothing_of_the_report(self, written: Written) -> None:
        logs = list(written.server.home.rglob("*.log"))
        assert any(b"Traceback" in f.read_bytes() for f in logs), "no traceback was provoked"
        for only in ("/log/", "/mail/", "out.txt", "server.log"):
            assert places(written, (CONTENT,), only=only) == []

    def test_the_contact_can_be_opened_by_its_key(self, written: Written) -> None:
        """Sealed and not lost: the vault opens each object, identities included."""
        [*found, summary] = written.server.lines("fsck", check=False)
        assert found == []
        assert int(str(summary["opened"])) >= 3
