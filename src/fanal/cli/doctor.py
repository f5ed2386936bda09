"""`fanal doctor`: checks of this machine and its database, each printed as a sentence with a remedy.

`look_at_nodes` checks the database role that all public nodes (servers on the internet that take reports)
share: privileges that the server leaves to it.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import psycopg

from fanal.cli.boot import UNFINISHED_RESTORE, find_vault
from fanal.cli.doctor_checks import (
    look_at_caller,
    look_at_fingerprints,
    look_at_hashing,
    look_at_identity,
    look_at_outbox,
    look_at_reader,
    look_at_single_sign_on,
    look_at_vault,
)
from fanal.cli.doctor_desk import (
    look_at_channel,
    look_at_desk,
    look_at_rosters,
    look_at_witnesses,
)
from fanal.cli.finding import DoctorFinding, FindingLevel, fine, note, problem
from fanal.cli.lowered import look_at_account
from fanal.cli.run import PORT_FILE, is_alive
from fanal.config.databases import (
    DatabaseRefused,
    Databases,
    are_statements_hidden,
    may_owner_end_sessions,
    open_databases,
)
from fanal.config.environment import SettingRefused, read_environment
from fanal.config.keys import KeysMissing, node_certificate_ends, node_fault
from fanal.config.migration import DatabaseMark, read_mark
from fanal.config.prepared import is_prepared
from fanal.db.closed import closed_logins
from fanal.db.row_security import are_definitions_closed, faults_in_row_security
from fanal.kernel import clock
from fanal.ledger.domain.checkpoint import NoteKey
from fanal.postgres import (
    AccountMissing,
    Cluster,
    ClusterFailed,
    DatabaseRole,
    NoBinaries,
    PlaceRefused,
    find_binaries,
)

_ROOM = 2 * 2**30
_TOLD_BEFORE = timedelta(days=30)
_PATIENCE = "-c lock_timeout=5s -c statement_timeout=300s"


@click.command()
@click.option(
    "--port",
    type=int,
    envvar="FANAL_PORT",
    default=8000,
    show_default=True,
    help="Port of the web server to check.",
)
def doctor(port: int) -> None:
    """Check everything that Fanal needs on this machine, and print each finding with a remedy.

    Exit status 1 if there is a problem.
    """
    try:
        home = read_environment(os.environ).home
    except SettingRefused as refused:  # nothing else is known without the settings
        findings = [problem(str(refused))]
    else:
        findings = [
            *look_at_machine(home=home, port=port),
            *look_at_hashing(),
            *look_at_reader(),
            *look_at_database(home=home),
        ]
    for finding in findings:
        click.echo(f"{finding.level:8}{finding.text}")
    if any(f.level is FindingLevel.PROBLEM for f in findings):
        sys.exit(1)


def look_at_machine(*, home: Path, port: int) -> Iterator[DoctorFinding]:
    """Yield the findings of `fanal doctor` that need no database: folder, disk, port, certificate, assets.

    `home` is the data folder, `port` the one that the web server would use.
    """
    yield fine(f"Python {sys.version.split()[0]}")
    yield _look_at_folder(home)
    place = next(p for p in (home, *home.absolute().parents) if p.exists())
    free = shutil.disk_usage(place).free
    if free < _ROOM:
        yield problem(f"{free // 2**20} MB are free under {place}; 2 GB at least are needed")
    else:
        yield fine(f"{free // 2**30} GB free under {place}")
    yield _look_at_port(port)
    if (served := _served_port(home)) not in {None, port}:
        yield fine(f"this data folder is served on port {served} ('fanal run')")
    yield from _look_at_certificate(home)
    if is_prepared():
        yield fine("front-end assets and catalogues are those of this version")
    else:
        yield problem(
            "front-end assets or catalogues are missing, or of another version: run 'make setup'"
        )
    if os.geteuid() == 0:
        with contextlib.suppress(AccountMissing):
            yield note(f"this is root: {look_at_account(home=home, vault=find_vault())}")


def _look_at_certificate(home: Path) -> Iterator[DoctorFinding]:
    """Yield the finding on the expiry of this node's certificate for signing receipts; none without one.

    Once expired, the node accepts no reports, since it could not acknowledge them.
    """
    try:
        ends = node_certificate_ends(home)
    except KeysMissing as failure:
        yield problem(str(failure))
        return
    if ends is None:
        return
    if (fault := node_fault(home, now=clock.now())) is not None:
        yield problem(f"no report is taken here, since none could be acknowledged: {fault}")
    if ends - clock.now().date() < _TOLD_BEFORE:
        yield problem(
            f"this node signs receipts until {ends} only: start again where receipt-root.key is in "
            "keys/, or make new files for a public node with 'fanal keys node'"
        )
    else:
        yield fine(f"this node signs receipts until {ends}; a start renews that 60 days before")


def look_at_database(*, home: Path) -> Iterator[DoctorFinding]:
    """Yield `fanal doctor`'s findings about PostgreSQL, which is started first if it is the embedded one.

    `home` is the data folder.
    """
    if (home / UNFINISHED_RESTORE).exists():
        yield problem("a restore was broken off: complete it with the same 'fanal restore'")
        return
    try:
        if not os.environ.get("DATABASE_URL") and not home.exists():
            found = find_binaries(os.environ)
            yield fine(f"PostgreSQL {found.version} from {found.folder} ({found.source})")
            return
        if not os.environ.get("DATABASE_URL"):
            cluster = Cluster.open(home=home, environ=os.environ)
            yield from _look_at_cluster(cluster)
        with open_databases(home=home, environ=os.environ) as databases:
            yield fine("the database answers, and commits are durable (fsync, synchronous_commit)")
            yield from _look_at_contents(databases, home=home)
    except (
        *(AccountMissing, ClusterFailed, DatabaseRefused, NoBinaries, PlaceRefused),
        *(OSError, psycopg.Error),
    ) as failure:
        yield problem(str(failure).strip())


def _look_at_folder(home: Path) -> DoctorFinding:
    if not home.exists():
        return fine(f"the data folder {home} will be made at the first start")
    status = home.stat()
    if status.st_uid not in {os.geteuid(), 0}:
        return problem(
            f"the data folder {home} belongs to another account; set FANAL_HOME to one of yours"
        )
    if status.st_mode & 0o066:
        return note(f"others may look into {home}; close it: chmod go-rw {home}")
    return fine(f"data folder {home}")


def _look_at_port(port: int) -> DoctorFinding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return note(
                f"port {port} is in use: by Fanal itself if it runs, else choose another (--port)"
            )
    return fine(f"port {port} is free")


def _served_port(home: Path) -> int | None:
    """Return the port noted in this data folder, if a Fanal answers there now; else None."""
    try:
        port = int((home / PORT_FILE).read_text())
    except (OSError, ValueError):
        return None
    return port if is_alive("127.0.0.1", port) else None


def _look_at_cluster(cluster: Cluster) -> Iterator[DoctorFinding]:
    binaries, place = cluster.binaries, cluster.place
    yield fine(f"PostgreSQL {binaries.version} from {binaries.folder} ({binaries.source})")
    if place.sheltered:
        yield note(
            f"the account '{place.account.name}' cannot reach {cluster.home}: the database lies in "
            f"{place.root}. Back up and remove that folder together with the data folder."
        )
    else:
        yield fine(f"database in {place.root}, owned by '{place.account.name}'")


def _look_at_contents(databases: Databases, *, home: Path) -> Iterator[DoctorFinding]:
    mark = read_mark(databases.url(next(iter(databases.urls))))
    if mark is None:
        yield note("the database is empty: 'fanal run' or 'fanal migrate' fills it")
        return
    yield fine(f"the database is marked {mark}")
    yield _look_at_agreement()
    if mark is DatabaseMark.PRODUCTION:
        yield from _look_at_keys(home)
        yield _look_at_origin(home)
        yield from look_at_channel()
    yield from look_at_single_sign_on()
    yield look_at_fingerprints(databases.url(next(iter(databases.urls))), home)
    yield look_at_identity(databases.url(next(iter(databases.urls))), find_vault())
    if DatabaseRole.APP in databases.urls:
        with _session(databases.url(DatabaseRole.APP)) as connection:
            yield _look_at_worker(connection)
            yield from look_at_nodes(connection)
            yield look_at_caller(connection, log=home / "log" / "calls.log")
            yield from look_at_vault(connection, find_vault())
            if mark is DatabaseMark.PRODUCTION:
                yield from look_at_rosters(connection)
                yield from look_at_witnesses(connection, home)
    if DatabaseRole.AUDITOR in databases.urls and _lets_auditor_in(databases):
        with _session(databases.url(DatabaseRole.AUDITOR)) as connection:
            yield from look_at_outbox(connection, demo=mark is DatabaseMark.DEMO)
            if mark is DatabaseMark.PRODUCTION:
                yield from look_at_desk(connection)


def _session(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """Open a database connection that waits for no lock: a lock may be the fault to diagnose.

    Raises:
        psycopg.Error: the database does not answer.
    """
    return psycopg.connect(url, connect_timeout=10, options=_PATIENCE)


def _lets_auditor_in(databases: Databases) -> bool:
    """Return whether the database accepts the login of the auditor's database role.

    True also if the role of the application is not available, so that it cannot be checked.
    """
    if DatabaseRole.APP not in databases.urls:
        return True
    with _session(databases.url(DatabaseRole.APP)) as connection:
        return DatabaseRole.AUDITOR.login not in closed_logins(connection.cursor())


def _look_at_agreement() -> DoctorFinding:
    """Return the finding on whether clock and schema version of this machine agree with the database."""
    checked = subprocess.run(
        [sys.executable, "-m", "fanal", "migrate", "--check", "--lang", "en"],
        check=False,
        capture_output=True,
        text=True,
    )
    if checked.returncode:
        return problem(checked.stderr.strip().removeprefix("fanal: "))
    return fine("the tables are those of this version, and the clock is the database's")


def _look_at_origin(home: Path) -> DoctorFinding:
    """Return the finding on the ledger's name, part of every checkpoint: a fault if it is an example's.

    An example: a host ending in `.test`, `.example` or `.invalid`. The name is fixed with the first key.
    """
    for path in sorted((home / "keys").glob("ledger-*.vkey")):
        origin = NoteKey.decode(path.read_text().strip()).name
        if origin.partition("/")[0].endswith((".test", ".example", ".invalid")):
            return problem(
                f"the ledger signs its checkpoints as '{origin}', an example: set FANAL_LEDGER_ORIGIN to "
                "a name of yours (such as desk.example.org/ledger) before the first start; it is fixed "
                "with the first key, so a new installation needs a new data folder"
            )
    return fine("the ledger's name is the installation's own")


def _look_at_keys(home: Path) -> Iterator[DoctorFinding]:
    """Yield a problem if the keys share a file system with the vault or the backups: one theft takes both."""
    folders = {"keys": home / "keys", "vault": find_vault(), "backups": home / "backups"}
    devices = {name: path.stat().st_dev for name, path in folders.items() if path.exists()}
    for name in ("vault", "backups"):
        if "keys" in devices and devices["keys"] == devices.get(name):
            yield problem(
                f"keys and {name} share a file system ({folders[name]}): whoever takes one takes both. "
                "Mount the keys from elsewhere; keys in this folder are for demo and test."
            )


def _look_at_worker(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    seen = connection.execute(
        "SELECT extract(epoch FROM now() - max(last_heartbeat))::integer FROM procrastinate_workers"
    ).fetchone()
    if seen is None or seen[0] is None:
        return note("no worker runs: reports are received and wait ('fanal run' starts one)")
    if isinstance(seen[0], int) and seen[0] > 60:
        return note(f"the last worker was seen {seen[0]} s ago: reports are received and wait")
    return fine("a worker is alive")


_CLOSE = "run 'fanal provision' with a superuser's DATABASE_URL"
_LOGIN = DatabaseRole.INTAKE.login
_UNUSED = 100_000_000
"""Unused report numbers drawn after the last used one, above which a node is exhausting the sequence."""


def look_at_nodes(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[DoctorFinding]:
    """Yield the findings on the harm that a compromised public node could do to others and to the server.

    A public node is a server on the internet that takes reports. Each finding concerns a privilege or limit
    of the nodes' database role. `connection` reads PostgreSQL's settings.
    """
    yield _look_at_closed(connection)
    yield _look_at_functions(connection)
    yield _look_at_definitions(connection)
    yield _look_at_policies(connection)
    yield _look_at_remains(connection)
    yield _look_at_hoarding(connection)
    yield _look_at_statements(connection)
    yield _look_at_databases(connection)
    yield look_at_numbers(connection)


def _look_at_closed(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    if closed := closed_logins(connection.cursor()):
        return problem(
            f"the database lets {' and '.join(closed)} in no more: sessions of theirs kept everybody out and "
            "heard of no end. Somebody else has that password: find the machine, then "
            "'fanal provision --new-passwords' (or, as the owner, GRANT CONNECT ON DATABASE)"
        )
    return fine("public nodes and the auditor are let in")


def _look_at_functions(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    for function, can in (
        ("pg_advisory_lock", "take PostgreSQL's advisory locks, until nobody connects"),
        (
            "pg_logical_emit_message",
            "write gigabytes to PostgreSQL's log, which every commit waits behind",
        ),
        ("pg_terminate_backend", "end each other's sessions"),
        ("lo_create", "fill the disk with large objects, which nobody else can read or remove"),
    ):
        ask = (
            "SELECT FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = %s"
            " AND has_function_privilege(%s, oid, 'EXECUTE')"
        )
        if connection.execute(ask, (function, _LOGIN)).fetchone() is not None:
            return problem(f"public nodes may {can}: {_CLOSE}")
    return fine("PostgreSQL's advisory locks and large objects are closed to public nodes")


def _look_at_definitions(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    if not are_definitions_closed(connection):
        return problem(
            "roles may take themselves out of the rules on rows (DROP OWNED), and make everybody wait for "
            f"what is then refused (CREATE RULE): {_CLOSE}"
        )
    return fine("nobody but the owner defines anything in the database")


def _look_at_policies(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    if wrong := faults_in_row_security(connection):
        return problem(
            f"the rules on rows of {len(wrong)} tables ({', '.join(wrong[:3])}...) are not those of this "
            "version: run 'fanal migrate' as the owner. If the tables were of this version already, ask who "
            "changed the rules"
        )
    return fine("the rules on rows are those of this version")


def _look_at_remains(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    """Return the finding on objects that a node's session could leave: prepared transactions, large objects.

    They outlive the session, with their locks. `connection` reads PostgreSQL's settings and catalogues.
    """
    row = connection.execute(
        "SELECT current_setting('max_prepared_transactions') <> '0', count(*) FROM pg_largeobject_metadata"
    ).fetchone()
    prepared, objects = row or (False, 0)
    if prepared:
        return problem(
            "a public node may leave locks that belong to no session (PREPARE TRANSACTION): set "
            "max_prepared_transactions = 0 and start PostgreSQL again"
        )
    if objects:
        return problem(
            f"the database holds {objects} large objects, and Fanal makes none: take those of "
            "pg_largeobject_metadata away (lo_unlink, as a superuser), and ask who made them"
        )
    return fine("no session leaves locks or large objects behind")


def _look_at_hoarding(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    if not may_owner_end_sessions(connection):
        return problem(
            "a public node may fill PostgreSQL's table of locks with nested savepoints, and nothing ends its "
            f"sessions: {_CLOSE}"
        )
    return fine("sessions of public nodes that hoard locks are ended")


def _look_at_statements(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    if not are_statements_hidden(connection):
        return problem(
            "public nodes read in pg_stat_activity what the others ask, digests of partners' secrets "
            f"among it: {_CLOSE}"
        )
    return fine("public nodes do not see each other's statements")


def _look_at_databases(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    names = connection.execute(
        "SELECT datname FROM pg_database WHERE datallowconn AND datname <> current_database()"
        " AND has_database_privilege(%s, oid, 'CONNECT') ORDER BY datname",
        (_LOGIN,),
    ).fetchall()
    if names:
        listed = ", ".join(str(row[0]) for row in names)
        return problem(
            f"public nodes may sign in to other databases of this server ({listed}), where nothing is "
            "closed to them: REVOKE CONNECT ON DATABASE ... FROM PUBLIC; for postgres and template1, "
            f"{_CLOSE}"
        )
    return fine("public nodes reach no other database of the server")


def look_at_numbers(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    """Return the finding on whether a public node uses up the report numbers of the NCMEC-compatible API.

    They are 32-bit integers for its clients, and so can be exhausted. `connection` reads their sequence.
    """
    row = connection.execute(
        "SELECT coalesce(max(wire_id), 1000000) + 1,"
        " pg_sequence_last_value('intake_wire_id_seq'::regclass) - coalesce(max(wire_id), 1000000) > %s"
        " FROM intake_wire",
        (_UNUSED,),
    ).fetchone()
    following, wasted = row or (0, False)
    if wasted:
        return problem(
            "a public node uses up the numbers of the wire, which end at 2147483647 for its clients: find "
            f"it, then, as the owner, ALTER SEQUENCE intake_wire_id_seq RESTART WITH {following}"
        )
    return fine("the numbers of the wire are given to reports")
