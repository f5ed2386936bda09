"""The check that a process and its database agree on clock and schema.

Entry points (request, batch, command) run it. During a disagreement every statement of the process, except
of health probes (`unrefused`), fails as if the database were unavailable, and each interface answers in its
own format: nothing is acknowledged.
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

import psycopg
from django.apps import apps
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.migrations.loader import MigrationLoader

from fanal.kernel import clock

MOST_APART = timedelta(seconds=5)
"""Largest tolerated clock difference for the signature of receipts."""
_ASK_EVERY = 5.0


class Disagreement(StrEnum):
    """The points on which a process and its database may disagree.

    CLOCK: their clocks differ. TABLES: the database's schema is newer than this version of the program.
    """

    CLOCK = "clock"
    TABLES = "tables"


class Disagreed(OperationalError):
    """Error: the process may not use this database now, as clocks or schemas differ (see the text)."""


_WORDS = {
    Disagreement.CLOCK: "the clock of this machine and that of the database are more than 5 s apart",
    Disagreement.TABLES: "the tables are newer than this version of Fanal",
}


def look() -> frozenset[Disagreement]:
    """Return the present disagreements between this process and its database.

    CLOCK: more than 5 s apart; TABLES: a migration is applied that this version does not have.

    Raises:
        DatabaseError, InterfaceError: the database does not answer.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        # Bypass Django's cursor, whose statements `_refuse` intercepts.
        server = connection.connection
        offset = clock_offset(server)
        exists = server.execute("SELECT to_regclass('django_migrations') IS NOT NULL").fetchone()[0]
        rows = (
            server.execute("SELECT app, name FROM django_migrations").fetchall() if exists else ()
        )
    found = set()
    if offset > MOST_APART:
        found.add(Disagreement.CLOCK)
    if _unknown(set(map(tuple, rows))):
        found.add(Disagreement.TABLES)
    return frozenset(found)


def clock_offset(server: psycopg.Connection[tuple[datetime, ...]]) -> timedelta:
    """Return the least possible difference between the clocks of the database `server` and of this machine.

    It is never negative, and zero if the database's time lies between two readings of ours.
    """
    before = clock.now()
    [there] = server.execute("SELECT clock_timestamp()").fetchone() or [before]
    return apart(before, there, clock.now())


def apart(before: datetime, there: datetime, after: datetime) -> timedelta:
    """Return the least possible difference between the database's clock, which read `there`, and ours.

    It was read between our instants `before` and `after`. The result is never negative, and zero if `there`
    lies between them.
    """
    return max(before - there, there - after, timedelta())


def words(parts: frozenset[Disagreement]) -> str:
    """Return the disagreements `parts` (clock, schema) as an English message, for a log or a command."""
    return "; ".join(_WORDS[part] for part in sorted(parts))


@cache
def _files() -> frozenset[tuple[str, str]]:
    """Return the migrations on disk as (app, name), from their file names alone."""
    found = set()
    for app in apps.get_app_configs():
        name, _ = MigrationLoader.migrations_module(app.label)
        if name is not None and find_spec(name) is not None:
            folder = import_module(name).__path__
            found |= {(app.label, file.name) for file in iter_modules(folder) if not file.ispkg}
    return frozenset(found)


def _unknown(rows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the applied migrations (app, name) that this version does not have, of its own apps only.

    `rows` are all applied migrations. Those that a migration on disk replaces (squashed) count as known.
    """
    ours = {app for app, _ in _files()}
    missing = {row for row in rows if row[0] in ours} - _files()
    return missing - _replaced() if missing else missing


@cache
def _replaced() -> frozenset[tuple[str, str]]:
    """Return the migrations (app, name) that squashed migrations on disk replace.

    This loads every migration file.
    """
    loader = MigrationLoader(None)
    return frozenset(old for new in loader.disk_migrations.values() for old in new.replaces)


class AgreementWatch:
    """A process's cached result of the check on clock and schema, refreshed every few seconds.

    `parts` are the disagreements at the last check. `ask` performs the check, by default `look`.
    """

    def __init__(self, ask: Callable[[], frozenset[Disagreement]] = look) -> None:
        self._ask = ask
        self._next = 0.0
        self.parts: frozenset[Disagreement] = frozenset()

    def renew(self) -> frozenset[Disagreement]:
        """Return the disagreements (clock, schema); repeat the check if the last one is some seconds old."""
        if time.monotonic() >= self._next:
            self.parts = self._ask()
            self._next = time.monotonic() + _ASK_EVERY
        return self.parts


_installed: list[AgreementWatch] = []
_thread = threading.local()


def install(watch: AgreementWatch | None) -> None:
    """Install `watch` for this process and all its connections; None disables check and refusal."""
    _installed[:] = [watch] if watch is not None else []


def renew() -> frozenset[Disagreement]:
    """Return how process and database disagree (clock, schema); repeat the check if the last one is old.

    The result is empty if they agree, and in a process without an installed `AgreementWatch`, which makes no
    check.

    Raises:
        DatabaseError, InterfaceError: the database does not answer; the last result remains in force.
    """
    return _installed[0].renew() if _installed else frozenset()


@contextmanager
def unrefused() -> Iterator[None]:
    """Let this thread's statements run inside the block although process and database disagree.

    They disagree on clock or schema, and all other statements fail. For a health probe, which must be able to
    report that.
    """
    _thread.free = True
    try:
        yield
    finally:
        _thread.free = False


def _refuse(execute: Callable[..., object], sql: str, *more: object) -> object:
    """Execute a statement, unless process and database disagree on clock or schema.

    A Django `execute_wrapper`.

    Raises:
        Disagreed: they disagree.
    """
    if _installed and (parts := _installed[0].parts) and not getattr(_thread, "free", False):
        raise Disagreed(words(parts))
    return execute(sql, *more)


_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')"
)
"""A statement that enforces durable commits in a session, whatever the defaults of its role.

A role may change its own defaults: a compromised public node could change those of all later sessions of its
role, which would then acknowledge reports that a power cut destroys.
"""


def _guard(*, connection: BaseDatabaseWrapper, **more: object) -> None:
    """Prepare a new connection: make commits durable, refuse statements if clock or schema disagree.

    A receiver of Django's signal `connection_created`.
    """
    del more
    connection.connection.execute(_DURABLE)
    if _refuse not in connection.execute_wrappers:
        connection.execute_wrappers.append(_refuse)


connection_created.connect(_guard, dispatch_uid="fanal.db.agreement")
