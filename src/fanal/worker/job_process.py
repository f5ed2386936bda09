"""The job process, separate from the stages, and the keeper process that kills it when a job hangs.

A regular expression or a library may hold the interpreter lock (GIL) for minutes. Schedule, fetches and
notices then stop, and so would the stages in the same interpreter. A worker therefore forks a *keeper* before
it opens any connection. The keeper forks the job process and supervises it: twice a second it reads from
shared memory when the event loop last ran and which thread runs which job. It kills a process whose loop is
blocked; the next process postpones the responsible job (`give_back`). Forks share the memory of loaded
code. Without /proc only silence is detected, not its cause.
"""

import logging
import mmap
import os
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn

import psycopg
from procrastinate.connector import BaseConnector
from procrastinate.manager import JobManager
from psycopg.errors import UniqueViolation

from fanal.kernel import clock
from fanal.kernel.process import die_with_parent

# Liveness of the workers that send, so that a message of a dead process is sent again at once.
#
# Each job worker holds an advisory lock of PostgreSQL for its lifetime. The server releases it the moment
# the process ends, in whatever way: no heartbeat must time out, and no living worker counts as dead.

SENDS_QUEUE = "alarms"
"""The only queue whose jobs are returned at once: a scheduled job may itself have killed its worker."""

_LOCK = 0x464E4A57
_HANDS = """
    SELECT DISTINCT worker_id FROM procrastinate_jobs
    WHERE status = 'doing' AND queue_name = %s AND worker_id IS DISTINCT FROM %s
"""
_IN_HAND = """
    SELECT id FROM procrastinate_jobs
    WHERE status = 'doing' AND queue_name = %s AND worker_id IS NOT DISTINCT FROM %s
"""
_Session = psycopg.AsyncConnection[tuple[int]]


class LivingJobs(JobManager):
    """Job manager of Procrastinate (a task queue), which proves by an advisory lock that its worker is alive.

    `session`: the connection (autocommit) that holds the PostgreSQL lock; the server releases it when the
    process ends.
    """

    def __init__(self, connector: BaseConnector, session: _Session) -> None:
        super().__init__(connector)
        self._session, self._own = session, -1

    async def register_worker(self) -> int:
        """Register the worker and take its advisory lock, before its first job; return its database id."""
        self._own = await super().register_worker()
        await self._session.execute("SELECT pg_advisory_lock(%s, %s)", [_LOCK, self._own])
        return self._own

    async def give_back(self) -> int:
        """Requeue the unfinished sends of dead workers; return the number of jobs.

        Raises:
            psycopg.Error: the session is closed, and the lock with it.
        """
        found = await self._session.execute(_HANDS, [SENDS_QUEUE, self._own])
        return sum([await self._give_back(worker_id) for (worker_id,) in await found.fetchall()])

    async def _give_back(self, worker_id: int | None) -> int:
        """Requeue the sends of a worker that does not hold its advisory lock; return the number of jobs.

        `worker_id` is None for a worker that procrastinate has already deleted, long after its death.
        """
        key = [_LOCK, -1 if worker_id is None else worker_id]
        tried = await self._session.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        if await tried.fetchone() != (True,):
            return 0
        found = await self._session.execute(_IN_HAND, [SENDS_QUEUE, worker_id])
        ids = [job_id for (job_id,) in await found.fetchall()]
        for job_id in ids:
            await self.retry_job_by_id_async(job_id=job_id, retry_at=clock.now())
        await self._session.execute("SELECT pg_advisory_unlock(%s, %s)", key)
        return len(ids)


HELD = 60.0
"""Seconds of CPU time that the process may use without a run of its event loop."""
SILENT = 900.0
"""Seconds of wall-clock time without a run of the event loop: longer than any database statement."""
LONGEST = 2 * 3600.0
"""Most seconds of CPU time for a single job."""
_LOOK = 0.5
_STOP = 15.0
_PAUSES = (0.25, 10.0)
_STEADY = 30.0
_BEAT, _HAND = struct.Struct("=dd"), struct.Struct("=qqd")
_PROC = Path("/proc")
log = logging.getLogger("fanal.worker")


class Hand(NamedTuple):
    """A running job: its id, its thread's native id, and that thread's CPU seconds at the start (`cpu`)."""

    job: int
    thread: int
    cpu: float


class Ended(NamedTuple):
    """The jobs that were running when the keeper (supervising process) killed the job process, by id.

    `culprit` is the job that blocked it, None if unknown; `others` are the rest. `reason` says why the
    process was killed, for the log.
    """

    culprit: int | None
    reason: str
    others: tuple[int, ...]


