"""Processes that still use a PostgreSQL data folder: a killed server's children survive for a while."""

import contextlib
import os
import signal
import time
from pathlib import Path

from fanal.kernel.process import FIRST, share_of_processors

PROC = Path("/proc")
_STEPS = ((None, 0.5), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 15.0))
"""Signals to the children of a killed server, each with the seconds to wait: a start waits for them."""
_PAUSE = 0.05
_RECOVERING = (b"startup", b"checkpointer")


def processes_in(folder: Path) -> set[int]:
    """Return the ids of live processes with the working directory `folder`.

    Every PostgreSQL process changes to its data folder; zombies have no working directory.
    """
    found = set()
    for entry in PROC.iterdir() if PROC.is_dir() else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.readlink(entry / "cwd") == str(folder):  # noqa: PTH115 - keeps "(deleted)"
                    found.add(int(entry.name))
    return found


def works_in(pid: int, folder: Path) -> bool:
    """Return whether process `pid` is alive and, where /proc exists, has the working directory `folder`.

    Without /proc, any live process with this id counts.
    """
    if PROC.is_dir():
        try:
            return os.readlink(PROC / str(pid) / "cwd") == str(folder)  # noqa: PTH115
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def wait_until_nobody_in(folder: Path) -> bool:
    """Wait until no process has the working directory `folder`; return whether all have ended.

    After half a second the remaining ones get SIGQUIT, two seconds later SIGKILL; the last wait is 15
    seconds.
    """
    for number, seconds in _STEPS:
        if number is not None:
            _signal_all(processes_in(folder), number)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not processes_in(folder):
                return True
            time.sleep(_PAUSE)
    return False


def _signal_all(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Recovery:
    """The processes in which a starting PostgreSQL server recovers its data, with raised priority until then.

    The start of the desk, and with it the alarm calls, waits for them. Without root, nothing is raised.
    """

    def __init__(self, folder: Path) -> None:
        """Prepare for the server with the data folder `folder`; no priority is raised yet."""
        self._folder, self._raised = folder, set[int]()

    def hurry(self) -> None:
        """Give each recovering process, once, ten times the usual share of the processors.

        To be called repeatedly. Without root, nothing happens.
        """
        for pid in processes_in(self._folder) - self._raised if os.geteuid() == 0 else ():
            with contextlib.suppress(OSError):
                title = (PROC / str(pid) / "cmdline").read_bytes()
                if any(word in title for word in _RECOVERING):
                    share_of_processors(pid, FIRST)
                    self._raised.add(pid)

    def over(self) -> None:
        """Give the processes whose priority `hurry` raised, if still alive, the usual share again."""
        for pid in self._raised & processes_in(self._folder):
            share_of_processors(pid, 0)
