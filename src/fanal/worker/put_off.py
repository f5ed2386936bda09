"""Requeues the jobs of a killed job process, and postpones the job that blocked it."""

import logging
from datetime import timedelta

import psycopg
from psycopg.errors import UniqueViolation

from fanal.worker.job_process import Ended

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
_Session = psycopg.AsyncConnection[tuple[object, ...]]
log = logging.getLogger("fanal.worker")


async def give_back(session: _Session, ended: Ended) -> None:
    """Postpone the blocking job, longer each time; requeue the other jobs of the killed process at once.

    After five attempts the blocking job fails for good. While it waits, its `queueing_lock` keeps the
    schedule from queueing another of its kind.

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


async def _queue(session: _Session, job: int, delay: timedelta) -> None:
    """Requeue a job after `delay`; if the next job of its kind is already queued, delay that one instead."""
    try:
        await session.execute(_AGAIN, [delay, job])
    except UniqueViolation:
        await session.execute(_FINISH, ["aborted", job])
        if delay:
            await session.execute(_NEXT, [delay, job])