class JobsBoard:
    """Shared memory in which the job process records its event loop's heartbeat and its running jobs.

    `slots`: how many jobs it can hold; further ones are not recorded.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._memory = mmap.mmap(-1, _BEAT.size + slots * _HAND.size)
        self._lock, self._free = threading.Lock(), list(range(slots))
        self.beat()

    def beat(self) -> None:
        """Record a heartbeat of the event loop."""
        self._memory[: _BEAT.size] = _BEAT.pack(time.monotonic(), time.process_time())

    def clear(self) -> None:
        """Reset the record for a new job process: CPU time zero and no running jobs."""
        self._memory[:] = _BEAT.pack(time.monotonic(), 0.0) + bytes(self._slots * _HAND.size)

    @contextmanager
    def holding(self, job: int) -> Iterator[None]:
        """Record a job (its id) and its thread on the board for the block of a `with`.

        The keeper, which supervises this process, thus sees which job blocks it. Without a free slot the job
        is not recorded; it runs all the same.
        """
        with self._lock:
            slot = self._free.pop() if self._free else None
        if slot is None:
            yield
            return
        self._write(slot, Hand(job, threading.get_native_id(), time.thread_time()))
        try:
            yield
        finally:
            self._write(slot, Hand(0, 0, 0.0))
            with self._lock:
                self._free.append(slot)

    def read(self) -> tuple[tuple[float, float], tuple[Hand, ...]]:
        """Return the last heartbeat (monotonic clock, CPU time; both in seconds) and the running jobs."""
        memory = self._memory[:]
        hands = (Hand(*found) for found in _HAND.iter_unpack(memory[_BEAT.size :]))
        return _BEAT.unpack_from(memory), tuple(hand for hand in hands if hand.job)

    def _write(self, slot: int, hand: Hand) -> None:
        start = _BEAT.size + slot * _HAND.size
        self._memory[start : start + _HAND.size] = _HAND.pack(*hand)


class Observer:
    """The keeper's (supervising process's) checks of the job process (id `pid`), from its board and /proc.

    `board` is the shared memory in which that process records heartbeat and running jobs.
    """

    def __init__(self, board: JobsBoard, pid: int) -> None:
        self._board, self._pid = board, pid
        self._beat: tuple[float, float] | None = None
        self._since: dict[int, float] = {}

    def look(self) -> Ended | None:
        """Return why the process must be killed, with its running jobs; None for a healthy process.

        It must be killed if a job takes too much CPU time, or if the event loop is blocked or silent.
        """
        beat, hands = self._board.read()
        used = {hand.thread: _cpu_seconds(self._pid, hand.thread) for hand in hands}
        if beat != self._beat:
            self._beat, self._since = beat, used
        for hand in hands:
            if used[hand.thread] - hand.cpu > LONGEST and hand in self._board.read()[1]:
                return _ended(hand, hands, f"took over {LONGEST:.0f} s of CPU")
        held = _cpu_seconds(self._pid) - beat[1] > HELD
        if not held and time.monotonic() - beat[0] <= SILENT:
            return None
        if self._board.read() != (beat, hands):
            return None
        grown = {hand: used[hand.thread] - self._since.get(hand.thread, hand.cpu) for hand in hands}
        busiest = max(hands, key=grown.__getitem__, default=None)
        culprit = busiest if busiest and grown[busiest] > 0 else None
        what = f"{HELD:.0f} s of CPU" if held else f"{SILENT:.0f} s"
        return _ended(culprit, hands, f"kept every other job waiting for {what}")


def _ended(culprit: Hand | None, hands: tuple[Hand, ...], reason: str) -> Ended:
    others = tuple(hand.job for hand in hands if hand != culprit)
    return Ended(culprit.job if culprit else None, reason, others)


Run = Callable[[threading.Event, JobsBoard, list[Ended]], None]
"""A function that runs jobs until the event is set.

The list holds the jobs of the previous, killed process; the function empties it.
"""


class Keeper:
    """The keeper process, which supervises the job process, seen from the worker that forked it."""

    def __init__(self, run: Run, *, slots: int) -> None:
        """Fork the keeper; its job process calls `run(stop, board, ended)`, with a board for `slots` jobs.

        The keeper supervises that process, which runs schedule and notices.

        `run` works until the event `stop` is set, records its jobs on `board`, and first requeues those of
        the killed process before it (`ended`). No thread may run, and no connection be open, at this time.
        """
        worker = os.getpid()
        self._gone = self._asked = False
        self.pid = os.fork()
        if self.pid == 0:
            _leave(partial(_keep, worker, run, JobsBoard(slots)))

    def is_gone(self) -> bool:
        """Return whether the keeper (supervisor of the job process) has ended; its id may then be reused."""
        self._gone = self._gone or os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return self._gone

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the keeper, which stops the supervised job process: jobs may finish in time."""
        self._asked = True
        if not self.is_gone():
            os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> bool:
        """Wait for the keeper to end, kill it after a limit; return whether `ask_to_stop` was called."""
        end = time.monotonic() + _STOP + 2 * _LOOK
        while not self.is_gone():
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.05)
        return self._asked


def _leave(work: Callable[[], None]) -> NoReturn:
    """Run `work` in this forked child, then exit the process at once, without the parent's cleanup.

    Exit status 1 after an exception, of which only the class is logged.
    """
    status = 1
    try:
        work()
        status = 0
    except Exception as failure:  # noqa: BLE001 - the class name only: messages quote content
        log.error("process of jobs: %s", type(failure).__name__)
    finally:
        os._exit(status)


