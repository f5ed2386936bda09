"""A child process that ends with its parent, even after a kill of the parent."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel (Linux, `PR_SET_PDEATHSIG`) to send this process a signal when its parent ends.

    Otherwise a surviving child would keep the network port.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)
