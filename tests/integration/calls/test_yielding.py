"""Where this machine runs the database, the sessions of public nodes have a lower priority than the desk's."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from fanal.db.yielding import NICE, node_sessions
from tests.live import wait_for

AsRole = Callable[[str], psycopg.Connection[tuple[object, ...]]]


@pytest.mark.django_db(transaction=True)
def test_sessions_of_nodes_give_way_and_no_others(as_role: AsRole) -> None:
    node, worker, owner = as_role("intake"), as_role("worker"), as_role("owner")
    pids = [session.info.backend_pid for session in (node, worker, owner)]
    before = os.getpriority(os.PRIO_PROCESS, pids[1])
    data = Path(f"/proc/{pids[0]}/cwd").resolve()
    assert [pid in node_sessions(data) for pid in pids] == [True, False, False]
    command = [sys.executable, "-m", "fanal.db.yielding", str(data)]
    with subprocess.Popen(command) as process:
        try:
            assert wait_for(lambda: os.getpriority(os.PRIO_PROCESS, pids[0]) == NICE, seconds=10)
        finally:
            process.terminate()
    assert [os.getpriority(os.PRIO_PROCESS, pid) for pid in pids] == [NICE, before, before]


def test_no_server_has_no_sessions(tmp_path: Path) -> None:
    assert not list(node_sessions(tmp_path))
