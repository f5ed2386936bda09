"""The schedule, the fetches and the notices, as procrastinate jobs.

Each queue has its own slots, and a job's `lock` prevents concurrent runs. Jobs run in a separate process
(`worker.job_process`). Procrastinate passes to each periodic job its planned time (`timestamp`, seconds
since 1970); none uses it.
"""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic
from uuid import UUID

import psycopg
from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, connection, connections
from procrastinate import JobContext, PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status as JobStatus
from procrastinate.middleware import SyncCallNext, SyncTaskMiddleware
from procrastinate.periodic import PeriodicRegistry
from procrastinate.worker import Worker

from fanal import pipeline, trials
from fanal.accounts.operations import partners
from fanal.accounts.operations.people import forget_counters
from fanal.analyse.material.operations import index
from fanal.analyse.priority.operations import RULES_JOB, wake
from fanal.analyse.priority.queries import open_trials
from fanal.db import agreement, numbering
from fanal.intake.operations import lifecycle
from fanal.intake.operations.receive import forget_refusals
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.orient.folding.operations import folding
from fanal.orient.notifications.operations import NOTIFICATION_QUEUE
from fanal.orient.queue import operations as claims
from fanal.statistics import operations as statistics
from fanal.vault import fsck
from fanal.worker import (
    deconfliction_rounds,
    expiry,
    list_jobs,
    people_jobs,
    public_log,
    sends,
    upkeep,
)
from fanal.worker.job_process import SENDS_QUEUE, Ended, JobsBoard, LivingJobs, give_back
from fanal.worker.list_jobs import FETCHES_QUEUE, SLOW_QUEUE

_RULES_SECONDS = 4.0
"""Seconds of a job that applies priority rules; it then queues itself again, so that a stop waits little."""
_STOP_BEAT = 0.5
_PAUSE = 1.0
_GRACE = 10.0
_CONNECTIONS = 10
SCHEDULE_QUEUE, ROUNDS_QUEUE = "default", "rounds"
SLOTS = {
    SCHEDULE_QUEUE: 4,
    FETCHES_QUEUE: 4,
    SLOW_QUEUE: 3,
    ROUNDS_QUEUE: 1,
    SENDS_QUEUE: 2,
    NOTIFICATION_QUEUE: 1,
    people_jobs.send_mail_test.queue: 1,
    public_log.LOG_QUEUE: 1,
}
"""Concurrent jobs by queue: slow partners or mail servers occupy only the slots of their own queue."""
_JOBS_KEPT_HOURS = 14 * 24
_NUMBERED_LATE = timedelta(days=62)
"""Age up to which rows without a number get one at night."""
log = logging.getLogger("fanal.worker")
SENDS = (
    sends.tell_opening,
    sends.tell_aside,
    sends.tell_factor,
    sends.tell_gate,
    sends.tell_grant,
    sends.tell_notifications,
    list_jobs.fetch_list,
    people_jobs.mail_notifications,
)
"""Jobs that other modules queue: imported here so that they are registered with the worker."""


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="expire_reports", lock="expire_reports", pass_context=False)
def expire_reports(timestamp: int) -> None:
    """Expire the overdue unfinished reports of the NCMEC-compatible API.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    actor, now = system_actor("expiry"), clock.now()
    while lifecycle.expire_reports(actor=actor, now=now):
        continue


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="mark_late", lock="mark_late")
def mark_late(timestamp: int) -> None:
    """Mark the reports in the queue past their deadline; the desk's view of late reports reads this mark.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    while claims.mark_late(actor=system_actor("lateness"), now=clock.now()):
        continue


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="weigh_answers", lock="weigh_answers")
def weigh_answers(timestamp: int) -> None:
    """Queue reports whose reporters have answered the desk for the stages from ANALYSE on.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    while pipeline.weigh_answers(now=clock.now()):
        continue


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="fold_freed", lock="fold_freed")
def fold_freed(timestamp: int) -> None:
    """Group again the duplicate reports whose head (their report in the queue) was withdrawn.

    They then share a row of the queue again. `timestamp`: the time for which the run was scheduled, in Unix
    seconds.
    """
    del timestamp
    while folding.fold_freed(actor=system_actor("folding"), now=clock.now()):
        continue


@app.periodic(cron="17 3 * * *")
@app.task(queueing_lock="make_partitions", lock="make_partitions")
def make_partitions(timestamp: int) -> None:
    """Create the partitions of the next months in the partitioned tables, and the counts of the next year.

    Rows of the last two months that were stored without a number get one.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    until = clock.now() + timedelta(days=95)
    upkeep.make_partitions(until=until)
    upkeep.make_counts(until=until)
    numbering.give_missing(since=clock.now() - _NUMBERED_LATE)


