"""The PostgreSQL of a test run, and the roles that Django takes in it."""

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

import psycopg
from django.db import connection
from django.test import TransactionTestCase
from psycopg import sql

from fanal.config.databases import Databases, close_shared_functions, open_databases, provision
from fanal.config.environment import database_settings, read_environment
from fanal.config.migration import migrating
from fanal.db.row_security import close_definitions
from fanal.postgres import Cluster, DatabaseRole, PasswordFile, cluster as launcher
from fanal.postgres.place import make_home

SHARED = "FANAL_TEST_CLUSTER"
_MEMORY = Path("/dev/shm")
_ROOM = 4 * 2**30
_PREFIX = f"fanal-test-{os.getuid()}-"
_LARGE = 4_000_000
_KEPT = ("django_migrations", "fanal_instance")
_RUN = "run.lock"
_CONNECTIONS = "300"
_held: list[TextIO] = []
"""The run's own lock, for as long as its first process lives: no other run takes the folder for one left behind.

The server's lock says less: between two processes that use it nobody holds it.
"""

# Counts the locks waited for that the asking connection holds: other tests share the server.
WAITING_FOR_ME = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"


def test_home() -> tuple[Path, bool]:
    """Return the data folder of this process, and whether it made the one of the whole run.

    Workers of pytest-xdist share the server of the process that started them; vault and keys are
    each process's own.
    """
    controller = SHARED not in os.environ
    if controller:
        _sweep()
        folder = fast_folder() / f"{_PREFIX}{secrets.token_hex(4)}"
        make_home(folder)
        _held.append((folder / _RUN).open("w"))
        fcntl.flock(_held[0], fcntl.LOCK_EX)
        os.environ[SHARED] = str(folder)
    home = Path(os.environ[SHARED]) / f"home-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    home.mkdir(mode=0o700, exist_ok=True)
    return home, controller


def fast_folder() -> Path:
    """Return where a database of tests waits least for its disk: memory where there is room, else as usual.

    Nothing is asked differently of it: it syncs as ever, and keeps what it holds when its processes are killed.
    """
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM
    return _MEMORY if roomy and os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())


test_home.__test__ = False  # type: ignore[attr-defined]


_BOUND = "SELECT pg_get_functiondef('accounts_has_come'::regproc)"
_LOOSE = """
CREATE OR REPLACE FUNCTION accounts_has_come(instant timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT isfinite(instant) AND instant <= clock_timestamp() + interval '100 years'
$$
"""
"""Most tests play at another time than the server's; `held_to_its_clock` is for those of the bound itself."""


