"""Schedule and sends beside the stages: one transaction with what queued them, and never a dead thread."""

import asyncio
import contextlib
import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import AlreadyEnqueued

from fanal.connectors import mail
from fanal.connectors.smtp import Unconfirmed
from tests.live import wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("installed_keys"),
]


def _count(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])


def _is_working() -> bool:
    return _count("SELECT count(*) FROM procrastinate_workers") > 0


def cut_sessions() -> int:
    """End every other session of this role in this database, as a restart does; return how many.

    Waits for their end: a lock that outlived its test would pass for that of the next test's worker.
    """
    return _count(
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
    )


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[Path]:
    """The folder in which this test's mail is left."""
    before = mail.current()
    mail.install(mail.Mailer(url="", sender="a@b.test", duty=("c@b.test",), folder=tmp_path))
    yield tmp_path
    mail.install(before)


@pytest.fixture
def jobs() -> Iterator[threading.Event]:
    """The jobs' thread, working."""
    from fanal.worker.jobs import run_jobs

    stop = threading.Event()
    thread = threading.Thread(target=run_jobs, args=(stop,), daemon=True)
    thread.start()
    try:
        assert wait_for(_is_working)
        yield stop
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    cut_sessions()


def _tell() -> None:
    from fanal.worker.sends import tell_aside

    tell_aside.defer(aside_id=str(uuid4()))


def test_a_notice_is_queued_with_its_act_or_not_at_all(jobs: threading.Event, mails: Path) -> None:
    with transaction.atomic():
        _tell()
        transaction.set_rollback(True)
    assert _count("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'tell_aside'") == 0
    with transaction.atomic():
        _tell()
    assert wait_for(lambda: list(mails.glob("*.eml")))


