"""A process that is killed comes back at once, however often; one that fails by itself waits longer."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanal.cli import supervisor
from fanal.cli.supervisor import Child, Supervisor


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
        # No faster than it must: each file that is full is copied.
        arguments=[
            sys.executable,
            "-uc",
            "import time\nwhile True: print('x' * 1000); time.sleep(0.0005)",
        ],
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


def supervised(child: Child) -> None:
    """Check a child a few times, as `fanal run` does, and end it."""
    watch = Supervisor(children=[child], mend=lambda: None)
    try:
        for _ in range(5):
            watch.beat()
            time.sleep(0.02)
    finally:
        child.signal_group(signal.SIGKILL)


def test_a_full_disk_ends_no_supervisor_and_gets_its_room_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`/dev/full` refuses each octet, as a full disk does."""
    monkeypatch.setattr(supervisor, "_LOG_LIMIT", 100_000)
    log = tmp_path / "web.log"
    log.write_text("x" * 200_000)
    (tmp_path / "web.log.1").symlink_to("/dev/full")
    child = Child(name="web", arguments=["/bin/sleep", "20"], environment={}, log=log)
    supervised(child)
    assert child.process is not None
    assert log.stat().st_size == 0
    assert not (tmp_path / "web.log.1").exists()


def test_a_child_that_cannot_start_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    child = Child(name="web", arguments=["/nowhere"], environment={}, log=tmp_path / "x.log")
    supervised(child)
    assert child.process is None
    assert child.not_before > 0
    assert capsys.readouterr().err.count("web cannot start") == 1


def test_a_child_without_a_log_runs(tmp_path: Path) -> None:
    child = Child(
        name="web", arguments=["/bin/sleep", "20"], environment={}, log=tmp_path / "none" / "x.log"
    )
    supervised(child)
    assert child.process is not None


@pytest.fixture(params=["full disk", "reader gone", "reader waits", "terminal stopped", "closed"])
def unread(request: pytest.FixtureRequest) -> Iterator[int | None]:
    """A descriptor that takes no sentence; None for streams that were closed at the start."""
    with contextlib.ExitStack() as opened:
        if request.param == "full disk":
            yield opened.enter_context(Path("/dev/full").open("w")).fileno()
        elif request.param == "closed":
            yield None
        else:
            far, near = pty.openpty() if "terminal" in request.param else os.pipe()
            opened.callback(os.close, near)
            if request.param == "reader gone":
                os.close(far)
            else:
                opened.callback(os.close, far)
            if request.param == "reader waits":
                os.set_blocking(near, False)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        os.write(near, bytes(1024))
                os.set_blocking(near, True)
            if request.param == "terminal stopped":
                termios.tcflow(near, termios.TCOOFF)
            yield near


def test_a_sentence_that_nobody_can_read_ends_nothing_and_is_not_waited_for(
    unread: int | None,
) -> None:
    program = (
        "from fanal.cli.supervisor import announce, say\n"
        "import os\n"
        "for _ in range(3): say('a child ended'); announce('the address')\n"
        "os._exit(7)\n"
    )
    command = [sys.executable, "-c", program]
    if unread is None:
        command = ["/bin/sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command]
    with subprocess.Popen(command, stdout=unread, stderr=unread) as process:
        try:
            assert process.wait(30) == 7
        finally:
            process.kill()