class TestServer:
    """Opened at the first test that needs it; closed with the process."""

    __test__ = False

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._databases: Databases | None = None
        self._admin = ""
        self._seeds: dict[str, bytes] = {}
        self._role = "app"
        self._ready = False
        self._bound = ""
        self._emptier: psycopg.Connection[tuple[object, ...]] | None = None
        """Kept between tests: a session that is new reads the definitions of every table first."""

    def open(self) -> None:
        """Start or join the server; make Django its owner."""
        home = Path(os.environ[SHARED])
        with (home / "set-up.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if given := os.environ.get("DATABASE_URL"):
                provision(admin_url=given, passwords=PasswordFile(home / "keys/database.json"))
            with _for_many_processes():
                self._databases = self._stack.enter_context(
                    open_databases(home=home, environ=os.environ)
                )
            cluster = self._databases.cluster
            self._admin = cluster.admin_url() if cluster else os.environ["DATABASE_URL"]
            with psycopg.connect(_to(self._admin, "template1"), autocommit=True) as admin:
                admin.execute("ALTER ROLE fanal_owner CREATEDB")
                # `as_worker` alone makes use of it: nothing is inherited, every other statement is the app's.
                admin.execute("ALTER ROLE fanal_app NOINHERIT")
                admin.execute("GRANT fanal_worker TO fanal_app")
                _prepare_template(admin)
        self._sign_in("owner")

    def finish_set_up(self) -> None:
        """Write the mark and the grants, note what migrations stored, and become the app."""
        with migrating(owner_url=self.urls()["owner"], mark=None):
            pass
        with psycopg.connect(self._admin_here()) as admin:
            (self._bound,) = admin.execute(_BOUND).fetchone() or ("",)
            admin.execute(_LOOSE)
            self._seeds = {t: _copy_out(admin, t) for t in _filled(admin) if t not in _KEPT}
        TransactionTestCase._fixture_teardown = lambda _self: self.empty()
        self._ready = True
        self._sign_in(self._role)

    @contextlib.contextmanager
    def held_to_its_clock(self) -> Iterator[None]:
        """Refuse acts of persons that are dated ahead of the server's clock, as an installation does."""
        with psycopg.connect(self._admin_here(), autocommit=True) as admin:
            admin.execute(self._bound)
            try:
                yield
            finally:
                admin.execute(_LOOSE)

    def become(self, role: str) -> None:
        """Sign Django in as `role`, at the latest when the database is there."""
        if self._ready and role != self._role:
            self._sign_in(role)
        self._role = role

    def become_owner(self) -> None:
        """Give Django back to the owner, who drops the database."""
        self._ready = False
        if self._emptier is not None:
            self._emptier.close()
        self._sign_in("owner")
        with psycopg.connect(self._admin_here(), autocommit=True) as admin:
            admin.execute(  # a browser, or a thread of a test, may still be closing its session
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    def urls(self) -> dict[str, str]:
        """Return the address of the test database for each role."""
        assert self._databases is not None
        name = str(connection.settings_dict["NAME"])
        return {role.value: _to(url, name) for role, url in self._databases.urls.items()}

    @contextlib.contextmanager
    def connections(self) -> Iterator[Callable[[str], psycopg.Connection[tuple[object, ...]]]]:
        """Yield a function that connects as a role and proves it; close all at the end."""
        with contextlib.ExitStack() as stack:

            def connect(role: str) -> psycopg.Connection[tuple[object, ...]]:
                opened = stack.enter_context(psycopg.connect(self.urls()[role], autocommit=True))
                assert opened.execute("SELECT current_user").fetchone() == (f"fanal_{role}",)
                return opened

            yield connect

    def empty(self) -> None:
        """Empty what a committing test filled and put back what migrations had stored.

        Done as administrator with triggers off: the roles under test can not, and the ledger refuses.
        """
        self.put_back(self._seeds)

    def copy_rows(self) -> Mapping[str, bytes]:
        """Return all that is committed, by table, for `put_back`."""
        admin = self._without_triggers()
        return {name: _copy_out(admin, name) for name in _filled(admin) if name not in _KEPT}

    def put_back(self, rows: Mapping[str, bytes]) -> None:
        """Have these rows of `copy_rows` in the database, and no others."""
        connection.close()
        admin = self._without_triggers()
        for name in [t for t in _filled(admin) if t not in _KEPT]:
            # Few rows: far cheaper than new files for the table and all its indexes.
            verb = "TRUNCATE {} CASCADE" if _is_large(admin, name) else "DELETE FROM {}"
            admin.execute(sql.SQL(verb).format(sql.Identifier(name)))
        for table, content in rows.items():
            with admin.cursor().copy(
                sql.SQL("COPY {} ({}) FROM STDIN").format(
                    sql.Identifier(table), _columns(admin, table)
                )
            ) as copy:
                copy.write(content)

    def _without_triggers(self) -> psycopg.Connection[tuple[object, ...]]:
        if self._emptier is None or self._emptier.closed:
            self._emptier = psycopg.connect(self._admin_here(), autocommit=True)
            self._emptier.execute("SET session_replication_role = replica")
        return self._emptier

    def close(self) -> None:
        """Leave the server; the last one stops it."""
        self._stack.close()

    def remove_folder(self) -> None:
        """Remove everything the run wrote."""
        shutil.rmtree(os.environ[SHARED], ignore_errors=True)
        _held.pop().close()

    def _sign_in(self, role: str) -> None:
        assert self._databases is not None
        url = self._databases.url(DatabaseRole(role))
        settings = database_settings(read_environment({"DATABASE_URL": url}))
        connection.close()
        name = connection.settings_dict["NAME"] if self._role_known() else settings["NAME"]
        connection.settings_dict.update(settings | {"NAME": name})

    def _role_known(self) -> bool:
        return str(connection.settings_dict["NAME"]).startswith("test_")

    def _admin_here(self) -> str:
        return _to(self._admin, str(connection.settings_dict["NAME"]))


@contextlib.contextmanager
def _for_many_processes() -> Iterator[None]:
    """Start the server with room for the processes of a run, each with servers and workers of its own."""
    options = launcher.server_options
    launcher.server_options = lambda place: options(place) | {"max_connections": _CONNECTIONS}
    try:
        yield
    finally:
        launcher.server_options = options


@contextlib.contextmanager
def as_worker() -> Iterator[None]:
    """Run a block of a test of the app with the worker's rights, in the transaction that is open.

    The owner, who has them, stays what it is.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (before,) = cursor.fetchone()
        if before != "fanal_owner":
            cursor.execute("SET ROLE fanal_worker")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(str(before))))


def install_keys() -> None:
    """Make this run's keys in its own folder and hand them to the process, as `fanal run` does."""
    from django.conf import settings

    from fanal.config.keys import ensure_keys
    from fanal.config.wiring import wire_keys
    from fanal.kernel import clock
    from fanal.web.public import setup as public_pages

    home = Path(os.environ["FANAL_HOME"])
    ensure_keys(home, now=clock.now(), origin="fanal.test/ledger", node="test")
    wire_keys(home, public_node=False)
    public_pages.install(
        public_pages.PublicNode.under(home, secret=settings.SECRET_KEY, keep_address=False)
    )


def _to(url: str, database: str) -> str:
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{database}" + (f"?{query}" if query else "")


def _prepare_template(admin: psycopg.Connection[tuple[object, ...]]) -> None:
    """Make new databases like provisioning does: extensions, and a schema closed to the public."""
    for extension in ("pg_trgm", "unaccent"):
        admin.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    close_shared_functions(admin)
    close_definitions(admin)
    admin.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for role in DatabaseRole:
        admin.execute(f"GRANT USAGE ON SCHEMA public TO {role.login}")


def _filled(admin: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    names = admin.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " ORDER BY 1"
    ).fetchall()
    parts = [
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(
            sql.Literal(name), sql.Identifier(str(name))
        )
        for (name,) in names
    ]
    return [str(row[0]) for row in admin.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall()]


def _is_large(admin: psycopg.Connection[tuple[object, ...]], table: str) -> bool:
    row = admin.execute(
        "SELECT pg_relation_size(%(table)s::regclass) + coalesce(sum(pg_relation_size(relid)), 0)"
        " > %(large)s FROM pg_partition_tree(%(table)s::regclass)",
        {"table": table, "large": _LARGE},
    ).fetchone()
    return row == (True,)


def _copy_out(admin: psycopg.Connection[tuple[object, ...]], table: str) -> bytes:
    statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
        _columns(admin, table), sql.Identifier(table)
    )
    with admin.cursor().copy(statement) as copy:
        return b"".join(bytes(block) for block in copy)


def _columns(admin: psycopg.Connection[tuple[object, ...]], table: str) -> sql.Composable:
    """Return the columns that are stored as given, those the database works out left out."""
    names = admin.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        [table],
    ).fetchall()
    return sql.SQL(", ").join(sql.Identifier(str(name)) for (name,) in names)


def _sweep() -> None:
    """Stop and remove what killed runs left behind: their lock is free."""
    places = {fast_folder(), Path(tempfile.gettempdir())}
    for folder in [found for place in places for found in place.glob(f"{_PREFIX}*")]:
        try:
            with (folder / _RUN).open() as run, (folder / "postgres.users").open() as users:
                for lock in (run, users):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                Cluster.open(home=folder, environ=os.environ).stop()
        except (FileNotFoundError, BlockingIOError):
            continue
        shutil.rmtree(folder, ignore_errors=True)
