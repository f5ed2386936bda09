"""A guard against sessions that block the database by many locks, or by requests for forbidden locks.

Locks lie in shared memory, and no privilege limits their number in a session: nested savepoints, each with a
transaction number of its own, fill the lock table in a second. Then nobody can connect, and no report is
accepted. A session that requests a lock without the privilege for it nevertheless waits in the lock queue,
and blocks every session behind it. PostgreSQL checks for interrupts between rows only: a single list of
expressions may take minutes.

A session that does not end on request is killed, if the server runs on this machine; PostgreSQL then
restarts. After a second kill within an hour, or at once if no kill is possible, the session's role loses its
right to connect. A stalled disk also keeps a harmless session from checking for interrupts: the kill of a
session that used no CPU meanwhile counts half.
"""

import contextlib
import logging
import os
import re
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psycopg
from procrastinate.contrib.django.utils import connector_params

from fanal.db.child import KeptChild
from fanal.db.closed import MAY_BE_CLOSED
from fanal.db.processes import login_of, sessions_of
from fanal.db.silence import SilenceTimer

_PATIENCE = 5.0
"""Seconds that a terminated session has to end; afterwards it is killed."""
_HEARS_SOON = 1.0
"""Seconds after which a terminated session will probably have to be killed."""
_REMEMBERED = 3600.0
"""Seconds within which a second killed session costs its role the right to connect."""
_WORKED, _IDLE = 2, 1
"""Weight of a killed session: with CPU use after its termination, and without."""
_ENOUGH = 2 * _WORKED
_BOUNDED = (*MAY_BE_CLOSED, "fanal_app")
"""Logins whose processes may be killed; `_failed` ends those in `MAY_BE_CLOSED` unconditionally."""
_BUSY = 0.5
"""Seconds of CPU use after termination that prove that a session ignores it."""
_WAITING_COUNTS = 0.2
"""Part of the time in the run queue that counts as CPU use: among many busy sessions each gets little."""
_WORKER = re.compile(rb"\Apostgres: .*\bparallel worker for PID (\d+)")
_LONGEST_TRANSACTION = 60.0
"""Longest transaction of a public node, in seconds: an old one keeps VACUUM from removing dead rows."""
_BOUNDS = "SET idle_in_transaction_session_timeout = 0; SET statement_timeout = '2s'; SET lock_timeout = '1s'"
_BEAT_SECONDS = 0.25
_CONNECT_SECONDS = 2
_SILENT_SECONDS = 20.0
"""Seconds without an answer after which the guard's connection counts as lost; statements time out before."""
_Session = psycopg.Connection[tuple[int, str, str, bool]]
_Work = dict[int, float]
"""Seconds of work of a session and of each of its parallel workers, by process id."""
_SAYS = {
    _WORKED: "session %d of %s did not end: it was killed, PostgreSQL restarts",
    _IDLE: "session %d of %s did not end, nor work: it was killed, PostgreSQL restarts",
    _ENOUGH: (
        "session %d of %s keeps everybody out and does not end: kill its process on the database's machine"
    ),
}
log = logging.getLogger("fanal.db")


def _begin() -> Callable[[], None]:
    guard = HoardingGuard()
    timer = SilenceTimer(seconds=_SILENT_SECONDS, session=lambda: guard.session)
    timer.begin()

    def look() -> None:
        timer.start()
        guard.look()
        timer.rest()

    return look


class HoardingWatch(KeptChild):
    """Supervises a child process that ends blocking database sessions, four times a second.

    The child calls `HoardingGuard.look`.
    """

    def __init__(self) -> None:
        super().__init__(
            _begin,
            every=_BEAT_SECONDS,
            task="looks for hoarded locks",
            log=log,
        )