def _follow(parent: int, number: signal.Signals) -> threading.Event:
    """Have the system send signal `number` to this process when its parent (process id `parent`) ends.

    Return an event that SIGTERM and SIGINT set. If the parent has ended already, the process exits.
    """
    stop = threading.Event()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, lambda *_: stop.set())
    die_with_parent(number)
    if os.getppid() != parent:
        os._exit(0)
    return stop


def _keep(worker: int, run: Run, board: JobsBoard) -> None:
    stop = _follow(worker, signal.SIGTERM)
    keeper, pause = os.getpid(), _PAUSES[0]
    ended: list[Ended] = []
    while not stop.is_set():
        board.clear()
        began, pid = time.monotonic(), os.fork()
        if pid == 0:
            _leave(partial(_be_jobs, keeper, run, board, ended))
        ended = _wait(pid, Observer(board, pid), stop)
        if ended or time.monotonic() - began > _STEADY:
            pause = _PAUSES[0]
        elif not stop.is_set():
            log.error("the process of jobs ended; another one starts")
            time.sleep(pause)
            pause = min(2 * pause, _PAUSES[1])


def _be_jobs(keeper: int, run: Run, board: JobsBoard, ended: list[Ended]) -> None:
    run(_follow(keeper, signal.SIGKILL), board, ended)


def _wait(pid: int, observer: Observer, stop: threading.Event) -> list[Ended]:
    """Wait for the end of the job process; kill it if it hangs, or is slow to stop after `stop` is set.

    `observer` says whether it hangs. Returns its jobs with the reason if it was killed for hanging, else [].
    """
    asked_at = 0.0
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        time.sleep(_LOOK)
        if stop.is_set() and not asked_at:
            asked_at = time.monotonic()
            os.kill(pid, signal.SIGTERM)
        ended = observer.look()
        if ended or (asked_at and time.monotonic() - asked_at > _STOP):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return [ended] if ended else []
    return []


def _cpu_seconds(pid: int, thread: int | None = None) -> float:
    """Return the CPU seconds of process `pid`, or of its thread `thread` (proc(5), stat, fields 14 and 15).

    0 if it has ended or there is no /proc.
    """
    place = _PROC / str(pid) if thread is None else _PROC / str(pid) / "task" / str(thread)
    try:
        fields = (place / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# Requeues the jobs of a killed job process, and postpones the job that blocked it.

MOST_ATTEMPTS = 5
"""Attempts after which the job fails for good, which a person sees; the schedule queues the next one."""
_DELAYS = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
_AGAIN = """
    UPDATE procrastinate_jobs SET status = 'todo', attempts = attempts + 1, scheduled_at = now() + %s
    WHERE id = %s AND status = 'doing' RETURNING task_name
"""
_FINISH = """
    UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status, attempts = attempts + 1
    WHERE id = %s AND status = 'doing'
"""
_NEXT = """
    UPDATE procrastinate_jobs n SET attempts = greatest(n.attempts, o.attempts), scheduled_at = now() + %s
    FROM procrastinate_jobs o WHERE o.id = %s AND n.queueing_lock = o.queueing_lock AND n.status = 'todo'
"""
_AsyncSession = psycopg.AsyncConnection[tuple[object, ...]]


async def give_back(session: _AsyncSession, ended: Ended) -> None:
    """Postpone the blocking job of a killed process (`ended`), longer each time.

    Requeue its other jobs at once. After five attempts the blocking job fails for good. While it waits, its
    `queueing_lock` keeps the schedule from queueing another of its kind.

    Raises:
        psycopg.Error: the session is closed; the rest may be requeued by another call.
    """
    for job in ended.others:
        await _queue(session, job, timedelta())
    if ended.culprit is None:
        log.error("an unknown job %s: the process of jobs was ended", ended.reason)
        return
    found = await session.execute(
        "SELECT task_name, attempts FROM procrastinate_jobs WHERE id = %s AND status = 'doing'",
        [ended.culprit],
    )
    row = await found.fetchone()
    if row is None:
        return
    task, attempts = str(row[0]).rpartition(".")[2], int(str(row[1])) + 1
    if attempts >= MOST_ATTEMPTS:
        await session.execute(_FINISH, ["failed", ended.culprit])
        log.error("job %s %s: ended %d times, failed", task, ended.reason, attempts)
        return
    delay = _DELAYS[min(attempts, len(_DELAYS)) - 1]
    await _queue(session, ended.culprit, delay)
    log.error("job %s %s: ended, tried again in %s", task, ended.reason, delay)


async def _queue(session: _AsyncSession, job: int, delay: timedelta) -> None:
    """Requeue a job (by id) after `delay`; `session` is the connection that holds the liveness lock.

    If the next job of its kind is already queued, this job is aborted and that one delayed.
    """
    try:
        await session.execute(_AGAIN, [delay, job])
    except UniqueViolation:
        await session.execute(_FINISH, ["aborted", job])
        if delay:
            await session.execute(_NEXT, [delay, job])
