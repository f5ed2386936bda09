"""A real `fanal run` under a benchmark, and the progress of its reports, whatever is killed meanwhile."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import psycopg

from benchmarks.processes import children_of, command_of
from fanal.cli.run import is_alive
from fanal.config.databases import Databases
from fanal.postgres import DatabaseRole
from fanal.postgres.cluster import processes_in

_START_SECONDS = 180.0
_STOP_SECONDS = 60.0
_OURS = ("DATABASE_URL", "FANAL_DB_ROLE", "FANAL_DEMO", "DJANGO_SETTINGS_MODULE")
Lives = dict[tuple[str, int], list[int]]


class Service:
    """The web process, workers and database of the installation in `FANAL_HOME`, under `fanal run`.

    A context manager: it runs inside the `with` block.
    """

    def __init__(self, databases: Databases, *, workers: int) -> None:
        self._databases, self._workers = databases, workers
        self.home = Path(os.environ["FANAL_HOME"])
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._look: psycopg.Connection[tuple[object, ...]] | None = None

    def __enter__(self) -> "Service":
        """Start the service and wait until the web process accepts connections.

        Raises:
            click.ClickException: it does not start.
        """
        port = _free_port()
        self._supervisor = self.popen("run", "--port", str(port), "--workers", str(self._workers))
        end = time.monotonic() + _START_SECONDS
        while not is_alive("127.0.0.1", port):
            if time.monotonic() > end or self._supervisor.poll() is not None:
                self.__exit__()
                raise click.ClickException(
                    f"the service did not start; see {self.home / 'out.txt'}"
                )
            time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the service with SIGTERM, as an operator does; kill it if it does not stop in time."""
        if self._look is not None:
            self._look.close()
        if self._supervisor is not None:
            self._supervisor.send_signal(signal.SIGTERM)
            try:
                self._supervisor.wait(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._supervisor.kill()
                self._supervisor.wait()

    def popen(self, *arguments: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
        """Start `fanal` with these arguments in this installation; its output is appended to `out.txt`.

        `stdout`, if given, receives the standard output instead.
        """
        kept = {name: value for name, value in os.environ.items() if name not in _OURS}
        with (self.home / "out.txt").open("ab") as out:
            return subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "fanal", "--lang", "en", *arguments],
                env=kept | {"FANAL_HOME": str(self.home)},
                stdout=out if stdout is None else stdout,
                stderr=out,
                start_new_session=True,
            )

    def workers(self) -> list[int]:
        """Return the ids of the worker processes, [] when not running."""
        if self._supervisor is None:
            return []
        return [p for p in children_of(self._supervisor.pid) if "fanal.worker" in command_of(p)]

    def postmaster(self) -> int | None:
        """Return the id of PostgreSQL's main process, None if it is not running."""
        cluster = self._databases.cluster
        return None if cluster is None else cluster.pid

    def lives(self) -> Lives:
        """Return the process ids by (kind, id of the first process).

        Each worker has a group of its own; the web process and the database include their children.
        """
        if self._supervisor is None:
            return {}
        found: Lives = {("supervisor", self._supervisor.pid): [self._supervisor.pid]}
        for pid in children_of(self._supervisor.pid):
            command = command_of(pid)
            if "fanal.worker" in command:
                found["worker", pid] = [pid]
            elif "granian" in command:
                found["web", pid] = [pid, *children_of(pid)]
        postmaster, cluster = self.postmaster(), self._databases.cluster
        if cluster is not None and postmaster is not None:
            found["postgresql", postmaster] = sorted(processes_in(cluster.place.data))
        return found

    def received(self) -> str | None:
        """Return the highest reference among the newest reports.

        None without reports, or while the database is down.
        """
        row = self._row(
            "SELECT max(reference) FROM (SELECT reference FROM intake_report ORDER BY id DESC LIMIT 1000) r"
        )
        return None if row is None or row[0] is None else str(row[0])

    def waiting(self) -> int | None:
        """Return the number of reports that wait for a stage; None while the database is down."""
        row = self._row("SELECT count(*) FROM intake_work WHERE quarantined_at IS NULL")
        return None if row is None else int(str(row[0]))

    def unnumbered(self) -> int | None:
        """Return the number of ledger entries without a sequence number; None while the database is down."""
        row = self._row("SELECT count(*) FROM ledger_pending")
        return None if row is None else int(str(row[0]))

    def _row(self, query: str) -> tuple[object, ...] | None:
        try:
            if self._look is None or self._look.closed:
                url = self._databases.url(DatabaseRole.OWNER)
                self._look = psycopg.connect(url, autocommit=True, connect_timeout=5)
            return self._look.execute(query.encode()).fetchone()
        except psycopg.OperationalError:
            if self._look is not None:
                self._look.close()
            return None


@contextlib.contextmanager
def stopped_at_the_end(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a running process, and kill it at the end of the block if it has not ended."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
