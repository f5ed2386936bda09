"""Every system call of one deposit fails or kills in turn: nothing acknowledged is ever lost.

A forked child deposits one batch that fits a pack and one large object; strace injects one fault at
one call. Whatever the child acknowledged must read back; whatever it did not must be loose bytes that
fsck can tell apart: a whole segment or file without a row, a cut tail, a temporary file.
"""

import errno
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

from fanal.vault import packs
from fanal.vault.domain.envelope import open_content, seal_chunks, seal_content
from fanal.vault.domain.records import Placed

CALLS = ("mkdir", "openat", "write", "fsync", "fdatasync", "rename", "close")
FULL = ("mkdir", "openat", "write", "rename")
KEY = bytes(32)
FIRST, SMALL, LARGE = UUID(int=1), UUID(int=2), UUID(int=3)
CONTENT = {FIRST: b"before", SMALL: b"small", LARGE: bytes(200_000)}

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]


def seal_small(writer: packs.PackWriter, object_id: UUID) -> Placed:
    sealed = seal_content(CONTENT[object_id], data_key=KEY, object_id=object_id)
    return writer.append([(object_id, sealed)])[0]


def deposit(folder: Path, writer: packs.PackWriter) -> dict[UUID, Placed]:
    """Store what is acknowledged in one answer."""
    places = {SMALL: seal_small(writer, SMALL)}
    sealed = seal_chunks([CONTENT[LARGE]], data_key=KEY, object_id=LARGE)
    places[LARGE] = packs.write_file(folder, LARGE, sealed)
    return places


class Child:
    """A fork that waits, deposits once traced, and answers with one byte: A(cknowledged) or E(rror)."""

    def __init__(self, folder: Path) -> None:
        go, self._go = os.pipe()
        self._answer, answer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:  # pragma: no cover - the child
            os.read(go, 1)
            reply = b"E"
            try:
                writer = packs.PackWriter(folder)
                places = deposit(folder, writer)
                reply = b"A" + b",".join(
                    f"{i.int}:{p.pack_id or ''}:{p.offset or 0}:{p.length}".encode()
                    for i, p in places.items()
                )
            except OSError:
                pass
            finally:
                try:
                    os.write(answer, reply)
                finally:
                    os._exit(0)
        os.close(go)
        os.close(answer)

    def run(self, *options: str, log: Path) -> bytes:
        """Attach strace with options, let the child go, and return its answer (empty if killed)."""
        tracer = subprocess.Popen(
            [
                "strace",
                "-p",
                str(self.pid),
                "-o",
                str(log),
                "-e",
                f"trace={','.join(CALLS)}",
                *options,
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert tracer.stderr is not None
        attached = tracer.stderr.readline()
        if "attached" not in attached:
            os.kill(self.pid, signal.SIGKILL)
        os.write(self._go, b"x")
        os.close(self._go)
        reply = b"".join(iter(lambda: os.read(self._answer, 4096), b""))
        os.close(self._answer)
        os.waitpid(self.pid, 0)
        tracer.stderr.close()
        tracer.wait(timeout=30)
        if "attached" not in attached:
            pytest.skip(f"strace may not attach here: {attached.strip()}")
        return reply


def prepare(folder: Path) -> Placed:
    """A vault in which something is stored already."""
    writer = packs.PackWriter(folder)
    place = seal_small(writer, FIRST)
    writer.close()
    return place


def read(folder: Path, object_id: UUID, place: Placed) -> bytes:
    return open_content(
        packs.read_sealed(folder, object_id, place), data_key=KEY, object_id=object_id
    )


def acknowledged(reply: bytes) -> dict[UUID, Placed]:
    places = {}
    for part in reply[1:].decode().split(",") if reply[:1] == b"A" else []:
        number, pack, offset, length = part.split(":")
        places[UUID(int=int(number))] = Placed(
            pack_id=UUID(pack) if pack else None,
            offset=int(offset) if pack else None,
            length=int(length),
        )
    return places


def check(folder: Path, first: Placed, reply: bytes) -> None:
    """Compare what was acknowledged with what is there, and what is there with what fsck knows."""
    assert read(folder, FIRST, first) == CONTENT[FIRST]
    for object_id, place in acknowledged(reply).items():
        assert read(folder, object_id, place) == CONTENT[object_id]
    for path in (folder / "packs").iterdir():
        segments = list(packs.scan_pack(path))
        assert all(segment.sound for segment in segments[:-1])
    large = packs.file_path(folder, LARGE)
    if large.exists():
        length = large.stat().st_size - packs.FILE_HEAD.size
        assert read(folder, LARGE, Placed(length=length)) == CONTENT[LARGE]
    # The process that failed goes on: the next deposit must not follow damaged bytes.
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    large.unlink(missing_ok=True)
    for object_id, place in deposit(folder, packs.PackWriter(folder)).items():
        assert read(folder, object_id, place) == CONTENT[object_id]


def counted(tmp_path: Path) -> dict[str, int]:
    """Return how often a deposit makes each call, seen from the attachment on."""
    folder, log = tmp_path / "count", tmp_path / "count.log"
    prepare(folder)
    assert Child(folder).run(log=log)[:1] == b"A"
    lines = re.findall(r"^(\w+)\(", log.read_text(), flags=re.MULTILINE)
    return {call: lines.count(call) for call in CALLS if call in lines}


@pytest.mark.parametrize("fault", ["signal=KILL", "error=EIO", "error=ENOSPC"])
def test_a_fault_at_any_call_loses_nothing_acknowledged(tmp_path: Path, fault: str) -> None:
    calls = counted(tmp_path)
    assert {"write", "fsync", "fdatasync", "openat"} <= calls.keys()
    assert sum(calls.values()) > 20
    refused = 0
    for call, count in calls.items():
        if fault.endswith("ENOSPC") and call not in FULL:
            continue
        for nth in range(1, count + 1):
            folder = tmp_path / f"{call}-{nth}"
            first = prepare(folder)
            inject = f"inject={call}:{fault}:when={nth}"
            reply = Child(folder).run("-e", inject, log=tmp_path / "log")
            refused += reply[:1] != b"A"
            check(folder, first, reply)
            shutil.rmtree(folder)
    assert refused > 10


def test_a_short_write_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:7]))
    places = deposit(tmp_path, packs.PackWriter(tmp_path))
    monkeypatch.undo()
    assert {i: read(tmp_path, i, p) for i, p in places.items()} == {
        i: CONTENT[i] for i in (SMALL, LARGE)
    }


def test_a_full_disk_is_told_and_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, writer = os.write, packs.PackWriter(tmp_path)
    first = seal_small(writer, FIRST)

    def full(descriptor: int, data: bytes) -> int:
        real(descriptor, bytes(data)[:9])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            seal_small(writer, SMALL)
    second = seal_small(writer, SMALL)
    assert second.pack_id != first.pack_id
    assert read(tmp_path, FIRST, first) + read(tmp_path, SMALL, second) == b"beforesmall"
