"""Processes as Linux tells of them in /proc (proc(5)): whose child, which command, how much memory."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Memory(NamedTuple):
    """Bytes that a process holds: all that is resident, and what is its own (no file, nothing shared)."""

    resident: int
    own: int


def stat_of(pid: int) -> list[list[str]]:
    """Return what /proc tells of a process from its state on, nothing when it is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    return [text.rpartition(")")[2].split()]


def children_of(parent: int) -> list[int]:
    """Return the ids of the live processes that `parent` started, in order."""
    pids = (int(name) for name in os.listdir(_PROC) if name.isdigit())  # noqa: PTH208 - names only
    return sorted(pid for pid in pids for found in stat_of(pid) if int(found[1]) == parent)


def command_of(pid: int) -> str:
    """Return the command of a process, empty when it is gone."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def memory_of(pid: int) -> Memory | None:
    """Return the memory of a process, None when it is gone or ending."""
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return None
    found = {name: int(text.split()[0]) << 10 for line in lines
             for name, _, text in [line.partition(":")] if name in {"VmRSS", "RssAnon"}}  # fmt: skip
    return Memory(found["VmRSS"], found["RssAnon"]) if len(found) == 2 else None


def forget_most_resident() -> int:
    """Let `most_resident` of this process count from now on; return what is resident now, in bytes."""
    (_PROC / "self" / "clear_refs").write_text("5")
    return most_resident()


def most_resident() -> int:
    """Return the most that was ever resident of this process at once, in bytes."""
    lines = (_PROC / "self" / "status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def waited_for_core(*pids: int) -> float:
    """Return for how many seconds the first threads of processes were ready and had no core (sched-stats).

    A process that is gone adds nothing.
    """
    waited = 0
    for pid in pids:
        with suppress(OSError):
            waited += int((_PROC / str(pid) / "schedstat").read_text().split()[1])
    return waited / 1e9


def server_process() -> int:
    """Return the process of PostgreSQL that serves Django's connection."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
