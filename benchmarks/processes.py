"""Processes as read from Linux's /proc (proc(5)): children, command, memory, CPU."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Memory(NamedTuple):
    """Memory of a process in bytes: what is `resident`, and of this its `own` (neither file nor shared)."""

    resident: int
    own: int


def stat_of(pid: int) -> list[list[str]]:
    """Return the fields of /proc/PID/stat from the process state on, as the only element of a list.

    The list is empty if the process has ended.
    """
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    return [text.rpartition(")")[2].split()]


def children_of(parent: int) -> list[int]:
    """Return the ids of the live child processes of `parent`, ascending."""
    pids = (int(name) for name in os.listdir(_PROC) if name.isdigit())  # noqa: PTH208 - names only
    return sorted(pid for pid in pids for found in stat_of(pid) if int(found[1]) == parent)


def command_of(pid: int) -> str:
    """Return the command line of a process, "" if it has ended."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def memory_of(pid: int) -> Memory | None:
    """Return the memory of a process, None if it has ended or is ending."""
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return None
    found = {name: int(text.split()[0]) << 10 for line in lines
             for name, _, text in [line.partition(":")] if name in {"VmRSS", "RssAnon"}}  # fmt: skip
    return Memory(found["VmRSS"], found["RssAnon"]) if len(found) == 2 else None


def forget_most_resident() -> int:
    """Reset the peak that `most_resident` returns for this process; return the bytes resident now."""
    (_PROC / "self" / "clear_refs").write_text("5")
    return most_resident()


def most_resident() -> int:
    """Return the peak of resident memory of this process, in bytes."""
    lines = (_PROC / "self" / "status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def waited_for_core(*pids: int) -> float:
    """Return the seconds for which the main threads of processes were ready to run but had no processor core.

    Read from /proc/PID/schedstat. A process that has ended adds nothing.
    """
    waited = 0
    for pid in pids:
        with suppress(OSError):
            waited += int((_PROC / str(pid) / "schedstat").read_text().split()[1])
    return waited / 1e9


def server_process() -> int:
    """Return the id of the PostgreSQL process that serves Django's connection."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
