"""The process itself: its garbage collector during imports, and its end with its parent.

Modules create many lasting objects and no garbage: the collections would take a quarter of the start of a
command.
"""

import ctypes
import gc
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


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
