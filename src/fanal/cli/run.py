"""`fanal run`: starts the database, migrates it, and runs web server, workers and alarm calls.

It stays in the foreground and supervises these processes.
"""

import contextlib
import errno
import http.client
import ipaddress
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click
import psycopg

from fanal.cli.announcing import announce_at, known_accounts
from fanal.cli.boot import (
    find_home,
    find_vault,
    make_keys,
    process_environment,
    refuse_half_restored,
    require_keys,
    require_vault,
)
from fanal.cli.doctor_desk import FAULTS
from fanal.cli.failures import CommandRefused, Failed, language, reason
from fanal.cli.lowered import lower
from fanal.cli.supervisor import CallsSign, Child, PasswordWatch, Supervisor, say
from fanal.config.databases import DatabaseRefused, Databases, check_durability, open_databases
from fanal.config.environment import read_environment
from fanal.config.gate import HEADERS, THREADS
from fanal.config.installation import KeysElsewhere, VaultElsewhere
from fanal.config.keys import KeysMissing, ensure_node_secret, load_keys, node_fault
from fanal.config.mailing import mailer_of
from fanal.config.migration import DatabaseMark, agrees, read_mark
from fanal.config.prepared import is_prepared
from fanal.kernel import clock
from fanal.kernel.process import FIRST, hurried
from fanal.postgres import ClusterFailed, DatabaseRole
from fanal.postgres.roles import write_private

PORT_FILE = "port"
"""File in which `fanal run` stores its port for `fanal doctor`."""
_READY_SECONDS = 90.0
_WEB_STOP_SECONDS = 10
_PORT_TRIES = 12
_PORT_PAUSE = 0.5


@click.command()
@click.option("--demo", is_flag=True, help="Load and serve the synthetic demo, on loopback only.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    envvar="FANAL_PORT",
    default=8000,
    show_default=True,
    help="Port to listen on.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    envvar="FANAL_WORKERS",
    default=1,
    show_default=True,
    help="Number of worker processes, one core each.",
)
def run(demo: bool, port: int, host: str, workers: int) -> None:
    """Run database (if embedded), web server, workers and alarm calls, until SIGTERM."""
    home = _look_first(demo=demo, host=host)
    (home / "log").mkdir(mode=0o700, exist_ok=True)
    with contextlib.ExitStack() as opened:
        with hurried(FIRST):
            databases = opened.enter_context(open_databases(home=home, environ=os.environ))
            role = _web_role()
            passwords = PasswordWatch(databases)
            first = _first_children(databases, home=home)
            calls = _calls_at_once(passwords, role=role, home=home, demo=demo, host=host, port=port)
        _prepare(databases, role=role, home=home, demo=demo)
        _tell_of_node_key(home)
        mark = read_mark(databases.url(role))
        if mark is DatabaseMark.DEMO and not _is_loopback(host):
            raise CommandRefused("LOOPBACK_ONLY")
        _wait_for_port(host, port)
        children = _children(databases, home=home, mark=mark, host=host, port=port, workers=workers)
        if role is DatabaseRole.APP:
            children.insert(0, calls or _calls(passwords, home=home, mark=mark))
        loading = [_demo(databases, home=home)] if demo else []
        signed_in = [*children, *loading]
        _lower(signed_in, home=home, port=port)
        _note_port(home, port)

        def mend() -> None:
            _mend(databases)
            passwords.follow(signed_in)

        with Supervisor(children=children, mend=mend) as supervisor:
            supervisor.children.extend(first)
            known = known_accounts(databases.url(role)) if mark is DatabaseMark.DEMO else ""
            _announce(supervisor, home=home, host=host, port=port, mark=mark, known=known)
            # Only now: the first part of its load locks the accounts against all others.
            supervisor.children.extend(loading)
            if mark is DatabaseMark.PRODUCTION and role is DatabaseRole.APP:
                _tell_of_mail()
            supervisor.run()


