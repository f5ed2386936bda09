"""A process that lowers the priority of the PostgreSQL sessions of public nodes, for the desk's own work.

A public node is a server on the internet that takes reports. Linux divides its processors among sessions of
processes (autogroups), and each session of PostgreSQL is one. A compromised node with forty database sessions
would have forty shares, the process that sends the alarm calls a single one. Where `fanal run` runs the
database, it starts this module before all other processes: during a flood of requests, a later start would
take as long as the flood.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from fanal.db.processes import sessions_of
from fanal.kernel.process import die_with_parent, share_of_processors

NICE: Final = 10
"""Priority that gives a tenth of the processor time of a process with the usual 0; sched(7)."""
_BEAT_SECONDS = 0.25
_NODE = "fanal_intake"


class NodesYield:
    """Lowers the processor priority of given processes, once each.

    It sets `nice` and, on Linux, the share of the process's session (autogroup).
    """

    def __init__(self) -> None:
        self._lowered: set[int] = set()

    def look(self, pids: Iterable[int]) -> None:
        """Lower the priority of the processes `pids`, except those lowered by an earlier call."""
        present = set(pids)
        self._lowered &= present
        new = present - self._lowered
        for pid in new:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.setpriority(os.PRIO_PROCESS, pid, NICE)
        for pid in new:
            share_of_processors(pid, NICE)
            self._lowered.add(pid)


def node_sessions(data: Path) -> Iterator[int]:
    """Yield the process ids of the public nodes' database sessions on the server with the data folder `data`.

    A public node is a server on the internet that takes reports. Nothing is yielded if the server does not
    run.
    """
    try:
        postmaster = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return
    yield from (pid for pid, _ in sessions_of(postmaster, [_NODE]))


def main() -> None:
    """Lower the priority of the public nodes' database sessions four times a second, without end.

    `sys.argv[1]` is the data folder of the PostgreSQL server.
    """
    die_with_parent()
    nodes, data = NodesYield(), Path(sys.argv[1])
    while True:
        nodes.look(node_sessions(data))
        time.sleep(_BEAT_SECONDS)


if __name__ == "__main__":
    main()
