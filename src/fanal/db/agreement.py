"""Whether a process and its database agree on the time and on the tables.

The edges (a request, a batch, a command) ask. While something disagrees, every statement of the process is
refused as if the database were away, which each door answers in its own form: nothing is acknowledged.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

from django.apps import apps
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.migrations.loader import MigrationLoader

from fanal.kernel import clock

MOST_APART = timedelta(seconds=5)
"""The largest difference between the clocks with which receipts are signed."""
_ASK_EVERY = 5.0


class Disagreement(StrEnum):
    """What a process and its database can disagree on."""

    CLOCK = "clock"
    TABLES = "tables"


class Disagreed(OperationalError):
    """The process may not work with this database now; the text says why."""


_WORDS = {
    Disagreement.CLOCK: "the clock of this machine and that of the database are more than 5 s apart",
    Disagreement.TABLES: "the tables are newer than this version of Fanal",
}


def look() -> frozenset[Disagreement]:
    """Return what this process and its database disagree on now.

    Raises:
        DatabaseError, InterfaceError: the database cannot be asked.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        # Past Django's cursor: its statements are those that `_refuse` stands before.
        server = connection.connection
        before = clock.now()
        there = server.execute("SELECT clock_timestamp()").fetchone()[0]
        after = clock.now()
        exists = server.execute("SELECT to_regclass('django_migrations') IS NOT NULL").fetchone()[0]
        rows = (
            server.execute("SELECT app, name FROM django_migrations").fetchall() if exists else ()
        )
    found = set()
    if apart(before, there, after) > MOST_APART:
        found.add(Disagreement.CLOCK)
    if _unknown(set(map(tuple, rows))):
        found.add(Disagreement.TABLES)
    return frozenset(found)


def apart(before: datetime, there: datetime, after: datetime) -> timedelta:
    """Return by how much, at least, a clock is off that said `there` between two instants of our own."""
    return max(before - there, there - after, timedelta())


def words(parts: frozenset[Disagreement]) -> str:
    """Return the parts in a sentence of English, for a log or a command."""
    return "; ".join(_WORDS[part] for part in sorted(parts))


@cache
def _files() -> frozenset[tuple[str, str]]:
    """Return the migrations by the names of their files, of which none is read."""
    found = set()
    for app in apps.get_app_configs():
        name, _ = MigrationLoader.migrations_module(app.label)
        if name is not None and find_spec(name) is not None:
            folder = import_module(name).__path__
            found |= {(app.label, file.name) for file in iter_modules(folder) if not file.ispkg}
    return frozenset(found)


def _unknown(rows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the migrations of our own apps that are neither here nor replaced by one that is."""
    ours = {app for app, _ in _files()}
    missing = {row for row in rows if row[0] in ours} - _files()
    return missing - _replaced() if missing else missing


@cache
def _replaced() -> frozenset[tuple[str, str]]:
    """Return the migrations that those here replace; each file is read for it."""
    loader = MigrationLoader(None)
    return frozenset(old for new in loader.disk_migrations.values() for old in new.replaces)


class AgreementWatch:
    """The last answer of one process, asked for again when it is old."""

    def __init__(self, ask: Callable[[], frozenset[Disagreement]] = look) -> None:
        self._ask = ask
        self._next = 0.0
        self.parts: frozenset[Disagreement] = frozenset()

    def renew(self) -> frozenset[Disagreement]:
        """Ask again when the last answer is old; return what disagrees."""
        if time.monotonic() >= self._next:
            self.parts = self._ask()
            self._next = time.monotonic() + _ASK_EVERY
        return self.parts


_installed: list[AgreementWatch] = []
_thread = threading.local()


def install(watch: AgreementWatch | None) -> None:
    """Make `watch` that of this process and of its connections; None: nothing is asked."""
    _installed[:] = [watch] if watch is not None else []


def renew() -> frozenset[Disagreement]:
    """Return what this process disagrees on with its database, asked again when the answer is old.

    Raises:
        DatabaseError, InterfaceError: the database cannot be asked; the last answer stays in force.
    """
    return _installed[0].renew() if _installed else frozenset()


@contextmanager
def unrefused() -> Iterator[None]:
    """Let the statements of this thread through: a probe has to say which part disagrees."""
    _thread.free = True
    try:
        yield
    finally:
        _thread.free = False


def _refuse(execute: Callable[..., object], sql: str, *more: object) -> object:
    """Stand before every statement of a connection, as Django's `execute_wrapper` does."""
    if _installed and (parts := _installed[0].parts) and not getattr(_thread, "free", False):
        raise Disagreed(words(parts))
    return execute(sql, *more)


_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')"
)
"""Each role may change its own defaults: a public node that is taken over those of all nodes' later sessions,
which would acknowledge reports that a power cut takes away."""


def _guard(*, connection: BaseDatabaseWrapper, **more: object) -> None:
    """Stand before a new connection's statements; let it wait for the disk, whatever its role's defaults."""
    del more
    connection.connection.execute(_DURABLE)
    if _refuse not in connection.execute_wrappers:
        connection.execute_wrappers.append(_refuse)


connection_created.connect(_guard, dispatch_uid="fanal.db.agreement")
