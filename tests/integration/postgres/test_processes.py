"""Processes of a server's data folder: those of a killed server end soon, a recovery goes first."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fanal.postgres.cluster import Recovery, processes_in, wait_until_nobody_in
from tests.live import wait_for

DEAF = "import signal; signal.signal(signal.SIGQUIT, signal.SIG_IGN); print('deaf', flush=True); "


@contextmanager
def working(folder: Path, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        command, cwd=folder, start_new_session=True, stdout=subprocess.PIPE
    ) as process:
        try:
            assert wait_for(lambda: process.pid in processes_in(folder), seconds=10)
            yield process
        finally:
            process.kill()


def test_the_children_of_a_killed_server_are_waited_for_a_few_seconds(tmp_path: Path) -> None:
    """A session that computes ends at no signal that asks; a start waited 30 s for it."""
    with working(tmp_path, [sys.executable, "-c", DEAF + "import time; time.sleep(120)"]) as deaf:
        assert deaf.stdout is not None
        deaf.stdout.readline()
        begun = time.monotonic()
        assert wait_until_nobody_in(tmp_path)
        assert time.monotonic() - begun < 12


@pytest.mark.skipif(os.geteuid() != 0, reason="only root raises a share of the processors")
@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="a kernel without autogroups")
def test_a_recovery_goes_first_and_then_no_more(tmp_path: Path) -> None:
    def share(process: subprocess.Popen[bytes]) -> str:
        return Path(f"/proc/{process.pid}/autogroup").read_text().split()[-1]

    def named(title: str) -> list[str]:
        return ["/bin/bash", "-c", f"exec -a '{title}' sleep 60"]

    recovery = Recovery(tmp_path)
    with (
        working(tmp_path, named("postgres: startup recovering 00000001")) as startup,
        working(tmp_path, named("postgres: fanal_intake fanal [local] SELECT")) as session,
    ):

        def raised() -> bool:
            recovery.hurry()  # the name is given a moment after the process begins
            return share(startup) == "-10"

        assert wait_for(raised, seconds=10)
        assert share(session) == "0"
        recovery.over()
        assert share(startup) == "0"
