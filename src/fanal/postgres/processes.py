"""Processes that still use a data folder: a killed postmaster leaves children for a while."""

import contextlib
import os
import signal
import time
from pathlib import Path

PROC = Path("/proc")
_PATIENCE = 15.0
_PAUSE = 0.05


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
    """Return whether process `pid` is alive and, where /proc exists, has the working directory `folder`."""
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
    """Wait until no process works in the data folder `folder`; send SIGQUIT, then SIGKILL to any that remain.

    Returns whether all of them ended.
    """
    for number in (None, signal.SIGQUIT, signal.SIGKILL):
        if number is not None:
            _signal_all(processes_in(folder), number)
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            if not processes_in(folder):
                return True
            time.sleep(_PAUSE)
    return False


def _signal_all(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