@app.periodic(cron="41 3 * * *")
@app.task(queueing_lock="expire_data", lock="expire_data")
def expire_data(timestamp: int) -> None:
    """Erase the data due by its retention class, unless the last run was more than 40 days ago.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    expiry.expire_by_night(actor=system_actor("expiry"), now=clock.now())


@app.periodic(cron="51 2 * * *")
@app.task(queueing_lock="sweep_vault", lock="sweep_vault")
def sweep_vault(timestamp: int) -> None:
    """Remove sealed bytes in the vault that no row references, left by interrupted submissions.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    mended = fsck.sweep_vault(actor=system_actor("sweep"), now=clock.now())
    if mended:
        log.warning("vault: %d places that no row points to were removed", mended)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="renew_index", lock="renew_index")
def renew_index(timestamp: int) -> None:
    """Rebuild the index of known hashes after many changes in the lists of known material.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    index.renew_index(actor=system_actor("index"))


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="fetch_lists", lock="fetch_lists")
def fetch_lists(timestamp: int) -> None:
    """Queue the fetches of partners' lists that are due, each under a standing instruction in force.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    list_jobs.queue_due()


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="end_entries", lock="end_entries")
def end_entries(timestamp: int) -> None:
    """Withdraw list entries past their expiry, whether fetched from a partner or loaded from a file.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    list_jobs.end_due(actor=system_actor("lists of partners"))


@app.periodic(cron="* * * * *")
@app.task(queue=ROUNDS_QUEUE, queueing_lock="deconflict", lock="deconflict")
def deconflict(timestamp: int) -> None:
    """Advance and expire the rounds of private set intersection with other organisations.

    Rounds that are due under a standing instruction are started. `timestamp`: the time for which the run was
    scheduled, in Unix seconds.
    """
    del timestamp
    actor = system_actor("de-confliction")
    deconfliction_rounds.work(actor=actor)
    deconfliction_rounds.run_due(actor=actor)


@app.periodic(cron="23 * * * *")
@app.task(queueing_lock="forget_usage", lock="forget_usage")
def forget_usage(timestamp: int) -> None:
    """Delete old counters: of API calls (an hour), sign-in (expired), refused reports (400 days).

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    partners.forget_usage(now=clock.now())
    forget_counters(now=clock.now())
    forget_refusals(now=clock.now())


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="forget_challenges", lock="forget_challenges")
def forget_challenges(timestamp: int) -> None:
    """Delete the used proof-of-work challenges of the public form that have expired.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    upkeep.forget_challenges(now=clock.now())


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="refresh_statistics", lock="refresh_statistics")
def refresh_statistics(timestamp: int) -> None:
    """Store the counts of completed days, and publish those of complete months.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    actor, now = system_actor("statistics"), clock.now()
    statistics.refresh_days(actor=actor, now=now)
    statistics.publish(actor=actor, now=now)


@app.periodic(cron="41 2 * * *")
@app.task(queueing_lock="recount_statistics", lock="recount_statistics")
def recount_statistics(timestamp: int) -> None:
    """Recompute the stored counts of the last 400 days, to include withdrawals and replaced decisions.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    statistics.refresh_days(actor=system_actor("statistics"), now=clock.now(), whole=True)


@app.periodic(cron="31 4 * * *")
@app.task(queueing_lock="forget_jobs", lock="forget_jobs")
async def forget_jobs(timestamp: int) -> None:
    """Delete jobs that succeeded more than two weeks ago; failed ones stay for a person's attention.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    await app.job_manager.delete_old_jobs(nb_hours=_JOBS_KEPT_HOURS)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="retry_stalled")
async def retry_stalled(timestamp: int) -> None:
    """Requeue jobs whose worker has no heartbeat any more.

    The queue of sends has a faster way (`LivingJobs`). This is the only periodic job without a lock, because
    it releases the locks of dead workers. `timestamp`: the time for which the run was scheduled, in Unix
    seconds.
    """
    del timestamp
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=60):
        try:
            await app.job_manager.retry_job(job)
        except UniqueViolation:
            # The next run of the same job is already queued, behind the lock of the dead one.
            await app.job_manager.finish_job(job, JobStatus.ABORTED, delete_job=False)


@app.periodic(cron="* * * * *")
@app.task(name=RULES_JOB, queueing_lock=RULES_JOB, lock=RULES_JOB)
def apply_rules(timestamp: int) -> None:
    """Continue the new ranking of waiting reports by changed priority rules, then dry runs of proposed ones.

    The ranking comes first because the queue shows it; dry runs are continued oldest first. `timestamp`: the
    time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    if carry_on(seconds=_RULES_SECONDS):
        wake()


@app.periodic(cron="7 1 * * *")
@app.task(queueing_lock="follow_clocks", lock="follow_clocks")
def follow_clocks(timestamp: int) -> None:
    """Rank again the waiting reports whose subscriber-data retention window passed a threshold of the rules.

    A threshold of a priority rule is a number of days left before the end of the window. `timestamp`: the
    time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    reached: UUID | None = UUID(int=0)
    while reached is not None:
        reached = pipeline.rank_by_clock(after=reached, now=clock.now())


def carry_on(*, seconds: float) -> bool:
    """Rank waiting reports by new priority rules, then continue dry runs of proposed rules, in portions.

    After `seconds` it stops with the portion in progress. Return whether work may remain.
    """
    until = monotonic() + seconds
    while pipeline.continue_rerank(now=clock.now()):
        if monotonic() > until:
            return True
    for trial in open_trials():
        while trials.continue_trial(trial_id=trial.id, now=clock.now()):
            if monotonic() > until:
                return True
    return False


