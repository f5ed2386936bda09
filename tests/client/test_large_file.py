"""A large file goes to the vault with flat memory, hashed on the way, and comes back with its hashes."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from lxml import etree

from tests.client.multipart import OtherClient
from tests.client.reading import show
from tests.client.test_other_client import HINTED
from tests.live import Live, Partner

pytestmark = [pytest.mark.client, pytest.mark.serial]

MEGABYTES = int(os.environ.get("FANAL_TEST_UPLOAD_MB", "64"))
"""Larger by hand: the limit of an installation is 500."""
ROOM = 32 << 20
"""What a web process may grow by, whatever the size of the file."""
BOUNDARY = "x-large-file-x"
HEAD = (
    '--{0}\r\nContent-Disposition: form-data; name="id"\r\n\r\n{1}\r\n'
    '--{0}\r\nContent-Disposition: form-data; name="file"; filename="noise.bin"\r\n'
    "Content-Type: application/octet-stream\r\n\r\n"
)
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()


def blocks() -> Iterator[bytes]:
    """Yield as many blocks of a megabyte, each unlike the others, made as they go out."""
    seed = bytes(range(256)) * 4096
    for number in range(MEGABYTES):
        yield hashlib.sha256(str(number).encode()).digest() + seed[32:]


def below(process: int) -> Iterator[int]:
    """Yield the processes under `process`."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, parent = (
                int(status.parent.name),
                int(status.read_text().rpartition(")")[2].split()[1]),
            )
            if parent == process:
                yield pid
                yield from below(pid)


def web_processes(server: Live) -> list[int]:
    assert server.process is not None
    found = []
    for pid in below(server.process.pid):
        with contextlib.suppress(OSError):
            if b"granian" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def peak(pid: int) -> int:
    return _memory(pid, "VmHWM:")


def resident(pid: int) -> int:
    return _memory(pid, "VmRSS:")


def _memory(pid: int, what: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) << 10
    raise AssertionError("the process has no memory")


def warmed(server: Live, client: OtherClient, number: str) -> list[int]:
    """Return the processes that take requests, once each has taken a small file: that brings in code."""
    found = web_processes(server)
    pids = [pid for pid in found if not set(found).intersection(below(pid))]
    for sent in range(200):
        client.multipart("upload", id=number, file=b"a small one first")
        held = [resident(pid) for pid in pids]
        if sent > 6 and min(held) > 0.9 * max(held):
            return pids
    raise AssertionError(f"a web process takes no request: {held}")


def upload(server: Live, partner: Partner, number: str) -> etree._Element:
    head = HEAD.format(BOUNDARY, number).encode()
    length = len(head) + (MEGABYTES << 20) + len(TAIL)
    connection = HTTPConnection("127.0.0.1", server.port, timeout=240)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/ispws/upload")
        for name, value in partner.basic.items():
            connection.putheader(name, value)
        connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        connection.send(head)
        for block in blocks():
            connection.send(block)
        connection.send(TAIL)
        answer = connection.getresponse()
        assert answer.status == 200
        return etree.fromstring(answer.read())


def test_memory_stays_flat_and_hashes_are_exact(server: Live, partner: Partner) -> None:
    client = OtherClient(server, partner)
    number = client.xml("submit", HINTED)[1].findtext("reportId")
    pids = warmed(server, client, number)
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak counts from here
    before = {pid: peak(pid) for pid in pids}
    answer = upload(server, partner, number)
    assert answer.findtext("responseCode") == "0"
    grown = max(peak(pid) - before[pid] for pid in pids)
    assert grown < ROOM, f"{grown >> 20} MB for a file of {MEGABYTES} MB"
    md5, sha1, sha256 = hashlib.md5(), hashlib.sha1(), hashlib.sha256()
    for block in blocks():
        for made in (md5, sha1, sha256):
            made.update(block)
    assert answer.findtext("hash") == md5.hexdigest()
    client.multipart("finish", id=number)
    *_, file = show(server, int(number))["harmonised"]["files"]
    assert (file["sha1"], file["sha256"]) == (sha1.hexdigest(), sha256.hexdigest())
    print(f"grown by {grown >> 10} kB for {MEGABYTES} MB")
