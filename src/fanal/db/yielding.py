"""Lowers the priority of PostgreSQL sessions of public nodes: calls for a child in danger get a processor.

Linux shares its processors among sessions of processes (autogroups), and each session of PostgreSQL is one:
a compromised node with forty sessions has forty shares, the process that sends the calls a single one.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

NICE: Final = 10
"""A tenth of the processor time of a process with the usual 0; sched(7)."""


class NodesYield:
    """Lowers the priority of each process once; if the kernel postpones it, the next call tries again."""

    def __init__(self) -> None:
        self._lowered: set[int] = set()

    def look(self, pids: Iterable[int]) -> None:
        """Lower the priority of the processes `pids`, except those lowered by an earlier call."""
        present = set(pids)
        self._lowered &= present
        for pid in present - self._lowered:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.setpriority(os.PRIO_PROCESS, pid, NICE)
            try:
                # Unprivileged, one write in a tenth of a second: the others get EAGAIN.
                Path(f"/proc/{pid}/autogroup").write_text(str(NICE), "ascii")
            except BlockingIOError:
                return
            except OSError:
                pass  # gone, or a kernel without autogroups: there the priority alone counts
            self._lowered.add(pid)
