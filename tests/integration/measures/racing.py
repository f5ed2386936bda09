"""Two connections at once: one acts while the other has not committed."""

import threading
import time
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection, transaction

from fanal.accounts import row_scope
from fanal.kernel.refusal import Refusal
from tests.integration.measures.stories import OFFICER
from tests.server import WAITING_FOR_ME


def refused_meanwhile(first: Callable[[], object], then: Callable[[], object]) -> list[str]:
    """Do `then` as the officer, on a connection of its own, before `first` commits; return why it was refused."""
    faults: list[str] = []

    def other() -> None:
        try:
            with row_scope.shown_to(OFFICER):
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


def done_twice_at_once(act: Callable[[], UUID]) -> tuple[UUID, UUID]:
    """Do `act` on two connections, the second before the first commits; return what each returned."""
    found: list[UUID] = []
    assert not refused_meanwhile(lambda: found.append(act()), lambda: found.append(act()))
    first, second = found
    return first, second


def wait_until_somebody_waits() -> None:
    """Return once another connection waits for a lock of this one."""
    with connection.cursor() as cursor:
        for _ in range(1000):
            cursor.execute(WAITING_FOR_ME)
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    pytest.fail("nobody waits")
