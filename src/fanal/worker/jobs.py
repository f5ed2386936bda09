"""The schedule, the fetches and the notices: procrastinate jobs, one line a step.

Each kind has slots of its own, and a job's `lock` keeps it from running twice at once. They run in a process
of their own (`worker.job_process`).
"""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

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

from fanal.accounts import operations as accounts
from fanal.analyse import operations as analyse
from fanal.db import agreement
from fanal.intake import operations as intake
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.ledger import operations as ledger
from fanal.orient import operations as orient
from fanal.statistics import operations as statistics
from fanal.vault import sweep as vault_sweep
from fanal.worker import deconflicting, expiry, fetching, list_jobs, rules, sends, upkeep
from fanal.worker.job_process import SENDS_QUEUE, Ended, JobsBoard, LivingJobs
from fanal.worker.list_jobs import FETCHES_QUEUE, SLOW_QUEUE
from fanal.worker.put_off import give_back

_STOP_BEAT = 0.5
_PAUSE = 1.0
_GRACE = 10.0
_CONNECTIONS = 10
SCHEDULE_QUEUE, ROUNDS_QUEUE = "default", "rounds"
SLOTS = {SCHEDULE_QUEUE: 4, FETCHES_QUEUE: 4, SLOW_QUEUE: 3, ROUNDS_QUEUE: 1, SENDS_QUEUE: 2}
"""Jobs at once, by kind: partners and mail servers that are slow take the slots of their own kind only."""
_JOBS_KEPT_HOURS = 14 * 24
log = logging.getLogger("fanal.worker")
SENDS = (
    sends.tell_opening,
    sends.tell_aside,
    sends.tell_factor,
    sends.tell_grant,
    rules.apply_rules,
    list_jobs.fetch_list,
)
"""Jobs that others queue: named here, so that the worker knows them."""


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="expire_reports", lock="expire_reports", pass_context=False)
def expire_reports(timestamp: int) -> None:
    """Close unfinished wire reports whose time is over."""
    del timestamp
    actor, now = system_actor("expiry"), clock.now()
    while intake.expire_reports(actor=actor, now=now):
        continue


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="mark_late", lock="mark_late")
def mark_late(timestamp: int) -> None:
    """Mark the cases whose time is over: the desk's view of late ones is read by that mark."""
    del timestamp
    while orient.mark_late(actor=system_actor("lateness"), now=clock.now()):
        continue


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="fold_freed", lock="fold_freed")
def fold_freed(timestamp: int) -> None:
    """Fold anew what the retraction of a head let go: one row again, and not each of its reports."""
    del timestamp
    while orient.fold_freed(actor=system_actor("folding"), now=clock.now()):
        continue


@app.periodic(cron="17 3 * * *")
@app.task(queueing_lock="make_partitions", lock="make_partitions")
def make_partitions(timestamp: int) -> None:
    """Make the next months of the partitioned tables."""
    del timestamp
    upkeep.make_partitions(until=clock.now() + timedelta(days=95))


@app.periodic(cron="41 3 * * *")
@app.task(queueing_lock="expire_data", lock="expire_data")
def expire_data(timestamp: int) -> None:
    """Erase what is due by its retention class."""
    del timestamp
    expiry.expire(actor=system_actor("expiry"), now=clock.now())


@app.periodic(cron="11 4 * * *")
@app.task(queueing_lock="expire_motives", lock="expire_motives")
def expire_motives(timestamp: int) -> None:
    """Delete the words of the journal's motives after three years; the entries stay."""
    del timestamp
    actor, now = system_actor("expiry"), clock.now()
    before = now - ledger.MOTIVES_KEPT
    while ledger.expire_motives(actor=actor, before=before, now=now):
        continue


@app.periodic(cron="23 4 * * *")
@app.task(queueing_lock="forget_matches", lock="forget_matches")
def forget_matches(timestamp: int) -> None:
    """Drop counts of matches that nobody looks at any more."""
    del timestamp
    analyse.forget_matches(actor=system_actor("expiry"), now=clock.now())


@app.periodic(cron="51 2 * * *")
@app.task(queueing_lock="sweep_vault", lock="sweep_vault")
def sweep_vault(timestamp: int) -> None:
    """Remove sealed bytes that killed deposits left and that no row points to."""
    del timestamp
    mended = vault_sweep.sweep_vault(actor=system_actor("sweep"), now=clock.now())
    if mended:
        log.warning("vault: %d places that no row points to were removed", mended)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="renew_index", lock="renew_index")
def renew_index(timestamp: int) -> None:
    """Write the index of known hashes anew where the lists have changed much."""
    del timestamp
    analyse.renew_index(actor=system_actor("index"))


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="fetch_lists", lock="fetch_lists")
def fetch_lists(timestamp: int) -> None:
    """Queue the fetch of the partners' lists that are due, each under a standing instruction in force."""
    del timestamp
    list_jobs.queue_due()


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="end_entries", lock="end_entries")
def end_entries(timestamp: int) -> None:
    """Withdraw what was fetched or loaded with an end that has come."""
    del timestamp
    fetching.end_due(actor=system_actor("lists of partners"))


