"""The schedule and the sends: procrastinate jobs, one line a step."""

import asyncio
import threading
from datetime import timedelta

from procrastinate.contrib.django import app

from fanal.accounts import operations as accounts
from fanal.intake import operations as intake
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.statistics import operations as statistics
from fanal.worker import expiry, sends, upkeep

_STOP_BEAT = 0.5
SENDS = (sends.call_duty,)
"""Jobs that others queue: named here, so that the worker knows them."""


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="expire_reports", pass_context=False)
def expire_reports(timestamp: int) -> None:
    """Close unfinished wire reports whose time is over."""
    del timestamp
    intake.expire_reports(actor=system_actor("expiry"), now=clock.now())


@app.periodic(cron="17 3 * * *")
@app.task(queueing_lock="make_partitions")
def make_partitions(timestamp: int) -> None:
    """Make the next months of the partitioned tables."""
    del timestamp
    upkeep.make_partitions(until=clock.now() + timedelta(days=95))


@app.periodic(cron="41 3 * * *")
@app.task(queueing_lock="expire_data")
def expire_data(timestamp: int) -> None:
    """Erase what is due by its retention class."""
    del timestamp
    expiry.expire(actor=system_actor("expiry"), now=clock.now())


@app.periodic(cron="23 * * * *")
@app.task(queueing_lock="forget_usage")
def forget_usage(timestamp: int) -> None:
    """Drop the quota counters of past minutes."""
    del timestamp
    accounts.forget_usage(now=clock.now())


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="forget_challenges")
def forget_challenges(timestamp: int) -> None:
    """Drop spent proofs of work that have expired anyway."""
    del timestamp
    upkeep.forget_challenges(now=clock.now())


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="refresh_statistics")
def refresh_statistics(timestamp: int) -> None:
    """Keep the counts of closed days, and publish those of complete months."""
    del timestamp
    actor, now = system_actor("statistics"), clock.now()
    statistics.refresh_days(actor=actor, now=now)
    statistics.publish(actor=actor, now=now)


@app.periodic(cron="41 2 * * *")
@app.task(queueing_lock="recount_statistics")
def recount_statistics(timestamp: int) -> None:
    """Count the last 400 days again: retractions and replaced decisions show."""
    del timestamp
    statistics.refresh_days(actor=system_actor("statistics"), now=clock.now(), whole=True)


@app.periodic(cron="*/5 * * * *")
@app.task(queueing_lock="retry_stalled")
async def retry_stalled(timestamp: int) -> None:
    """Give back jobs whose worker died: procrastinate finds them by heartbeat only."""
    del timestamp
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=60):
        await app.job_manager.retry_job(job)


def run_jobs(stop: threading.Event) -> None:
    """Run procrastinate's worker in this thread until `stop` is set."""
    asyncio.run(_run(stop))


async def _run(stop: threading.Event) -> None:
    connector = app.connector.get_worker_connector()  # type: ignore[attr-defined]
    with app.replace_connector(connector):
        async with app.open_async():
            task = asyncio.create_task(app.run_worker_async(install_signal_handlers=False))
            while not stop.is_set() and not task.done():
                await asyncio.sleep(_STOP_BEAT)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
