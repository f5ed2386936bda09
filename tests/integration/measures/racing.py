"""Two connections at once: one acts while the other has not committed."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from fanal.accounts import rows
from fanal.kernel.refusal import Refusal
from tests.integration.measures.stories import OFFICER


def refused_meanwhile(first: Callable[[], object], then: Callable[[], object]) -> list[str]:
    """Do `then` as the officer, on a connection of its own, before `first` commits; return why it was refused."""
    faults: list[str] = []

    def other() -> None:
        try:
            with rows.shown_to(OFFICER):
                then()
        except Refusal as fault:
            faults.append(fault.code)
        finally:
            connection.close()

    thread = threading.Thread(target=other)
    with transaction.atomic():
        first()
        thread.start()
        wait_until_somebody_waits()
    thread.join(timeout=20)
    return faults


def wait_until_somebody_waits() -> None:
    """Return once another connection waits for a lock of this one."""
    with connection.cursor() as cursor:
        for _ in range(1000):
            cursor.execute(
                "SELECT count(*), pg_sleep(0.01) FROM pg_locks"
                " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
    pytest.fail("nobody waits")