def _look_first(*, demo: bool, host: str) -> Path:
    """Return the data folder, after checking for obstacles to a start; warn if page assets are missing.

    Raises:
        CommandRefused: LOOPBACK_ONLY, a demo that would listen on another address than loopback.
        Failed: RESTORE_UNFINISHED, a restore into the data folder was interrupted.
    """
    if demo and not _is_loopback(host):
        raise CommandRefused("LOOPBACK_ONLY")
    if not is_prepared():
        say("front-end assets or catalogues are missing, or of another version: run 'make setup'")
    home = find_home()
    refuse_half_restored(home)
    return home


def _tell_of_node_key(home: Path) -> None:
    """Print a message if this machine cannot sign receipts, so that it accepts no report.

    The desk starts all the same: alarm calls must be sent.
    """
    if (fault := node_fault(home, now=clock.now())) is not None:
        say(f"no report is taken here, since none could be acknowledged: {fault}")


def _note_port(home: Path, port: int) -> None:
    """Write the port for `fanal doctor`; without room on the disk, print a message instead."""
    try:
        write_private(home / PORT_FILE, f"{port}\n")
    except OSError as failure:
        say(f"the port could not be noted: {reason(failure)}")


def _tell_of_mail() -> None:
    for fault in mailer_of(read_environment(os.environ)).faults():
        say(f"no call for a child in danger reaches anybody: {FAULTS[fault]}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _wait_for_port(host: str, port: int) -> None:
    """Wait until the web server can use the address: the process of a killed supervisor may still be ending.

    Raises:
        Failed: ADDRESS_TAKEN: it remains in use, or cannot be bound for another reason (`detail`).
    """
    for tries_left in reversed(range(_PORT_TRIES)):
        try:
            _bind(host.strip("[]"), port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not tries_left:
                address = f"{host}:{port}"
                raise Failed("ADDRESS_TAKEN", address=address, detail=reason(error)) from None
            time.sleep(_PORT_PAUSE)
        else:
            return


def _is_foreign(host: str, port: int) -> bool:
    """Return whether the address (`host`, `port`) belongs to no interface of this machine.

    False for one that is in use, since it may become free.
    """
    try:
        _bind(host.strip("[]"), port)
    except OSError as error:
        return error.errno != errno.EADDRINUSE
    return False


def _bind(host: str, port: int) -> None:
    """Bind the address (`host`, `port`) for a moment, to test whether the web server can.

    Raises:
        OSError: it cannot.
    """
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def _mend(databases: Databases) -> None:
    cluster = databases.cluster
    if cluster is not None and cluster.pid is None:
        say("PostgreSQL ended; restarting")
        try:
            cluster.start()
        except (ClusterFailed, OSError) as failure:
            say(f"{failure}")


def _environment(
    databases: Databases, *, role: DatabaseRole, home: Path, mark: DatabaseMark | None
) -> dict[str, str]:
    """Return a child's environment: the caller's, with the database URL of its own role only.

    `mark` says whether the database is a demo; `home` is the data folder.
    """
    kept = {k: v for k, v in os.environ.items() if k != "DATABASE_URL" and not k.startswith("PG")}
    return kept | process_environment(databases=databases, role=role, home=home, mark=mark)


def _fanal(*arguments: str, environment: Mapping[str, str]) -> None:
    """Run a `fanal` command (`arguments`) in `environment` and wait; exit with its status if it fails."""
    answer = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "fanal", "--lang", language(), *arguments],
        env=dict(environment),
        check=False,
    )
    if answer.returncode != 0:
        sys.exit(answer.returncode)


def _web_role() -> DatabaseRole:
    public = read_environment(os.environ).public_node
    return DatabaseRole.INTAKE if public else DatabaseRole.APP


def _prepare(databases: Databases, *, role: DatabaseRole, home: Path, demo: bool) -> None:
    """Create the keys and migrate the schema if this machine has the owner's role; otherwise check both.

    Exits with the status of `fanal migrate` if that fails. `demo`: migrate as a demo database.

    Raises:
        KeysElsewhere: this machine lacks registered keys, or holds others.
        VaultElsewhere: it mounts another vault than that of the database.
        KeysMissing, DatabaseRefused: it is a public node that could not accept reports.
    """
    if role is DatabaseRole.INTAKE:
        _check_public_node(databases, home=home)
    elif DatabaseRole.OWNER in databases.urls:
        make_keys(databases, home=home)
        _migrate(databases, home=home, demo=demo)
    else:
        _check_tables(databases, role=role, home=home)
    require_keys(databases, role=role, home=home)
    require_vault(databases, role=role)


