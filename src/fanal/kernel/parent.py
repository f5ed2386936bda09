"""A child process that ends with its parent, however the parent ended."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel to stop this process by a signal when its parent is killed: it would keep the port."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)
