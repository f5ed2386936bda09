"""Jobs run apart from the stages; one that holds the interpreter is ended and put off: real processes."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from django.db import connection

from fanal.intake.queries.envelopes import get_reports
from fanal.intake.queries.work import count_work
from tests.integration.worker.test_pipeline import _deposit
from tests.integration.worker.test_watch import _others, _worker
from tests.live import wait_for

BUSY = Path(__file__).with_name("busy_jobs.py")
HOLDS, OTHER = "fanal.worker.jobs.forget_challenges", "fanal.worker.jobs.mark_late"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.serial,
]


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """The worker opens what was sealed."""


@pytest.fixture
def process(database_urls: Mapping[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker whose job does not end, ready to take jobs."""
    with _worker(database_urls, tmp_path / "log", str(BUSY)) as worker:
        yield worker


def _rows(query: str, *values: object) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall() if cursor.description else []


def _queue(task: str, *, attempts: int = 0) -> int:
    """Queue a job unless the schedule was faster; return its number."""
    name = task.rpartition(".")[2]
    _rows(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)"
        " VALUES ('default', %s, %s, %s, '{\"timestamp\": 0}') ON CONFLICT DO NOTHING",
        *(task, name, name),
    )
    [(number,)] = _rows(
        "UPDATE procrastinate_jobs SET attempts = %s WHERE task_name = %s AND status = 'todo'"
        " RETURNING id",
        *(attempts, task),
    )
    return int(str(number))


def _status(number: int) -> str:
    return str(_rows("SELECT status FROM procrastinate_jobs WHERE id = %s", number)[0][0])


def _until(condition: Callable[[], object], log: Path) -> None:
    assert wait_for(condition, seconds=120), log.read_text()


def test_a_job_that_holds_the_interpreter_holds_no_report_and_is_put_off(
    process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    number, log = _queue(HOLDS), tmp_path / "log"
    _until(lambda: _status(number) == "doing", log)
    ids = _deposit(*_others(5))
    # Nobody waits for the deadline: the job is in hand when the reports are through, or was put off before.
    _until(lambda: not count_work(), log)
    assert len(get_reports(actor=_system(), report_ids=ids)) == 5
    _until(lambda: _status(number) == "todo", log)
    [(attempts, later)] = _rows(
        "SELECT attempts, scheduled_at > now() FROM procrastinate_jobs WHERE id = %s", number
    )
    assert (attempts, later) == (1, True)
    # By its CPU time, or on a busy machine by the silence of its loop.
    said = r"job forget_challenges kept every other job waiting for (3 s of CPU|20 s): ended"
    assert re.search(said, log.read_text())
    other = _queue(OTHER)
    _until(lambda: _status(other) == "succeeded", log)
    assert process.poll() is None  # the stages went on


def test_one_that_was_ended_too_often_has_failed(
    process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    number, log = _queue(HOLDS, attempts=4), tmp_path / "log"
    _until(lambda: _status(number) == "failed", log)
    assert "ended 5 times, failed" in log.read_text()
    assert process.poll() is None


def test_a_process_of_jobs_that_stands_still_is_replaced(
    process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    _until(lambda: _jobs(process.pid), log)
    [first] = _jobs(process.pid)
    os.kill(first, signal.SIGSTOP)
    _until(lambda: set(_jobs(process.pid)) - {first}, log)
    assert not Path(f"/proc/{first}").exists()
    number = _queue(OTHER)
    _until(lambda: _status(number) == "succeeded", log)


def test_a_worker_ends_with_its_keeper_and_they_with_it(
    process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    _until(lambda: _jobs(process.pid), log)
    [keeper] = _forks(process.pid)
    [jobs] = _jobs(process.pid)
    os.kill(keeper, signal.SIGKILL)
    _until(lambda: process.poll() is not None, log)
    assert process.poll() == 1
    _until(lambda: not Path(f"/proc/{jobs}").exists(), log)


def test_a_worker_that_is_asked_to_stop_leaves_no_process(
    process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    _until(lambda: _jobs(process.pid), log)
    family = [*_forks(process.pid), *_jobs(process.pid)]
    process.terminate()
    _until(lambda: process.poll() is not None, log)
    assert process.poll() == 0
    # What it ended may stand in the list of processes until the system has taken its status.
    _until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), log)


def _system() -> object:
    from fanal.kernel.actors import system_actor

    return system_actor("test")


def _forks(pid: int) -> list[int]:
    """Return the children of a process that run the same program."""
    own = Path(f"/proc/{pid}/cmdline").read_bytes()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(c) for c in children if Path(f"/proc/{c}/cmdline").read_bytes() == own]


def _jobs(pid: int) -> list[int]:
    """Return the process of the jobs of a worker, once there is one."""
    return [jobs for keeper in _forks(pid) for jobs in _forks(keeper)]
