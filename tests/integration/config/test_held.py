"""A request that holds the interpreter ends its process, and the server starts another: the real server."""

import contextlib
import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from tests.integration.config.test_gate import _answer
from tests.live import free_port, wait_for

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.serial


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a server with one worker."""
    number = free_port()
    arguments = (
        *("tests.integration.config.held_app:application", "--port", str(number)),
        *("--interface", "wsgi", "--workers", "1", "--respawn-failed-workers"),
        *("--blocking-threads", "4", "--no-ws"),
    )
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "granian", *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield number
        finally:
            process.terminate()


def _pid(port: int, path: str = "/") -> int:
    with contextlib.suppress(OSError, http.client.HTTPException):
        status, body, _ = _answer(port, path)
        return int(body) if status == 200 else 0
    return 0


def test_a_process_that_is_held_is_replaced_and_one_that_works_is_not(
    port: int, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    assert wait_for(lambda: _pid(port), seconds=90), log.read_text()
    first = _pid(port)
    assert _pid(port, "/works") == first  # far longer than the lock may be held
    Thread(target=_pid, args=(port, "/holds"), daemon=True).start()
    assert wait_for(lambda: _pid(port) not in {0, first}, seconds=120), log.read_text()
    assert "held_app.py" in log.read_text()  # where it was held
