"""Ends what keeps everybody out of PostgreSQL: sessions that hoard locks, or queue for one without a right.

Locks lie in memory that all sessions share, and no right bounds how many a session holds: nested savepoints,
each with a number of its own, fill it in a second; then nobody connects, and no deposit is taken. Who asks
for a lock that no right of theirs allows waits for it all the same: everybody waits behind them.

PostgreSQL asks a session whether it is to end between rows only: one expression list may take minutes. Where
the server's processes are this machine's, such a session is killed, and PostgreSQL starts anew; the second
time within an hour, or where nothing can be killed the first time, its role is let in no more. A disk that
stalls keeps an honest session from hearing, too: one that had nothing to work out meanwhile counts for half.
"""

import contextlib
import logging
import os
import re
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
from procrastinate.contrib.django.utils import connector_params

from fanal.db.child import KeptChild
from fanal.db.closed import MAY_BE_CLOSED

_PATIENCE = 5.0
"""Seconds in which a session that is told to end does, unless what it runs hears of nothing."""
_HEARS_SOON = 1.0
"""Seconds after which a session that was told to end will probably have to be killed."""
_REMEMBERED = 3600.0
"""Seconds in which a second session that had to be killed costs its role the door."""
_WORKED, _IDLE = 2, 1
"""What a killed session counts for: one that went on working, one of which that is not seen."""
_ENOUGH = 2 * _WORKED
_BOUNDED = (*MAY_BE_CLOSED, "fanal_app")
"""Logins whose sessions lose their process; `_failed` ends those that may be closed, whatever they do."""
_BUSY = 0.5
"""Seconds of work after it was told to end that show of a session that it does not listen."""
_WAITING_COUNTS = 0.2
"""What a second of waiting for a processor counts for: of fifty sessions at once none works half a second."""
_WORKER = re.compile(rb"\Apostgres: .*\bparallel worker for PID (\d+)")
_LONGEST_TRANSACTION = 60.0
"""Seconds that a transaction of a public node may last: an old one keeps rows from being cleared away."""
_BOUNDS = "SET idle_in_transaction_session_timeout = 0; SET statement_timeout = '2s'; SET lock_timeout = '1s'"
_BEAT_SECONDS = 0.25
_CONNECT_SECONDS = 2
_Session = psycopg.Connection[tuple[int, str, str, bool]]
_Work = dict[int, float]
"""Seconds that a session and each parallel worker of its own have worked, by process."""
_SAYS = {
    _WORKED: "session %d of %s did not end: it was killed, PostgreSQL restarts",
    _IDLE: "session %d of %s did not end, nor work: it was killed, PostgreSQL restarts",
    _ENOUGH: (
        "session %d of %s keeps everybody out and does not end: kill its process on the database's machine"
    ),
}
log = logging.getLogger("fanal.db")


class HoardingWatch(KeptChild):
    """Keeps a child process that looks four times a second, whatever its parent waits for meanwhile."""

    def __init__(self) -> None:
        super().__init__(
            lambda: HoardingGuard().look,
            every=_BEAT_SECONDS,
            task="looks for hoarded locks",
            log=log,
        )