def _lower(children: list[Child], *, home: Path, port: int, at_once: bool = False) -> None:
    """Run the children under the service's unprivileged account if root starts them.

    `home` (the data folder) and `port` are what the account must be able to use; otherwise they keep the
    account of root, with a message. `at_once`: without a trial start of the program.
    """
    lowered = lower(home=home, vault=find_vault(), port=port, at_once=at_once)
    for child in children:
        child.account = lowered.account if lowered else None
        if lowered is not None:
            child.environment = {**child.environment, **lowered.environment}


def _check_public_node(databases: Databases, *, home: Path) -> None:
    """Refuse a public node that could not accept reports; such a node migrates nothing and creates no keys.

    Raises:
        KeysMissing: its key files are missing, or its receipts could not be verified.
        DatabaseRefused: the database server may lose committed data.
    """
    load_keys(home, public_node=True)
    if (fault := node_fault(home, now=clock.now())) is not None:
        raise KeysMissing(f"{fault}: make new files with 'fanal keys node'")
    ensure_node_secret(home)
    role = DatabaseRole.INTAKE
    check_durability([databases.url(role)])
    _check_tables(databases, role=role, home=home)


def _check_tables(databases: Databases, *, role: DatabaseRole, home: Path) -> None:
    """Exit with a message if the schema is not that of this version, or the clocks are too far apart.

    Only the owner's role may migrate, so another `role` can only check (`fanal migrate --check`); `home` is
    the data folder.
    """
    environment = _environment(databases, role=role, home=home, mark=None)
    _fanal("migrate", "--check", environment=environment)


def _migrate(databases: Databases, *, home: Path, demo: bool) -> None:
    options = ("--demo",) if demo else ()
    role = DatabaseRole.OWNER
    environment = _environment(databases, role=role, home=home, mark=None)
    _fanal("migrate", *options, environment=environment)


def _children(
    databases: Databases,
    *,
    home: Path,
    mark: DatabaseMark | None,
    host: str,
    port: int,
    workers: int,
) -> list[Child]:
    web_role = _web_role()
    _keep_drafts(home)
    web = Child(
        name="web",
        arguments=_granian(host, port),
        environment=_environment(databases, role=web_role, home=home, mark=mark),
        log=home / "log" / "web.log",
    )
    if web_role is DatabaseRole.INTAKE:
        return [web]
    names = ["worker", *(f"worker-{number}" for number in range(2, workers + 1))]
    environment = _environment(databases, role=DatabaseRole.WORKER, home=home, mark=mark)
    return [
        web,
        *(
            Child(
                name=name,
                # A machine needs a single job process, which the first worker starts.
                arguments=[sys.executable, "-m", "fanal.worker", *(["stages"] if number else [])],
                environment=environment,
                log=home / "log" / f"{name}.log",
            )
            for number, name in enumerate(names)
        ),
    ]


def _first_children(databases: Databases, *, home: Path) -> list[Child]:
    """Start the child processes that must run before the migration, and return them.

    If this machine runs the database, that is the process which lowers the priority of public nodes'
    sessions; otherwise there is none.
    """
    if databases.cluster is None:
        return []
    data = databases.cluster.place.data
    first = Child(
        name="yielding",
        arguments=[sys.executable, "-m", "fanal.db.yielding", str(data)],
        environment={},
        log=home / "log" / "yielding.log",
    )
    first.start()
    return [first]


