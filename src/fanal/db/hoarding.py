"""Ends what keeps everybody out of PostgreSQL: sessions that hoard locks, or queue for one without a right.

Locks lie in memory that all sessions share, and no right bounds how many a session holds: nested savepoints,
each with a number of its own, fill it in a second; then nobody connects, and no deposit is taken. Who asks
for a lock that no right of theirs allows waits for it all the same: everybody waits behind them.
"""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg
from procrastinate.contrib.django.utils import connector_params

from fanal.kernel.parent import die_with_parent

_PATIENCE = 5.0
"""Seconds in which a session that is told to end does, unless what it runs hears of nothing."""
_BOUNDS = "SET idle_in_transaction_session_timeout = 0; SET statement_timeout = '2s'; SET lock_timeout = '1s'"
_BEAT_SECONDS = 0.25
_CONNECT_SECONDS = 2
_FORK = get_context("fork")
log = logging.getLogger("fanal.db")


class HoardingWatch:
    """Keeps a child process that looks four times a second, whatever its parent waits for meanwhile."""

    def __init__(self) -> None:
        self._child: BaseProcess | None = None

    def keep(self) -> None:
        """Start the child where none is alive."""
        if self._child is None or not self._child.is_alive():
            self._child = _FORK.Process(target=_watch, args=(os.getpid(),), daemon=True)
            self._child.start()

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.join()
        self._child = None


def _watch(parent: int) -> None:
    """Look until the parent is gone; connections of the parent's are not this process's to end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    die_with_parent()
    guard = HoardingGuard()
    try:
        while os.getppid() == parent:
            guard.look()
            time.sleep(_BEAT_SECONDS)
    except Exception as failure:  # noqa: BLE001 - the parent starts the next one; nobody else would tell
        log.critical("who looks for hoarded locks ended: %s", type(failure).__name__)
    finally:
        os._exit(0)


class HoardingGuard:
    """Looks for such sessions each time it is asked to, on a connection of its own.

    Its one transaction stays open: it holds every lock that the question needs from the first time on, and
    so asks when no other lock is to be had. Between two questions it holds no snapshot.
    """

    def __init__(self) -> None:
        self._session: psycopg.Connection[tuple[int]] | None = None
        self._told: dict[int, float] = {}
        self._failure, self._failing_since = "", 0.0

    def look(self) -> None:
        """End the sessions that hoard now; one that does not hear of it loses its process.

        Where no answer comes for five seconds, every session of public nodes on this machine is ended.
        """
        try:
            pids = self._ask()
        except psycopg.Error as failure:
            self._failed(failure)
            self._start_anew()
            return
        self._failure, self._failing_since = "", 0.0
        for pid in pids - self._told.keys():
            log.error("session %d hoarded locks, or queued for one it has no use for: ended", pid)
        self._told = {pid: self._told.get(pid, time.monotonic()) for pid in pids}
        for pid, since in self._told.items():
            if time.monotonic() - since > _PATIENCE:
                self._kill(pid)

    def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            with contextlib.suppress(psycopg.Error):
                self._session.close()
        self._session = None

    def _ask(self) -> set[int]:
        if self._session is None or self._session.closed:
            bounded = connector_params() | {"connect_timeout": _CONNECT_SECONDS}
            self._session = psycopg.connect(**bounded, autocommit=True)
            self._session.execute(_BOUNDS)
            self._session.autocommit = False
        found = self._session.execute("SELECT fanal_end_hoarding()")
        return {pid for (pid,) in found.fetchall()}

    def _failed(self, failure: psycopg.Error) -> None:
        if self._failure != (name := type(failure).__name__):
            log.warning("nobody looks for hoarded locks: %s", name)
        self._failure = name
        # What it lacks a right or a function for waits for nobody.
        if not isinstance(failure, psycopg.OperationalError):
            return
        self._failing_since = self._failing_since or time.monotonic()
        if time.monotonic() - self._failing_since > _PATIENCE:
            for pid in _sessions(_postmaster()):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGTERM)
                    log.critical("no answer: session %d of a public node is ended", pid)

    def _start_anew(self) -> None:
        """Leave a failed transaction; keep the connection, since there may be no place for a new one."""
        try:
            if self._session is not None:
                self._session.rollback()
        except psycopg.Error:
            self.close()

    def _kill(self, pid: int) -> None:
        """Kill the process of a session of our own server: PostgreSQL starts anew, and locks are free."""
        host = self._session.info.host if self._session is not None else ""
        try:
            title = Path(f"/proc/{pid}/cmdline").read_bytes() if host.startswith("/") else b""
            if title.startswith(b"postgres") and b" fanal_intake " in title:
                os.kill(pid, signal.SIGKILL)
                log.critical(
                    "session %d did not end: its process was killed, PostgreSQL restarts", pid
                )
                return
        except OSError as failure:
            log.warning("session %d: %s", pid, type(failure).__name__)
        log.critical(
            "session %d of a public node hoards locks and does not end: kill its process on the "
            "database's machine, and take the LOGIN of fanal_intake away",
            pid,
        )


def _sessions(postmaster: int) -> Iterator[int]:
    """Yield the processes of a server of this machine that serve public nodes; 0 is none."""
    for entry in Path("/proc").iterdir() if postmaster else ():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            title = (entry / "cmdline").read_bytes()
            ours = title.startswith(b"postgres") and b" fanal_intake " in title
            if ours and _parent(int(entry.name)) == postmaster:
                yield int(entry.name)


def _postmaster() -> int:
    """Return the first process of the server, where it listens on a socket of this machine; else 0."""
    where = connector_params()
    lock = Path(str(where.get("host") or "")) / f".s.PGSQL.{where.get('port') or 5432}.lock"
    with contextlib.suppress(OSError, ValueError):
        return int(lock.read_text().split("\n", 1)[0]) if lock.is_absolute() else 0
    return 0


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0
