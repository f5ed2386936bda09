"""Who is alive among those that send, so that a call in the hands of a dead process goes out at once.

Each worker of jobs holds a lock of PostgreSQL for as long as it lives. The server lets go of it the moment
the process is gone, however it went: no heartbeat has to grow old, and no living worker is taken for dead.
"""

import psycopg
from procrastinate.connector import BaseConnector
from procrastinate.manager import JobManager

from fanal.kernel import clock

SENDS_QUEUE = "alarms"
"""Only what is sent is given back at once: a schedule's job may be what killed its worker."""

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
    """Procrastinate's job manager, whose worker is known to live by a lock of `session` (in autocommit)."""

    def __init__(self, connector: BaseConnector, session: _Session) -> None:
        super().__init__(connector)
        self._session, self._own = session, -1

    async def register_worker(self) -> int:
        """Register the worker, and hold its lock before it takes a first job."""
        self._own = await super().register_worker()
        await self._session.execute("SELECT pg_advisory_lock(%s, %s)", [_LOCK, self._own])
        return self._own

    async def give_back(self) -> int:
        """Return to the queue what dead workers were sending; return how many jobs.

        Raises:
            psycopg.Error: the session is gone, and with it the lock.
        """
        found = await self._session.execute(_HANDS, [SENDS_QUEUE, self._own])
        return sum([await self._give_back(worker_id) for (worker_id,) in await found.fetchall()])

    async def _give_back(self, worker_id: int | None) -> int:
        """Without a number the worker was dead for long: procrastinate forgot it."""
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
