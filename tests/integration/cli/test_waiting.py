"""The seconds that workers wait for cross-check's lock are counted from outside, each waiter's own."""

import threading
import time
from collections.abc import Mapping

import psycopg
import pytest

from fanal.cli.bench.waiting import watched
from fanal.config.databases import Databases
from fanal.crosscheck.operations.assemble import LOCK
from fanal.postgres import DatabaseRole

pytestmark = pytest.mark.django_db
HELD = 0.5


def hold(url: str, key: int, seconds: float) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [key])
        time.sleep(seconds)


@pytest.mark.parametrize(("key", "least", "most"), [(LOCK, HELD, 6 * HELD), (LOCK + 1, 0, 0)])
def test_two_that_wait_for_the_lock_count_twice_and_for_another_not(
    database_urls: Mapping[str, str], key: int, least: float, most: float
) -> None:
    urls = {role: database_urls[role] for role in (DatabaseRole.OWNER, DatabaseRole.WORKER)}
    with watched(Databases(urls=urls, cluster=None)) as waited:
        first = threading.Thread(target=hold, args=(urls[DatabaseRole.WORKER], key, HELD))
        first.start()
        time.sleep(HELD / 4)
        others = [
            threading.Thread(target=hold, args=(urls[DatabaseRole.WORKER], key, 0)) for _ in "ab"
        ]
        for other in others:
            other.start()
        for each in (first, *others):
            each.join()
    assert least <= waited["LOCK"] <= most