class HoardingGuard:
    """Looks for such sessions each time it is asked to, on a connection of its own.

    Its one transaction stays open: it holds every lock that the question needs from the first time on, and
    so asks when no other lock is to be had. Between two questions it holds no snapshot.
    """

    def __init__(self) -> None:
        self._session: _Session | None = None
        self._told: dict[int, float] = {}
        self._deaf: set[int] = set()
        self._killed: dict[str, list[tuple[float, int]]] = {}
        self._dying = (0, "")
        self._written_at = -_REMEMBERED
        self._closing: set[str] = set()
        self._ended: dict[int, _Work] = {}
        self._seen: dict[str, float] = {}
        self._failure, self._failing_since = "", 0.0

    def look(self) -> None:
        """End the sessions that hoard now; one that hears of no end loses its process, its role the door.

        Where no answer comes for five seconds, every session of public nodes and of the auditor on this
        machine is ended, and one that works on regardless loses its process.
        """
        for login in sorted(self._closing):
            self._close(login)
        try:
            found = self._ask()
        except psycopg.Error as failure:
            self._failed(failure)
            self._start_anew()
            return
        self._failure, self._failing_since = "", 0.0
        for pid in found.keys() - self._told.keys():
            log.error("session %d hoarded locks, or queued for one it has no use for: ended", pid)
        now = time.monotonic()
        self._told = {pid: self._told.get(pid, now) for pid in found}
        self._ended = _work(found.keys() - self._ended.keys()) | {
            pid: self._ended[pid] for pid in found if pid in self._ended
        }
        self._deaf &= found.keys()
        self._write_out(now)
        for pid, since in self._told.items():
            if now - since <= _PATIENCE or pid in self._deaf:
                continue
            if self._kill(pid, found[pid]):
                self._told.clear()  # PostgreSQL ends all the others
                return
            # No process of this machine's, nor one that has just ended.
            if now - since > 2 * _PATIENCE:
                self._deaf.add(pid)
                self._answer(pid, found[pid], counts=_ENOUGH)

    def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            with contextlib.suppress(psycopg.Error):
                self._session.close()
        self._session = None

    def _ask(self) -> dict[int, str]:
        """Return who was told to end, with their logins; note since when a node's transactions are seen."""
        if self._session is None or self._session.closed:
            self._session = self._connect()
        now = time.monotonic()
        old = [name for name, since in self._seen.items() if now - since > _LONGEST_TRANSACTION]
        found = self._session.execute(
            "SELECT pid, login, transaction, ended FROM fanal_end_hoarding(%s)", [old]
        ).fetchall()
        self._seen = {name: self._seen.get(name, now) for _, _, name, _ in found if name}
        return {pid: login for pid, login, _, ended in found if ended}

    def _write_out(self, now: float) -> None:
        """Have what lies in memory written out: the start after a kill then reads little of the log again."""
        session, deaf = (
            self._session,
            [since for since in self._told.values() if now - since > _HEARS_SOON],
        )
        if session is None or not deaf or not session.info.host.startswith("/"):
            return
        if now - self._written_at < 2 * _PATIENCE:
            return
        self._written_at = now
        try:
            # Who writes goes on where it takes longer than this session may wait for it.
            with session.transaction():
                session.execute("CHECKPOINT")
        except psycopg.errors.QueryCanceled:
            pass
        except psycopg.Error as failure:
            log.warning("nothing is written out before a kill: %s", type(failure).__name__)

    def _failed(self, failure: psycopg.Error) -> None:
        if self._failure != (name := type(failure).__name__):
            log.warning("nobody looks for hoarded locks: %s", name)
        self._failure = name
        # What it lacks a right or a function for waits for nobody.
        if not isinstance(failure, psycopg.OperationalError):
            return
        self._failing_since = self._failing_since or time.monotonic()
        if time.monotonic() - self._failing_since > _PATIENCE:
            self._end_all()

    def _end_all(self) -> None:
        """End what runs for roles that may be closed; kill what has worked on since it was told."""
        sessions = {} if self._is_dying() else dict(_sessions(_postmaster()))
        work = _work(sessions)
        for pid, login in sessions.items():
            with contextlib.suppress(OSError):
                if pid not in self._ended:
                    log.critical("no answer: session %d of %s is ended", pid, login)
                    os.kill(pid, signal.SIGTERM)
                elif _since(self._ended[pid], work[pid]) > _BUSY:
                    self._end(pid)
                    self._ended.clear()
                    self._answer(pid, login, counts=_WORKED)
                    return
            self._ended.setdefault(pid, work[pid])

    def _start_anew(self) -> None:
        """Leave a failed transaction; keep the connection, since there may be no place for a new one."""
        try:
            if self._session is not None:
                self._session.rollback()
        except psycopg.Error:
            self.close()

    def _kill(self, pid: int, login: str) -> bool:
        """Kill the process of a session of our own server: PostgreSQL starts anew, and locks are free."""
        host = self._session.info.host if self._session is not None else ""
        try:
            if host.startswith("/") and _login(pid) == login:
                worked = _since(self._ended.get(pid, {}), _work([pid])[pid])
                if not self._is_dying():
                    self._end(pid)
                    self._answer(pid, login, counts=_WORKED if worked > _BUSY else _IDLE)
                return True
        except OSError as failure:
            log.warning("session %d: %s", pid, type(failure).__name__)
        return False

    def _end(self, pid: int) -> None:
        self._dying = (pid, _started(pid))
        os.kill(pid, signal.SIGKILL)

    def _is_dying(self) -> bool:
        """Return whether a killed process is still there, as on a disk that stalls; none is killed then."""
        pid, started = self._dying
        return bool(started) and _started(pid) == started

    def _answer(self, pid: int, login: str, *, counts: int) -> None:
        """Say what became of a session that heard of no end; decide whether its role is let in again."""
        now = time.monotonic()
        past = [(at, count) for at, count in self._killed.get(login, ()) if now - at < _REMEMBERED]
        self._killed[login] = [*past, (now, counts)]
        log.critical(_SAYS[counts], pid, login)
        if login in MAY_BE_CLOSED and sum(count for _, count in self._killed[login]) >= _ENOUGH:
            self._closing.add(login)
            self._close(login)

    def _close(self, login: str) -> None:
        """Let a role in no more; the next look tries again where no connection can."""
        for fresh in (True, False):
            session = None
            try:
                session = self._connect() if fresh else self._session
                if session is None:
                    continue
                row = session.execute("SELECT fanal_close_role(%s)", [login]).fetchone()
                session.commit()
            except psycopg.Error:
                continue
            finally:
                if fresh and session is not None:
                    session.close()
            self._closing.discard(login)
            self._start_anew()  # a transaction that lasts does not hear of what changed
            if row and row[0]:
                log.critical(
                    "%s is let in no more: find out who has its password, then 'fanal provision "
                    "--new-passwords', or GRANT CONNECT ON DATABASE as the owner",
                    login,
                )
            else:
                log.critical("%s cannot be kept out: take its LOGIN away", login)
            return

    def _connect(self) -> _Session:
        bounded = connector_params() | {"connect_timeout": _CONNECT_SECONDS}
        session = psycopg.connect(**bounded, autocommit=True)
        session.execute(_BOUNDS)
        session.autocommit = False
        return session


