"""A process that is killed comes back at once, however often; one that fails by itself waits longer."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from fanal.cli import supervisor
from fanal.cli.supervisor import Child


def ended(tmp_path: Path, program: str, *, kill: bool) -> float:
    """Let a process end five times; return the longest pause before it may start again."""
    child = Child(
        name="child", arguments=[sys.executable, "-c", program], environment=dict(os.environ),
        log=tmp_path / "log",
    )  # fmt: skip
    longest = 0.0
    for _ in range(5):
        child.start()
        assert child.process is not None
        if kill:
            child.process.send_signal(signal.SIGKILL)
        child.process.wait(20)
        assert child.check() == (-signal.SIGKILL if kill else 3)
        longest = max(longest, child.not_before - time.monotonic())
    return longest


@pytest.mark.parametrize(("kill", "least", "most"), [(True, 0.0, 0.5), (False, 3.0, 10.0)])
def test_pauses(tmp_path: Path, kill: bool, least: float, most: float) -> None:
    program = "import time; time.sleep(60)" if kill else "raise SystemExit(3)"
    assert least <= ended(tmp_path, program, kill=kill) <= most


def test_a_process_that_writes_without_end_fills_no_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_LOG_LIMIT", 100_000)
    child = Child(
        name="child",
        arguments=[sys.executable, "-uc", "while True: print('x' * 1000)"],
        environment=dict(os.environ),
        log=tmp_path / "web.log",
    )
    child.start()
    assert child.process is not None
    try:
        for _ in range(50):
            time.sleep(0.02)
            child.bound_log()
        earlier = tmp_path / "web.log.1"
        assert earlier.stat().st_size > 100_000
        assert earlier.stat().st_mode & 0o077 == 0
        assert {path.name for path in tmp_path.iterdir()} == {"web.log", "web.log.1"}
    finally:
        child.process.kill()
        child.process.wait(20)
    child.bound_log()
    assert child.log.stat().st_size <= 100_000
