"""One running installation for all hostile requests, and a look at what it stored."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from fanal.postgres import Cluster
from tests.live import Live, Partner, SharedLive, wait_for

_TABLES = (
    "intake_report",
    "intake_key",
    "intake_work",
    "intake_receipt",
    "intake_upload",
    "intake_wire",
    "intake_message",
    "vault_object",
)


_SHARED = SharedLive(Path(__file__).parent, "Shapes")


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Live:
    return _SHARED.get(request.config)[0]


@pytest.fixture(scope="module")
def partner(request: pytest.FixtureRequest) -> Partner:
    return _SHARED.get(request.config)[1]


@pytest.fixture
def stored(server: Live) -> Iterator[Callable[[], Mapping[str, int]]]:
    """Return a function that counts the rows of everything that a deposit writes.

    What tests before have deposited has gone through the stages by then: the worker changes no count.
    """
    url = Cluster.open(home=server.home, environ=os.environ).admin_url("fanal")
    with psycopg.connect(url, autocommit=True) as look:

        def count() -> Mapping[str, int]:
            counts = {}
            for table in _TABLES:
                row = look.execute(f"SELECT count(*) FROM {table}").fetchone()
                assert row is not None
                counts[table] = int(row[0])
            return counts

        waiting = "SELECT count(*) FROM intake_work WHERE quarantined_at IS NULL"
        assert wait_for(lambda: look.execute(waiting).fetchone() == (0,)), server.told()
        yield count
