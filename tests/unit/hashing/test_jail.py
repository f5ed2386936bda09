"""What a child cannot do any more, tried by a process that gave it up, as root and as a plain user."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = """
import ctypes, json, mmap, os, socket, sys
from fanal.hashing import jail

plain, files = sys.argv[1] == "plain", sys.argv[2] == "files"
if plain and os.geteuid() == 0:
    os.setgroups([]); os.setresgid(4242, 4242, 4242); os.setresuid(4242, 4242, 4242)
alone = jail.leave_network()
interfaces = [name for _, name in socket.if_nameindex()] if alone else []
jail.drop_account()
account = os.geteuid()
inherited = os.open("/dev/null", os.O_RDWR)
key, memory = sys.argv[3], os.memfd_create("video")
os.write(memory, b"frames")
jail.cap(memory=64 << 20, seconds=5, held=1 << 20)
closed = jail.close_files()
filtered = jail.filter_calls(files=files)

def tried(act):
    try:
        act()
    except OSError as refused:
        return refused.errno
    except MemoryError:
        return "memory"
    return "done"

answer = {
    "alone": alone, "interfaces": interfaces, "account": account, "filtered": filtered, "closed": closed,
    "key": tried(lambda: os.open(key, os.O_RDONLY)),
    "environment": tried(lambda: os.open("/proc/self/environ", os.O_RDONLY)),
    "again": tried(lambda: os.open(f"/proc/self/fd/{memory}", os.O_RDONLY)),
    "socket": tried(socket.socket), "fork": tried(os.fork),
    "exec": tried(lambda: os.execv("/bin/true", ["true"])),
    "open": tried(lambda: os.open("/etc/passwd", os.O_RDONLY)),
    "write": tried(lambda: os.open("/tmp/x", os.O_WRONLY | os.O_CREAT)),
    "change": tried(lambda: os.open("/dev/null", os.O_RDWR)),
    "empty": tried(lambda: os.open("/dev/null", os.O_TRUNC)),
    "reserve": tried(lambda: os.memfd_create("more")),
    "kill": tried(lambda: os.kill(os.getppid(), 0)),
    "code": tried(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)),
    "memory": tried(lambda: bytearray(200 << 20)),
    "reading": tried(lambda: os.read(inherited, 1)),
}
os.write(1, json.dumps(answer).encode())
os._exit(0)
"""


def imprisoned(who: str, *, files: str = "none", key: str = "/etc/hostname") -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, who, files, key], capture_output=True, check=True
    )
    return json.loads(done.stdout)


@pytest.fixture
def key() -> Iterator[str]:
    """A key file of the plain account itself, where it lies in a production of its own."""
    folder = Path(tempfile.mkdtemp(prefix="fanal-jail-"))
    path = folder / "content-0001.key"
    path.write_text("only for tests")
    for found, mode in ((path, 0o600), (folder, 0o700)):
        found.chmod(mode)
        if os.geteuid() == 0:
            os.chown(found, 4242, 4242)
    yield str(path)
    shutil.rmtree(folder)


@pytest.mark.parametrize("who", ["root", "plain"])
def test_a_child_reaches_nothing(who: str) -> None:
    if who == "root" and os.geteuid() != 0:
        pytest.skip("only root can give root's rights up")
    found = imprisoned(who)
    assert found["account"] != 0
    assert found["filtered"] is True
    for act in ("socket", "fork", "exec", "open", "write", "kill", "code", "reserve"):
        assert found[act] == 1, act  # EPERM
    assert found["memory"] == "memory"
    assert found["reading"] == "done"
    if who == "root":
        assert found["alone"] is True
    if found["alone"]:
        assert set(found["interfaces"]) <= {"lo"}


def test_a_child_of_videos_opens_its_own_memory_and_no_key_of_its_account(key: str) -> None:
    found = imprisoned("plain", files="files", key=key)
    if not found["closed"]:
        pytest.skip("this kernel has no Landlock: videos are not looked into")
    assert found["again"] == "done"
    for act in ("key", "open", "environment"):
        assert found[act] == 13, act  # EACCES
    for act in ("socket", "fork", "exec", "code", "write", "change", "empty", "reserve"):
        assert found[act] == 1, act
