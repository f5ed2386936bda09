"""Sessions of a server are found among its child processes."""

import os
import subprocess
import sys
from pathlib import Path

from fanal.db.processes import all_with_parent, children_of, sessions_of
from tests.live import wait_for


def test_children_are_found_in_one_file_and_without_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        try:
            assert child.pid in children_of(os.getpid())
            assert child.pid in all_with_parent(os.getpid())
            assert [*children_of(child.pid)] == [*all_with_parent(child.pid)] == []
        finally:
            child.kill()


def test_a_server_that_is_gone_has_no_sessions() -> None:
    assert list(sessions_of(0, ["fanal_intake"])) == []
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    assert list(sessions_of(gone.pid, ["fanal_intake"])) == []


def test_only_sessions_of_the_logins_asked_for() -> None:
    code = "import os, sys; os.execv(sys.executable, ['postgres: fanal_intake fanal [local] idle', '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as session:
        try:
            title = Path(f"/proc/{session.pid}/cmdline")
            assert wait_for(lambda: title.read_bytes().startswith(b"postgres"))
            found = dict(sessions_of(os.getpid(), ["fanal_auditor", "fanal_intake"]))
            assert found == {session.pid: "fanal_intake"}
            assert dict(sessions_of(os.getpid(), ["fanal_auditor"])) == {}
        finally:
            session.kill()