@app.periodic(cron="* * * * *")
@app.task(queue=ROUNDS_QUEUE, queueing_lock="deconflict", lock="deconflict")
def deconflict(timestamp: int) -> None:
    """Answer, take and end rounds of de-confliction; begin those that are due, under their instruction."""
    del timestamp
    actor = system_actor("de-confliction")
    deconflicting.work(actor=actor)
    deconflicting.run_due(actor=actor)


@app.periodic(cron="23 * * * *")
@app.task(queueing_lock="forget_usage", lock="forget_usage")
def forget_usage(timestamp: int) -> None:
    """Drop the quota counters of past minutes, the ended ones of sign-in, old counts of refusals."""
    del timestamp
    accounts.forget_usage(now=clock.now())
    accounts.forget_counters(now=clock.now())
    intake.forget_refusals(now=clock.now())


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="forget_challenges", lock="forget_challenges")
def forget_challenges(timestamp: int) -> None:
    """Drop spent proofs of work that have expired anyway."""
    del timestamp
    upkeep.forget_challenges(now=clock.now())


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="refresh_statistics", lock="refresh_statistics")
def refresh_statistics(timestamp: int) -> None:
    """Keep the counts of closed days, and publish those of complete months."""
    del timestamp
    actor, now = system_actor("statistics"), clock.now()
    statistics.refresh_days(actor=actor, now=now)
    statistics.publish(actor=actor, now=now)


@app.periodic(cron="41 2 * * *")
@app.task(queueing_lock="recount_statistics", lock="recount_statistics")
def recount_statistics(timestamp: int) -> None:
    """Count the last 400 days again: retractions and replaced decisions show."""
    del timestamp
    statistics.refresh_days(actor=system_actor("statistics"), now=clock.now(), whole=True)


@app.periodic(cron="31 4 * * *")
@app.task(queueing_lock="forget_jobs", lock="forget_jobs")
async def forget_jobs(timestamp: int) -> None:
    """Drop jobs that succeeded long ago; failed ones stay for a person."""
    del timestamp
    await app.job_manager.delete_old_jobs(nb_hours=_JOBS_KEPT_HOURS)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="retry_stalled")
async def retry_stalled(timestamp: int) -> None:
    """Give back jobs whose worker died, by its heartbeat; sends do not wait for this.

    The only periodic job without a lock: it frees the locks that dead workers held.
    """
    del timestamp
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=60):
        try:
            await app.job_manager.retry_job(job)
        except UniqueViolation:
            # The next run of the same job waits already, behind the lock that the dead one holds.
            await app.job_manager.finish_job(job, JobStatus.ABORTED, delete_job=False)


def run_jobs(
    stop: threading.Event, board: JobsBoard | None = None, ended: list[Ended] | None = None
) -> None:
    """Run procrastinate's worker in this thread until `stop` is set; what breaks it is waited out.

    Schedule, fetches and notices never end with their thread: a database that went away comes back.
    `ended`: what the process before this one had in hand; it is given back first.
    """
    board = board or JobsBoard(sum(SLOTS.values()))
    while not stop.is_set():
        board.beat()
        try:
            asyncio.run(_run(stop, board, ended if ended is not None else []))
        except Exception as failure:  # noqa: BLE001 - whatever ended it, it begins again
            log.warning("schedule, fetches and notices stopped: %s", type(failure).__name__)
        board.beat()
        stop.wait(_PAUSE)


async def _run(stop: threading.Event, board: JobsBoard, ended: list[Ended]) -> None:
    # Apps of their own: whoever queues a job goes on doing so through Django's connection, in the
    # transaction of what it queues.
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
        )()  # the schedule's: dead with its server, or done


def _note_unasked(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Log the failure of a task of the library that nobody awaits, as a database that goes away leaves some.

    Python's own handler formats a traceback in the middle of whatever runs when the collector finds the task.
    """
    log.warning("a task of the jobs ended: %s", type(context.get("exception")).__name__)


async def _beat(board: JobsBoard) -> None:
    """Show that the event loop runs, whatever the database does."""
    while True:
        board.beat()
        await asyncio.sleep(_STOP_BEAT)


def _renew_agreement() -> None:
    """Ask again whether clock and tables are the database's: each process refuses by its own answer."""
    try:
        agreement.renew()
    except (DatabaseError, InterfaceError, psycopg.Error):
        connection.close()  # the last answer stays in force


async def _work(
    queue: str, connector: PsycopgConnector, board: JobsBoard, jobs: LivingJobs | None
) -> None:
    """Run the jobs of one kind in their own slots; one of the kinds queues what is due by the clock."""
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
        """Note the job; close what it opened: jobs are rare, and a pool's thread would keep a dead one."""
        del worker
        try:
            with board.holding(context.job.id or 0):
                return call_next()
        finally:
            connections.close_all()

    return surround
