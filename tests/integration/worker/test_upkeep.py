"""The next months are made while people deposit: what is in use waits, not whoever uses it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from fanal.worker.upkeep import make_partitions
from tests.server import WAITING_FOR_ME

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
Connect = Callable[[str], psycopg.Connection[tuple[object, ...]]]


def test_a_table_in_use_is_left_for_the_next_try_and_keeps_nobody_waiting(as_role: Connect) -> None:
    until = datetime.now(UTC) + timedelta(days=400)  # beyond what any other test makes
    with as_role("app") as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM intake_report")
        others = make_partitions(until=until, tries=1)
        assert reader.execute(WAITING_FOR_ME).fetchone() == (0,)
    left = make_partitions(until=until, tries=1)
    assert others > 0
    assert left > 0
    assert make_partitions(until=until, tries=1) == 0
