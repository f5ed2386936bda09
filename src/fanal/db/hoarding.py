"""Ends what keeps everybody out of PostgreSQL: sessions of public nodes that hoard locks.

Locks lie in memory that all sessions share, and no right bounds how many a session holds: nested savepoints,
each with a number of its own, fill it in a second; then nobody connects, and no deposit is taken.
"""

import contextlib
import logging
import os
import signal
import time
from pathlib import Path

import psycopg
from procrastinate.contrib.django.utils import connector_params

_PATIENCE = 5.0
"""Seconds in which a session that is told to end does, unless what it runs hears of nothing."""
_BOUNDS = "SET idle_in_transaction_session_timeout = 0; SET statement_timeout = '2s'; SET lock_timeout = '1s'"
log = logging.getLogger("fanal.db")


class HoardingGuard:
    """Looks for such sessions each time it is asked to, on a connection of its own.

    Its one transaction stays open: it holds every lock that the question needs from the first time on, and
    so asks when no other lock is to be had. Between two questions it holds no snapshot.
    """

    def __init__(self) -> None:
        self._session: psycopg.Connection[tuple[int]] | None = None
        self._told: dict[int, float] = {}
        self._failure = ""

    def look(self) -> None:
        """End the sessions that hoard now; one that does not hear of it loses its process."""
        try:
            pids = self._ask()
        except psycopg.Error as failure:
            if self._failure != (name := type(failure).__name__):
                log.warning("nobody looks for hoarded locks: %s", name)
            self._failure = name
            self._start_anew()
            return
        self._failure = ""
        for pid in pids - self._told.keys():
            log.error("session %d of a public node hoarded locks and is ended", pid)
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
            self._session = psycopg.connect(**connector_params(), autocommit=True)
            self._session.execute(_BOUNDS)
            self._session.autocommit = False
        found = self._session.execute("SELECT fanal_end_hoarding()")
        return {pid for (pid,) in found.fetchall()}

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
