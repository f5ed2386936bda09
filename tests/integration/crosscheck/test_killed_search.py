"""A worker killed between the search for similar reports and the join of their dossiers: nothing is lost."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping

import pytest
from django.db import connection

from fanal.crosscheck.similar.operations.near import renew_near, stop_near
from tests.integration.crosscheck.test_shared_evidence import (
    DEVICE,
    NOW,
    SYSTEM,
    arrive,
    dossiers,
    report,
    search,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.serial,
]
ALIKE = [
    report("red_kite4187", devices=[DEVICE]),
    report("red_kite4187_2", devices=[DEVICE]),
]


@pytest.fixture
def searched(installed_keys: None, database_urls: Mapping[str, str]) -> list[uuid.UUID]:
    """Two reports that are found similar; the worker was killed before it joined them."""
    ids = arrive(ALIKE)
    environment = os.environ | {
        "DATABASE_URL": database_urls["worker"],
        "FANAL_DB_ROLE": "worker",
        "FANAL_FAILPOINT": "near.committed:1:kill",
    }
    done = subprocess.run(
        [sys.executable, "-m", "fanal.worker"],
        env=environment,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert rows("crosscheck_waiting") == 0
    assert rows("crosscheck_near") == 1
    assert dossiers(ids) == {None}
    return ids


def rows(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def test_the_next_run_joins_what_the_killed_one_found(searched: list[uuid.UUID]) -> None:
    assert renew_near(actor=SYSTEM, now=NOW) == 0  # nothing is queued
    assert len(dossiers(searched)) == 1
    assert None not in dossiers(searched)
    assert rows("crosscheck_unjoined") == 0


def test_a_join_that_takes_too_long_is_left_to_the_next_search(
    searched: list[uuid.UUID],
) -> None:
    assert stop_near(actor=SYSTEM, most=100) == ([], True)
    assert renew_near(actor=SYSTEM, now=NOW) == 0
    assert dossiers(searched) == {None}
    arrive([report("red_kite4187", devices=[DEVICE])])
    search()
    assert len(dossiers(searched)) == 1