def _calls_at_once(
    passwords: PasswordWatch, *, role: DatabaseRole, home: Path, demo: bool, host: str, port: int
) -> Child | None:
    """Start the alarm calls before all else, if the installation is in order; return their process, or None.

    In order: keys, vault, tables and clock are right. Then calls that an interrupted desk left unsent wait
    for no migration and no web server. None: this is a public node, or the usual start must prepare something
    or say why it refuses. `passwords` holds the database's URLs; `demo`, `host`, `port` are `fanal run`'s.
    """
    if role is DatabaseRole.INTAKE or _is_foreign(host, port):
        return None
    try:
        url = passwords.databases.url(DatabaseRole.WORKER)
        mark = read_mark(url)
        if not agrees(url) or (demo and mark is not DatabaseMark.DEMO):
            return None
        if mark is DatabaseMark.DEMO and not _is_loopback(host):
            return None
        require_keys(passwords.databases, role=role, home=home)
        require_vault(passwords.databases, role=role)
    except (psycopg.Error, DatabaseRefused, KeysElsewhere, KeysMissing, VaultElsewhere):
        return None
    calls = _calls(passwords, home=home, mark=mark)
    _lower([calls], home=home, port=port, at_once=True)
    try:
        calls.start()
    except OSError:
        return None  # the usual start follows, and says why if it fails too
    return calls


def _calls(passwords: PasswordWatch, *, home: Path, mark: DatabaseMark | None) -> Child:
    role = DatabaseRole.WORKER
    return Child(
        name="calls",
        arguments=[sys.executable, "-m", "fanal.calls"],
        environment=_environment(passwords.databases, role=role, home=home, mark=mark),
        log=home / "log" / "calls.log",
        sign=CallsSign(lambda: passwords.databases.url(role)),
        nice=FIRST,
    )


def _keep_drafts(home: Path) -> None:
    """Create the folder for the short-lived keys of the public form's saved answers (drafts).

    Older such keys are moved there: earlier versions kept them with the other keys.
    """
    (home / "drafts").mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        (home / "keys" / "drafts.json").replace(home / "drafts" / "keys.json")


def _demo(databases: Databases, *, home: Path) -> Child:
    """Return the child process that loads the demo data (not started yet); after a kill it resumes."""
    return Child(
        name="demo",
        arguments=[sys.executable, "-m", "fanal", "demo", "load"],
        environment=_environment(
            databases, role=DatabaseRole.WORKER, home=home, mark=DatabaseMark.DEMO
        ),
        log=home / "log" / "demo.log",
        once=True,
    )


def _granian(host: str, port: int) -> list[str]:
    """Return the command line of the web server at this host and port.

    It has no access log, which would break the anonymity of reporters.
    """
    return [
        *(sys.executable, "-m", "granian", "fanal.config.wsgi:application"),
        *("--interface", "wsgi", "--host", host, "--port", str(port), "--no-access-log"),
        *("--workers", str(max(1, min(4, (os.cpu_count() or 1)))), "--respawn-failed-workers"),
        # Proxies do not need HTTP/2, in which one connection can hold a hundred slow readers.
        *("--blocking-threads", str(THREADS), "--backlog", "1024", "--no-ws", "--http", "1"),
        # Limit of all headers together: libraries rarely parse long ones in linear time.
        *("--http1-buffer-size", str(HEADERS)),
        # A worker signalled during its start loses the signal: without a limit both would wait for ever.
        *("--workers-kill-timeout", str(_WEB_STOP_SECONDS)),
    ]


def _announce(
    supervisor: Supervisor,
    *,
    home: Path,
    host: str,
    port: int,
    mark: DatabaseMark | None,
    known: str,
) -> None:
    if not supervisor.wait_until(lambda: is_alive(host, port), seconds=_READY_SECONDS):
        if not supervisor.stopping:
            say(
                f"the web process does not answer yet at http://{host}:{port}/; see "
                f"{home / 'log' / 'web.log'}"
            )
        return
    address = f"http://{host}:{port}/"
    announce_at(supervisor, address=address, mark=mark, patience=_READY_SECONDS, known=known)


def is_alive(host: str, port: int) -> bool:
    """Return whether a Fanal web server answers at this host and port (`/healthz`)."""
    try:
        connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=2)
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
