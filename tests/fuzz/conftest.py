"""One running installation for all hostile requests, and a look at what it stored."""

import os
from collections.abc import Callable, Generator, Iterator, Mapping
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    """Stop the installation once no test of this folder follows."""
    try:
        return (yield)
    finally:
        _SHARED.leave(nextitem)


@pytest.fixture(scope="module")
def server() -> Live:
    return _SHARED.get()[0]


@pytest.fixture(scope="module")
def partner() -> Partner:
    return _SHARED.get()[1]


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