class HoardingGuard:
    """Finds and ends database sessions that block others, over a connection of its own.

    Its only transaction stays open: it keeps all locks that the query needs, and so works when no other lock
    is available. Between two queries it holds no snapshot.
    """

    def __init__(self) -> None:
        self.session: _Session | None = None
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
        """End the sessions that block others, or last too long; kill one that does not end in five seconds.

        Call it several times a second. A kill needs the database server on this machine, and restarts
        PostgreSQL. If sessions of public nodes (servers on the internet that take reports) or of the auditor
        must be killed repeatedly, or cannot be killed from here and ignore their end for ten seconds, their
        role is closed: it may no longer connect (`fanal.db.closed`). If the query fails for five seconds
        because the database does not answer, every session of these roles on this machine is ended, and one
        that continues to work is killed.
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
                self._told.clear()  # PostgreSQL ends all other sessions
                return
            # Not a process of this machine, and not one that has just ended.
            if now - since > 2 * _PATIENCE:
                self._deaf.add(pid)
                self._answer(pid, found[pid], counts=_ENOUGH)

    def close(self) -> None:
        """Close the connection."""
        if self.session is not None:
            with contextlib.suppress(psycopg.Error):
                self.session.close()
        self.session = None

    def _ask(self) -> dict[int, str]:
        """End the sessions that block others, and return the logins of the sessions ended, by process id.

        Also record since when each transaction is seen, so that the next query ends those that last too long.

        Raises:
            psycopg.Error: the database does not answer.
        """
        if self.session is None or self.session.closed:
            self.session = self._connect()
        now = time.monotonic()
        old = [name for name, since in self._seen.items() if now - since > _LONGEST_TRANSACTION]
        found = self.session.execute(
            "SELECT pid, login, transaction, ended FROM fanal_end_hoarding(%s)", [old]
        ).fetchall()
        self._seen = {name: self._seen.get(name, now) for _, _, name, _ in found if name}
        return {pid: login for pid, login, _, ended in found if ended}

    def _write_out(self, now: float) -> None:
        """Run a checkpoint if a kill is near, so that the recovery after it has little of the log to replay.

        A kill is near when a session has ignored its termination for a while. `now` is a monotonic instant.
        """
        session, deaf = (
            self.session,
            [since for since in self._told.values() if now - since > _HEARS_SOON],
        )
        if session is None or not deaf or not session.info.host.startswith("/"):
            return
        if now - self._written_at < 2 * _PATIENCE:
            return
        self._written_at = now
        try:
            # The checkpointer continues if it takes longer than this session's statement timeout.
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
        # A missing privilege or function is not a blocked database.
        if not isinstance(failure, psycopg.OperationalError):
            return
        self._failing_since = self._failing_since or time.monotonic()
        if time.monotonic() - self._failing_since > _PATIENCE:
            self._end_all()

    def _end_all(self) -> None:
        """End all sessions of public nodes and of the auditor on this machine.

        Kill one that continues to work after that.
        """
        sessions = {} if self._is_dying() else dict(sessions_of(_postmaster(), MAY_BE_CLOSED))
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
        """Roll back a failed transaction; keep the connection, because a new one may be impossible."""
        try:
            if self.session is not None:
                self.session.rollback()
        except psycopg.Error:
            self.close()

    def _kill(self, pid: int, login: str) -> bool:
        """Kill a session's process (`pid`, of role `login`) if the server runs here.

        Return whether a killed process is ending. One that is already dying counts: no second one is killed
        meanwhile. PostgreSQL then restarts and frees all locks.
        """
        host = self.session.info.host if self.session is not None else ""
        try:
            if host.startswith("/") and login_of(pid, _BOUNDED) == login:
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
        """Return whether a killed process still exists, as on a stalled disk; no other is killed then."""
        pid, started = self._dying
        return bool(started) and _started(pid) == started

    def _answer(self, pid: int, login: str, *, counts: int) -> None:
        """Log the outcome for a session (`pid` of role `login`) that ignored its termination.

        `counts` is the weight of the case (`_WORKED`, `_IDLE`, `_ENOUGH`); at `_ENOUGH` in an hour the role
        is closed.
        """
        now = time.monotonic()
        past = [(at, count) for at, count in self._killed.get(login, ()) if now - at < _REMEMBERED]
        self._killed[login] = [*past, (now, counts)]
        log.critical(_SAYS[counts], pid, login)
        if login in MAY_BE_CLOSED and sum(count for _, count in self._killed[login]) >= _ENOUGH:
            self._closing.add(login)
            self._close(login)

    def _close(self, login: str) -> None:
        """Revoke the right of a role (`login`) to connect, over a new connection or else over the open one.

        If neither works, the next `look` tries again.
        """
        for fresh in (True, False):
            session = None
            try:
                session = self._connect() if fresh else self.session
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
            self._start_anew()  # an open transaction does not see the change
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


def _work(sessions: Iterable[int]) -> dict[int, _Work]:
    """Return the seconds of work of each session: for each process id of `sessions`, those of its processes.

    The inner mapping is by process id: the session's own process and its parallel workers.
    """
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
    """Return the seconds of work that one session did between two measurements of its processes (`_work`).

    A worker process that has ended meanwhile subtracts nothing.
    """
    return sum(max(0.0, worked - before.get(pid, 0.0)) for pid, worked in now.items())


def _worked(pid: int) -> float:
    """Return the CPU seconds of process `pid` and a part of its time in the run queue; 0 if it has ended."""
    own = Path(f"/proc/{pid}")
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = (own / "stat").read_text().rpartition(")")[2].split()
        worked = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        with contextlib.suppress(OSError, ValueError, IndexError):  # not on every kernel
            worked += _WAITING_COUNTS * int((own / "schedstat").read_text().split()[1]) / 1e9
        return worked
    return 0.0


def _started(pid: int) -> str:
    """Return the start time of process `pid`, as text from /proc; empty if it has ended.

    It distinguishes processes that had the same id.
    """
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    return ""


def _postmaster() -> int:
    """Return the process id of PostgreSQL's main process, if our server is local (Unix socket); else 0."""
    where = connector_params()
    lock = Path(str(where.get("host") or "")) / f".s.PGSQL.{where.get('port') or 5432}.lock"
    with contextlib.suppress(OSError, ValueError):
        return int(lock.read_text().split("\n", 1)[0]) if lock.is_absolute() else 0
    return 0