def test_the_thread_outlives_its_connections(
    jobs: threading.Event, mails: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Procrastinate mends idle connections by itself; cut in a query, its worker ends and begins again.

    Each of its tasks is asked how it ended: else the garbage collector tells it, in the middle of other work.
    """
    newest = "SELECT coalesce(max(id), 0) FROM procrastinate_workers"
    waiting = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'procrastinate_jobs'::regclass"
        " AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    )
    before = _count(newest)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE procrastinate_jobs IN ACCESS EXCLUSIVE MODE")
        assert wait_for(lambda: _count(waiting))
        assert cut_sessions() > 0
    assert wait_for(lambda: _count(newest) > before)
    _tell()
    assert wait_for(lambda: list(mails.glob("*.eml")))
    gc.collect()
    assert "never retrieved" not in caplog.text


def _in_hand_of(worker: str) -> None:
    """Put a call into the hands of a worker that has just shown a sign of life."""
    with transaction.atomic(), connection.cursor() as cursor:
        _tell()
        cursor.execute(
            f"UPDATE procrastinate_jobs SET status = 'doing', worker_id = {worker}"
            " WHERE task_name = 'tell_aside'"
        )


def test_the_notice_of_a_worker_that_died_goes_out_at_once(
    mails: Path, request: pytest.FixtureRequest
) -> None:
    _in_hand_of("(SELECT worker_id FROM procrastinate_register_worker_v1())")
    request.getfixturevalue("jobs")
    assert wait_for(lambda: list(mails.glob("*.eml")), seconds=25)  # silence is death after 30


def test_a_living_worker_keeps_its_notice(jobs: threading.Event, mails: Path) -> None:
    from fanal.worker.job_process import _LOCK, LivingJobs

    living = (
        "SELECT w.id FROM procrastinate_workers w JOIN pg_locks l ON l.locktype = 'advisory'"
        f" AND l.granted AND l.classid = {_LOCK}::oid AND l.objid = w.id::oid AND l.objsubid = 2"
    )
    assert wait_for(lambda: _count(f"SELECT count(*) FROM ({living}) AS found"))

    class Told(LivingJobs):
        async def retry_job_by_id_async(self, *_args: object, **_more: object) -> None:
            raise AssertionError("a notice was taken from a living worker")

    async def look() -> int:
        connector = app.connector.get_worker_connector()
        async with (
            await psycopg.AsyncConnection.connect(**connector_params(), autocommit=True) as session,
            app.with_connector(connector).open_async(),
        ):
            return await Told(connector, session).give_back()

    _in_hand_of(f"({living} LIMIT 1)")
    with ThreadPoolExecutor(1) as aside:  # a browser's loop may run in this thread
        assert aside.submit(asyncio.run, look()).result() == 0


@pytest.fixture
def locked(jobs: threading.Event) -> Iterator[None]:
    """Keep a scheduled job waiting; whatever the test finds, let it go before the thread is stopped."""
    lock = connection.copy()
    with contextlib.closing(lock), lock.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE intake_spent_challenge IN ACCESS EXCLUSIVE MODE")
        yield


def test_a_long_job_keeps_no_notice_waiting(locked: None, mails: Path) -> None:
    from fanal.worker import jobs as scheduled

    with contextlib.suppress(AlreadyEnqueued):  # the schedule itself was faster
        scheduled.forget_challenges.defer(timestamp=0)
    doing = (
        "SELECT count(*) FROM procrastinate_jobs"
        f" WHERE status = 'doing' AND task_name = '{scheduled.forget_challenges.name}'"
    )
    assert wait_for(lambda: _count(doing))
    _tell()
    assert wait_for(lambda: list(mails.glob("*.eml")))
    assert _count(doing) == 1  # it waits still


def test_every_scheduled_job_runs(jobs: threading.Event, caplog: pytest.LogCaptureFixture) -> None:
    from fanal.worker import jobs as scheduled

    tasks = [p.task for p in scheduled.app.periodic_registry.periodic_tasks.values()]
    for task in tasks:
        with contextlib.suppress(AlreadyEnqueued):
            task.defer(timestamp=0)
    names = {task.name.rpartition(".")[2] for task in tasks}
    assert {"sweep_vault", "expire_data", "make_partitions"} < names
    assert {"apply_rules", "deconflict", "fetch_lists"} < names
    waiting = {task.name: task for task in tasks}
    queued_again = set[int]()

    def succeeded() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id, task_name, status FROM procrastinate_jobs")
            rows = cursor.fetchall()
        for job_id, name, status in rows:
            if status == "succeeded":
                waiting.pop(name, None)
            elif status == "failed" and name in waiting and job_id not in queued_again:
                # Tests of other processes share the server: they alone may have left it without sessions.
                assert "connection slots are reserved" in caplog.text, f"{name} failed"
                queued_again.add(job_id)
                with contextlib.suppress(AlreadyEnqueued):
                    waiting[name].defer(timestamp=0)
        return not waiting

    assert wait_for(succeeded), waiting


def test_no_job_runs_twice_at_once(locked: None) -> None:
    """The second of the kind waits for the first, however many slots are free."""
    from fanal.worker import jobs as scheduled

    name = scheduled.forget_challenges.name
    query = f"SELECT count(*) FROM procrastinate_jobs WHERE task_name = '{name}' AND status = "
    for doing in (1, 1):
        with contextlib.suppress(AlreadyEnqueued):
            scheduled.forget_challenges.defer(timestamp=0)
        assert wait_for(lambda doing=doing: _count(f"{query} 'doing'") == doing)
    with contextlib.suppress(AlreadyEnqueued):
        scheduled.mark_late.defer(timestamp=0)
    late = f"task_name = '{scheduled.mark_late.name}' AND status = 'succeeded'"
    assert wait_for(lambda: _count(f"SELECT count(*) FROM procrastinate_jobs WHERE {late}"))
    assert _count(f"{query} 'doing'") == 1
    assert _count(f"{query} 'todo'") == 1


def test_every_job_of_the_schedule_has_a_lock_and_every_fetch_slots_of_its_own() -> None:
    from fanal.worker import jobs as scheduled

    tasks = [p.task for p in scheduled.app.periodic_registry.periodic_tasks.values()]
    unlocked = {task.name.rpartition(".")[2] for task in tasks if task.lock is None}
    assert unlocked == {"retry_stalled"}
    outside = {t.name.rpartition(".")[2] for t in tasks if t.queue != scheduled.SCHEDULE_QUEUE}
    assert outside == {"deconflict", "publish_log"}
    assert scheduled.list_jobs.fetch_list.queue == scheduled.FETCHES_QUEUE
    assert {task.queue for task in scheduled.app.tasks.values()} <= {*scheduled.SLOTS, "builtin"}


@pytest.mark.parametrize(
    ("failure", "longest", "most"), [(OSError(), 60, 650), (Unconfirmed(), 600, 40)]
)
def test_a_notice_is_tried_again_soon_and_not_for_ever(
    failure: Exception, longest: int, most: int
) -> None:
    """Later and less often where each message may be a copy."""
    from procrastinate.jobs import Job

    from fanal.kernel import clock
    from fanal.worker.sends import BoundedRetry

    decisions = [
        BoundedRetry().get_retry_decision(
            exception=failure,
            job=Job(id=1, queue="alarms", lock=None, queueing_lock=None, task_name="t", attempts=n),
        )
        for n in range(700)
    ]
    waits = [(d.retry_at - clock.now()).total_seconds() for d in decisions if d and d.retry_at]
    assert longest / 2 - 1 < max(waits) <= longest
    assert len(waits) < most