def run_jobs(
    stop: threading.Event, board: JobsBoard | None = None, ended: list[Ended] | None = None
) -> None:
    """Run procrastinate's worker in this thread until `stop` is set; restart it after any failure.

    A failure, such as a lost database, is retried after a pause. `board`: shared memory for heartbeat and
    running jobs, read by the parent; without it a private one. `ended`: the jobs of the previous, killed
    process; they are requeued first.
    """
    board = board or JobsBoard(sum(SLOTS.values()))
    while not stop.is_set():
        board.beat()
        try:
            asyncio.run(_run(stop, board, ended if ended is not None else []))
        except Exception as failure:  # noqa: BLE001 - restarted after any failure
            log.warning("schedule, fetches and notices stopped: %s", type(failure).__name__)
        board.beat()
        stop.wait(_PAUSE)


async def _run(stop: threading.Event, board: JobsBoard, ended: list[Ended]) -> None:
    # Separate apps: other code still queues jobs through Django's connection, in its own
    # transaction.
    connector = PsycopgConnector(kwargs=connector_params(), min_size=4, max_size=_CONNECTIONS)
    threads = ThreadPoolExecutor(sum(SLOTS.values()), thread_name_prefix="jobs")
    loop = asyncio.get_running_loop()
    loop.set_default_executor(threads)
    loop.set_exception_handler(_note_unasked)
    beat = asyncio.create_task(_beat(board))
    try:
        async with (
            await psycopg.AsyncConnection.connect(**connector_params(), autocommit=True) as session,
            app.with_connector(connector).open_async(),
        ):
            while ended:
                await give_back(session, ended[0])
                del ended[0]
            jobs = LivingJobs(connector, session)
            await _tell_given_back(jobs)
            running = {
                asyncio.create_task(
                    _work(queue, connector, board, jobs if queue == SENDS_QUEUE else None)
                )
                for queue in SLOTS
            }
            try:
                while not stop.is_set() and not any(task.done() for task in running):
                    await asyncio.wait(
                        running, timeout=_STOP_BEAT, return_when=asyncio.FIRST_COMPLETED
                    )
                    await sync_to_async(_renew_agreement)()
                    await _tell_given_back(jobs)
            finally:
                for task in running:
                    task.cancel()
                ended_as = await asyncio.gather(*running, return_exceptions=True)
            for failure in ended_as:
                if isinstance(failure, Exception):
                    raise failure
    finally:
        beat.cancel()
        await sync_to_async(
            connections.close_all
        )()  # the schedule's connections: broken with their server, or no longer needed


def _note_unasked(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Log the exception of a library task that no code awaits, as after the loss of the database.

    `context` holds the exception, as asyncio passes it to an exception handler. Python's own handler would
    format a traceback whenever the garbage collector finds the task.
    """
    log.warning("a task of the jobs ended: %s", type(context.get("exception")).__name__)


async def _beat(board: JobsBoard) -> None:
    """Record a heartbeat of the event loop on `board` every half second, independently of the database."""
    while True:
        board.beat()
        await asyncio.sleep(_STOP_BEAT)


def _renew_agreement() -> None:
    """Check again that clock and schema agree with the database, if the last check is old.

    Each process refuses its statements by its own result. While the database is unavailable, the previous
    result remains in force.
    """
    try:
        agreement.renew()
    except (DatabaseError, InterfaceError, psycopg.Error):
        connection.close()  # the previous result remains in force


async def _work(
    queue: str, connector: PsycopgConnector, board: JobsBoard, jobs: LivingJobs | None
) -> None:
    """Run the jobs of one queue in its own slots; the schedule's queue also adds the periodic jobs.

    `connector`: procrastinate's connection pool; `board`: shared memory for the running jobs; `jobs`: the job
    manager with a liveness lock, for the queue of sends.
    """
    own = app.with_connector(connector)
    if jobs is not None:
        own.job_manager = jobs
    if queue != SCHEDULE_QUEUE:
        own.periodic_registry = PeriodicRegistry()  # type: ignore[no-untyped-call]
    await own.run_worker_async(
        queues=[queue],
        name=queue,
        install_signal_handlers=False,
        concurrency=SLOTS[queue],
        shutdown_graceful_timeout=_GRACE,
        task_middleware=[_surround(board)],
    )


async def _tell_given_back(jobs: LivingJobs) -> None:
    if count := await jobs.give_back():
        log.warning("%d sends of a worker that died go out again", count)


def _surround(board: JobsBoard) -> SyncTaskMiddleware:
    def surround(call_next: SyncCallNext, context: JobContext, worker: Worker) -> object:
        """Run a job (`call_next`), recorded on the board meanwhile, and close its thread's connections.

        Arguments and result are those of a task middleware of procrastinate. Jobs are rare, and a pooled
        thread would keep a dead connection.
        """
        del worker
        try:
            with board.holding(context.job.id or 0):
                return call_next()
        finally:
            connections.close_all()

    return surround
