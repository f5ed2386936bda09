"""A watchdog that ends a web process in which one request holds the interpreter lock (GIL).

A regular expression or a library may hold the lock for minutes; meanwhile the process answers no request and
no health check. The timer of `faulthandler` runs outside the interpreter. A thread inside re-arms it whenever
it gets the lock, as it does in a process that is only slow. The server replaces a process that has ended.
"""

import faulthandler
import threading
import time

HELD = 60.0
"""Seconds without a run of the watchdog's thread after which the process ends."""
_SHARE = 12


def end_when_held(seconds: float = HELD) -> None:
    """Start a watchdog thread that ends this process once the GIL has been held for `seconds`.

    Tracebacks go to standard error. They name files and functions, never request data.
    """

    def keep() -> None:
        while True:
            faulthandler.dump_traceback_later(seconds, exit=True)
            time.sleep(seconds / _SHARE)

    threading.Thread(target=keep, daemon=True, name="held").start()
