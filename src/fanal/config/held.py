"""Ends a process of the web whose interpreter one request holds, so that the server starts another.

A regular expression or a library may hold the interpreter's lock for minutes: no other request is answered,
nor the question after health. The timer of `faulthandler` runs outside the interpreter. A thread within sets
it again as long as it gets the lock at all, which it does in a process that is merely slow.
"""

import faulthandler
import threading
import time

HELD = 60.0
"""Seconds for which no thread of the interpreter runs but one."""
_SHARE = 12


def end_when_held(seconds: float = HELD) -> None:
    """End this process once its lock was held for so many seconds; where, goes to standard error.

    That names files and functions, never what was sent.
    """

    def keep() -> None:
        while True:
            faulthandler.dump_traceback_later(seconds, exit=True)
            time.sleep(seconds / _SHARE)

    threading.Thread(target=keep, daemon=True, name="held").start()
