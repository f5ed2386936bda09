"""`fanal blocklist publish` in one process: clocks that are set back, a log that nobody can write."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from fanal.cli.blocklist import _Publisher
from fanal.ledger import signer
from fanal.measures.blocking.publication.folder import read_latest
from tests.integration.measures.blockings import ANALYST, listed, take
from tests.integration.orient.people import WORKER
from tests.server import as_worker

Connect = Callable[[str], psycopg.Connection[tuple[object, ...]]]

LOG_LOCK = 0x544C4F47


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FANAL_HOME", str(tmp_path))
    return tmp_path


def publisher(home: Path, *, by_person: bool = True) -> _Publisher:
    return _Publisher(WORKER, home / "list", by_person=by_person, as_json=True)


def names(home: Path) -> tuple[str, ...]:
    found = read_latest(home / "list", keys=signer.current().known_keys)
    return found.names if found else ()


def test_a_clock_that_is_set_back_delays_no_further_try(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that failed, or a witness, was tried again only a day later."""
    listed(2, host="one.example")
    made, now = publisher(home, by_person=False), datetime.now(UTC)
    with as_worker():
        made.publish(now)
    back, later = now - timedelta(days=1), time.monotonic() + 6
    assert not made.is_due(back)
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert made.is_due(back)


def test_a_log_that_another_process_holds_stops_no_lift(home: Path, as_role: Connect) -> None:
    """The lock in the database is that of a process that hangs, on any machine."""
    made, one = publisher(home), listed(2, host="one.example")
    with as_role("worker").transaction() as held:
        held.connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOG_LOCK])
        with as_worker():
            made.publish(datetime.now(UTC))
        assert names(home) == ("one.example",)
        take(one, "free", datetime.now(UTC), actor=ANALYST)
        with as_worker():
            made.publish(datetime.now(UTC))
    assert names(home) == ()
