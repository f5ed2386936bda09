"""The seconds that workers wait for cross-check's lock are counted from outside, each waiter's own."""

import threading
import time
from collections.abc import Mapping

import psycopg
import pytest

from benchmarks.waiting import watched
from fanal.config.databases import Databases
from fanal.crosscheck.dossiers.operations import LOCK
from fanal.postgres import DatabaseRole
from tests.live import wait_for

pytestmark = pytest.mark.django_db
HELD = 0.5
_TAKE = "SELECT pg_advisory_xact_lock(%s)"


def pass_through(url: str, key: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(_TAKE, [key])


@pytest.mark.parametrize(("key", "each"), [(LOCK, HELD), (LOCK + 1, 0)])
def test_two_that_wait_for_the_lock_count_twice_and_for_another_not(
    database_urls: Mapping[str, str], key: int, each: float
) -> None:
    """Both wait for half a second at least, however busy the machine, and no longer than from start to end."""
    urls = {role: database_urls[role] for role in (DatabaseRole.OWNER, DatabaseRole.WORKER)}
    url = urls[DatabaseRole.WORKER]
    waiters = [threading.Thread(target=pass_through, args=(url, key)) for _ in "ab"]
    with (
        watched(Databases(urls=urls, cluster=None)) as waited,
        psycopg.connect(url, autocommit=True) as look,
        psycopg.connect(url) as holder,
    ):
        holder.execute(_TAKE, [key])
        started = time.monotonic()
        for waiter in waiters:
            waiter.start()
        blocked = (
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND %s = ANY (pg_blocking_pids(pid))"
        )
        pid = holder.info.backend_pid
        both = wait_for(lambda: look.execute(blocked, [pid]).fetchone() == (2,), beat=0.01)
        time.sleep(HELD)  # what is counted
        holder.commit()
        for waiter in waiters:
            waiter.join()
        longest = time.monotonic() - started
    assert both
    assert 1.5 * each <= waited["LOCK"] <= 2 * longest * (each > 0)
