"""A process that calls hangs when it is silent at three looks in a row, and the database was there each time."""

from collections.abc import Mapping

import psycopg
import pytest

from fanal.calls import NUMBER_VARIABLE
from fanal.cli import supervisor
from fanal.cli.supervisor import CallsSign
from fanal.postgres import DatabaseRole

pytestmark = pytest.mark.django_db
_GIVE = (
    "INSERT INTO orient_caller (holder, seen_at) VALUES (%s, now() - make_interval(secs => %s))"
    " ON CONFLICT (holder) DO UPDATE SET seen_at = excluded.seen_at"
)


def test_three_silent_looks_in_a_row_are_needed(
    database_urls: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_EVERY", 0.0)
    here = database_urls[DatabaseRole.WORKER]
    address = [here]
    sign = CallsSign(lambda: address[0])

    def give(number: int, *, seconds_ago: int) -> None:
        with psycopg.connect(here) as worker:
            worker.execute(_GIVE, [number, seconds_ago])

    number = int(sign.begin()[NUMBER_VARIABLE])
    try:
        assert not any(sign.is_over() for _ in range(4))  # no sign yet: it starts
        give(number, seconds_ago=60)
        assert [sign.is_over() for _ in range(2)] == [False, False]
        give(number, seconds_ago=0)
        assert not sign.is_over()
        give(number, seconds_ago=60)
        assert [sign.is_over() for _ in range(2)] == [False, False]
        address[0] = "postgresql://127.0.0.1:1/nobody"
        assert not sign.is_over()
        address[0] = here
        assert [sign.is_over() for _ in range(3)] == [False, False, True]
        assert int(sign.begin()[NUMBER_VARIABLE]) != number
        assert not any(
            sign.is_over() for _ in range(4)
        )  # another number: what the last one gave is not its
    finally:
        with psycopg.connect(here) as worker:
            worker.execute("DELETE FROM orient_caller WHERE holder = %s", [number])
