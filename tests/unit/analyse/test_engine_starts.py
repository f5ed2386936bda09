"""The engine of a process: a start that fails is told, and tried again after a while."""

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fanal.analyse.signals import engine, reading
from fanal.analyse.signals.domain.meaning import Vectors
from fanal.analyse.signals.engine import engine_of_process
from fanal.analyse.signals.reading import NoReader, TextReader, shipped_reader
from fanal.embedding.engine import EngineMissing, EngineProcess, TextUnembedded
from tests.live import wait_for

_PROGRAM = "fanal.embedding.engine.sys.executable"


@pytest.fixture
def broken(tmp_path: Path) -> str:
    """Return a program that ends while it starts, as one does that the system kills for its memory."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho >> " + f"{tmp_path}/starts\nkill -9 $$\n")
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Give the test an engine of its own, and a clock that it moves."""
    seconds = [1000.0]
    monkeypatch.setattr(engine, "_STARTS", engine._Starts())
    monkeypatch.setattr(engine, "monotonic", lambda: seconds[0])
    yield seconds
    made = engine._STARTS._engine
    if made is not None and isinstance(made.engine, EngineProcess):
        made.engine.stop()


def _starts(broken: str) -> int:
    return len(Path(broken).with_name("starts").read_text().splitlines())


def test_a_start_that_fails_once_is_tried_again(
    broken: str,
    passing: list[float],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One such failure left all texts to the phrase lists until somebody restarted the worker, unsaid."""
    monkeypatch.setattr(engine.log, "handlers", [caplog.handler])
    with monkeypatch.context() as patch:
        patch.setattr(_PROGRAM, broken)
        assert shipped_reader() == NoReader("ENGINE", "its process does not start")
        assert "the engine does not start (its process does not start)" in caplog.text
        passing[0] += 9
        assert isinstance(shipped_reader(), NoReader)
        passing[0] += 2
        assert isinstance(shipped_reader(), NoReader)
        assert _starts(broken) == 2, "no text waits for a start that has just failed"
        passing[0] += 11
        assert isinstance(shipped_reader(), NoReader)
        assert _starts(broken) == 2, "each failure doubles the wait"
    passing[0] += 11
    assert isinstance(shipped_reader(), TextReader)
    assert "the engine has started" in caplog.text


def test_the_stages_do_not_wait_for_a_slow_start(
    tmp_path: Path,
    passing: list[float],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A desk's own model whose start hung stopped all of them for two minutes at a time."""
    slow = tmp_path / "python"
    slow.write_text(
        f'#!/bin/sh\nwhile [ ! -e {tmp_path}/go ]; do sleep 0.1; done\nexec {sys.executable} "$@"\n'
    )
    slow.chmod(0o755)
    monkeypatch.setattr(_PROGRAM, str(slow))
    monkeypatch.setattr(engine.log, "handlers", [caplog.handler])
    monkeypatch.setattr(engine, "_PATIENCE", 0.5)
    engine.start_beside()
    began = time.monotonic()
    for _ in range(3):
        assert shipped_reader() == NoReader("ENGINE", "its process is starting")
    assert time.monotonic() - began < 10
    assert caplog.text.count("the engine is starting") == 1
    (tmp_path / "go").touch()
    assert wait_for(lambda: isinstance(shipped_reader(), TextReader))
    assert "the engine has started" in caplog.text


def test_a_child_that_ended_is_started_before_a_text_is_taken(
    broken: str, passing: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text would spend its attempts on an engine that does not start."""
    held = engine_of_process().engine
    assert isinstance(held, EngineProcess)
    held.stop()
    with monkeypatch.context() as patch:
        patch.setattr(_PROGRAM, broken)
        assert isinstance(shipped_reader(), NoReader)
    passing[0] += 11
    assert isinstance(shipped_reader(), TextReader)


def test_a_child_that_is_killed_while_it_waits_costs_no_text(passing: list[float]) -> None:
    held = engine_of_process()
    assert isinstance(held.engine, EngineProcess)
    pid = held.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert held.tokens(["The next text has another child."])[0] > 0


def test_without_the_package_no_process_is_started(
    broken: str, passing: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ENGINE", "no_such_engine")
    monkeypatch.setattr(_PROGRAM, broken)
    with pytest.raises(EngineMissing, match="no_such_engine"):
        engine_of_process()
    assert isinstance(reading.shipped_reader(), NoReader)
    assert not Path(broken).with_name("starts").exists()


class _Ending:
    """An engine that each text ends; it counts them."""

    name, asked = "ending", 0

    def start(self) -> None:
        """It has no process."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += len(texts)
        raise TextUnembedded("ended")

    def tokens(self, texts: Sequence[str]) -> list[int]:
        return [1 for _ in texts]


def test_a_text_that_ended_the_engine_is_not_given_to_it_again_for_a_while(
    passing: list[float],
) -> None:
    ending = _Ending()
    cached = engine.CachedEngine(ending)
    for asked in (1, 1, 2):
        with pytest.raises(TextUnembedded):
            cached.embed(["one"])
        assert ending.asked == asked
        with pytest.raises(TextUnembedded):
            cached.tokens(["one"])
        passing[0] += 301.0
    assert cached.tokens(["another"]) == [1]
