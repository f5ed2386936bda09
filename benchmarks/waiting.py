"""Waiting time of workers for an advisory lock, sampled in PostgreSQL many times a second."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from fanal.config.databases import Databases
from fanal.crosscheck.dossiers.operations import LOCK
from fanal.postgres import DatabaseRole

_EVERY = 0.01
_WAITERS = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    " AND (classid::bigint << 32 | objid::bigint) = %s"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@contextmanager
def watched(databases: Databases) -> Iterator[Counter[str]]:
    """Yield a counter that sums the seconds of waiting for cross-check's lock (`LOCK`) during the block.

    Each waiting session counts. A sample stands for the time since the sample before, about 0.01 s.
    """
    found: Counter[str] = Counter()
    stop = threading.Event()
    thread = threading.Thread(target=_watch, args=(databases, stop, found))
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def _watch(databases: Databases, stop: threading.Event, found: Counter[str]) -> None:
    with psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner:
        before = time.monotonic()
        while not stop.wait(_EVERY):
            row = owner.execute(_WAITERS, [LOCK]).fetchone()
            now = time.monotonic()
            found["LOCK"] += (row[0] if row else 0) * (now - before)  # type: ignore[assignment]
            before = now
