"""Settings of the running process: garbage collector, end with its parent, processor share, watchdog.

The garbage collector is off during imports: modules create many lasting objects and no garbage, and the
collections would take a quarter of the start of a command.

Commands may run as root while web and worker have their own account. New files in the vault or the log must
stay readable for that account: `follow_folder` gives them to the owner of their folder.

A watchdog ends a web process in which one request holds the interpreter lock (GIL). A regular expression or a
library may hold it for minutes; meanwhile the process answers no request and no health check. The timer of
`faulthandler` runs outside the interpreter. A thread inside it restarts the timer whenever it gets the lock,
as it also does in a process that is only slow. The server replaces a process that has ended.
"""

import ctypes
import faulthandler
import gc
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def loading() -> Iterator[None]:
    """Disable the garbage collector in the block (imports); then exempt all objects present from collection.

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
    """Ask Linux (`PR_SET_PDEATHSIG`) to send this process the signal `number` when its parent ends.

    Otherwise a surviving child would keep the network port. Without effect on other systems.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)


FIRST = -10
"""Priority of the alarm calls, and of what they wait for: ten times the usual share of the processors."""
_PAUSE_SECONDS = 0.1
"""Seconds that the kernel requires between two writes of an unprivileged account."""


def share_of_processors(pid: int | str, nice: int) -> int | None:
    """Set the priority of a process's session (Linux autogroup) to `nice`, and return the former one.

    Linux divides its processors by session: 10 is a tenth of the usual share, -10 ten times as much, which
    only root may set (sched(7)). `pid` is a process id, or "self". Returns None, and changes nothing, without
    such a process, the privilege, or autogroups.
    """
    while True:
        try:
            place = Path(f"/proc/{pid}/autogroup")
            before = _nice_in(place)
            place.write_text(str(nice), "ascii")
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        except OSError:
            return None
        else:
            return before


def _nice_in(place: Path) -> int:
    found = re.search(r"nice (-?\d{1,2})", place.read_text("ascii"))
    return int(found[1]) if found else 0


def take_own_share() -> None:
    """Start a new session for this process, so that it has its own share of the processors, the usual one.

    Does nothing if the parent's session has a greater share: a new session could not have it without root.

    Raises:
        PermissionError: the process already leads a process group (`os.setsid`).
    """
    try:
        raised = _nice_in(Path("/proc/self/autogroup")) < 0
    except OSError:
        raised = False
    if not raised:
        os.setsid()


@contextmanager
def hurried(nice: int) -> Iterator[None]:
    """Run the block with the session's priority `nice` (Linux autogroup), then restore the former priority.

    If the former priority was `nice` too, the usual one (0) is set afterwards. Without root, the block runs
    with unchanged priority.
    """
    before = share_of_processors("self", nice)
    try:
        yield
    finally:
        if before is not None:
            # Of two starts in one session the later one finds the priority of the first: the usual is due.
            share_of_processors("self", 0 if before == nice else before)


def follow_folder(path: Path) -> None:
    """Set the owner of `path`, just created, to that of its folder, if the caller is root.

    Raises:
        OSError: the owner cannot be set.
    """
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)


HELD = 60.0
"""Seconds without a run of the watchdog's thread after which the process ends."""
_HELD_SHARE = 12


def end_when_held(seconds: float = HELD) -> None:
    """Start a watchdog thread that ends this process once the GIL has been held for `seconds`.

    Tracebacks go to standard error. They name files and functions, never request data.
    """

    def keep() -> None:
        while True:
            faulthandler.dump_traceback_later(seconds, exit=True)
            time.sleep(seconds / _HELD_SHARE)

    threading.Thread(target=keep, daemon=True, name="held").start()
