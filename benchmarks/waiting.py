"""How long workers wait for an advisory lock, seen from outside: the server is asked many times a second."""

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
    """Give a counter that holds, at the end, the seconds of waiting for cross-check's lock (`LOCK`).

    Several that wait at once count each. An instant stands for the hundredth of a second before it.
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
