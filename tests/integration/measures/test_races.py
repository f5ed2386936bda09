"""A change of the bytes and their approval at the same moment: one after the other, never both."""

import threading
import time
from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest

from tests.integration.measures.raw import APPROVE, REVISION, STEP, other_bytes
from tests.integration.measures.stories import ANALYST, OFFICER, decide


@pytest.mark.django_db(transaction=True)
def test_an_approval_waits_for_a_change_and_then_fails(
    as_role: Callable[[str], psycopg.Connection],
) -> None:
    (measure_id,) = decide().opened["measure"]
    values, other = [OFFICER.person_id, measure_id], other_bytes(measure_id)
    changing, approving = _at_the_desk(as_role), _at_the_desk(as_role)
    changing.autocommit = False
    _change(changing, measure_id, other)
    faults: list[psycopg.Error] = []

    def approve() -> None:
        try:
            approving.execute(APPROVE, values)
        except psycopg.Error as fault:
            faults.append(fault)

    thread = threading.Thread(target=approve)
    thread.start()
    _wait_until_blocked(as_role("app"), approving)
    changing.commit()
    thread.join(timeout=10)
    assert [type(fault) for fault in faults] == [psycopg.errors.CheckViolation]


@pytest.mark.django_db(transaction=True)
def test_a_change_waits_for_an_approval_and_voids_it(
    as_role: Callable[[str], psycopg.Connection],
) -> None:
    (measure_id,) = decide().opened["measure"]
    values, other = [OFFICER.person_id, measure_id], other_bytes(measure_id)
    approving, changing = _at_the_desk(as_role), _at_the_desk(as_role)
    approving.autocommit = False
    approving.execute(APPROVE, values)
    thread = threading.Thread(target=_change, args=(changing, measure_id, other))
    thread.start()
    _wait_until_blocked(as_role("app"), changing)
    approving.commit()
    thread.join(timeout=10)
    with pytest.raises(psycopg.errors.CheckViolation):
        changing.execute(
            STEP,
            ["send", "APPROVED", "SENT", OFFICER.person_id, 0, "mail", False, measure_id],
        )


def _change(session: psycopg.Connection, measure_id: UUID, other: bytes) -> None:
    """Make it a draft of other bytes, on a connection of its own."""
    session.execute(REVISION, [measure_id, 2, other, ANALYST.person_id])
    session.execute(
        STEP, ["amend", "TO_SECOND", "DRAFT", ANALYST.person_id, 1, "", False, measure_id]
    )


def _at_the_desk(as_role: Callable[[str], psycopg.Connection]) -> psycopg.Connection:
    session = as_role("app")
    session.execute("SET fanal.desks = '{1}'")
    return session


def _wait_until_blocked(watcher: psycopg.Connection, waiting: psycopg.Connection) -> None:
    for _ in range(3000):
        row = watcher.execute(
            "SELECT cardinality(pg_blocking_pids(%s))", [waiting.info.backend_pid]
        ).fetchone()
        if row and row[0]:
            return
        time.sleep(0.02)
    pytest.fail("nothing waits")
