"""The process itself: its garbage collector during imports, its end with its parent, its share of processors.

Modules create many lasting objects and no garbage: the collections would take a quarter of the start of a
command.
"""

import ctypes
import gc
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def loading() -> Iterator[None]:
    """Disable the garbage collector within the context; at its end, exempt all present objects from it.

    Without effect if it was already disabled.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.enable()


_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel (Linux, `PR_SET_PDEATHSIG`) to send this process a signal when its parent ends.

    `number` is the signal. Otherwise a surviving child would keep the network port.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)


_PAUSE_SECONDS = 0.1
"""Seconds that the kernel requires between two writes of an unprivileged account."""


def share_of_processors(pid: int | str, nice: int) -> int:
    """Set the priority of a process's session (Linux autogroup) to `nice`; return the former one, else 0.

    Linux divides its processors by session: 10 is a tenth of the usual share, -10 ten times as much, which
    takes root (sched(7)). `pid` is a process id, or "self". Without effect where there is no such process,
    privilege or autogroup.
    """
    while True:
        try:
            place = Path(f"/proc/{pid}/autogroup")
            before = re.search(r"nice (-?\d{1,2})", place.read_text("ascii"))
            place.write_text(str(nice), "ascii")
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        except OSError:
            return 0
        else:
            return int(before[1]) if before else 0


@contextmanager
def hurried(nice: int) -> Iterator[None]:
    """Run the block with the session's priority `nice`, as in `share_of_processors`; then as before."""
    before = share_of_processors("self", nice)
    try:
        yield
    finally:
        # Of two starts in one session the later one finds the priority of the first: the usual one is due.
        share_of_processors("self", 0 if before == nice else before)
