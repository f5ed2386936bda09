"""Transactions of public nodes that last are ended, though what a node runs is hidden; short ones are not."""

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from fanal.db import hoarding
from fanal.db.hoarding import HoardingGuard

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
Connect = Callable[[str], psycopg.Connection[tuple[object, ...]]]


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[HoardingGuard]:
    """One that has no more patience than a second."""
    monkeypatch.setattr(hoarding, "_LONGEST_TRANSACTION", 1.0)
    made = HoardingGuard()
    yield made
    made.close()


def test_a_transaction_that_lasts_is_ended(guard: HoardingGuard, as_role: Connect) -> None:
    lasting, next_one, desk = as_role("intake"), as_role("intake"), as_role("app")
    for session in (lasting, desk):
        session.execute("BEGIN")
    lasting.execute("SELECT pg_current_xact_id()")
    for _ in range(8):
        next_one.execute("BEGIN")
        guard.look()
        next_one.execute("COMMIT")
        time.sleep(0.3)
    with pytest.raises(psycopg.errors.AdminShutdown):
        lasting.execute("SELECT 1")
    for session in (next_one, desk):
        session.execute("SELECT 1")