def _sessions(postmaster: int) -> Iterator[tuple[int, str]]:
    """Yield the processes of a server of this machine that serve roles which may be closed; 0 is none."""
    for entry in Path("/proc").iterdir() if postmaster else ():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            login = _login(int(entry.name))
            if login in MAY_BE_CLOSED and _parent(int(entry.name)) == postmaster:
                yield int(entry.name), login


def _login(pid: int) -> str:
    """Return the login, of those that are bounded, which a process serves; empty: none."""
    title = Path(f"/proc/{pid}/cmdline").read_bytes()
    if not title.startswith(b"postgres"):
        return ""
    return next((login for login in _BOUNDED if f" {login} ".encode() in title), "")


def _work(sessions: Iterable[int]) -> dict[int, _Work]:
    """Return how much each session has worked: one may let a process of its own work, and wait for that."""
    found = {pid: {pid: _worked(pid)} for pid in sessions}
    for entry in Path("/proc").iterdir() if found else ():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            worker = _WORKER.match((entry / "cmdline").read_bytes())
            if worker and (leader := int(worker[1])) in found:
                found[leader][int(entry.name)] = _worked(int(entry.name))
    return found


def _since(before: _Work, now: _Work) -> float:
    """Return how much was worked since; what a worker that is gone had done takes nothing off."""
    return sum(max(0.0, worked - before.get(pid, 0.0)) for pid, worked in now.items())


def _worked(pid: int) -> float:
    """Return for how many seconds a process has worked, with a part of those it waited for a processor."""
    own = Path(f"/proc/{pid}")
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = (own / "stat").read_text().rpartition(")")[2].split()
        worked = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        with contextlib.suppress(OSError, ValueError, IndexError):  # not every kernel tells
            worked += _WAITING_COUNTS * int((own / "schedstat").read_text().split()[1]) / 1e9
        return worked
    return 0.0


def _started(pid: int) -> str:
    """Return when a process began, which tells it from later ones of its number; empty: it is gone."""
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    return ""


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
