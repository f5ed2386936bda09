"""The embedded PostgreSQL cluster: creation, start, recovery after a kill, stop by its last user.

Several `fanal` processes may use the same cluster: each holds a shared file lock, and the last one to release
it stops the server. The server listens on a Unix socket only, requires a password, keeps data checksums, and
logs neither statements nor values.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from fanal.postgres.binaries import Binaries, find_binaries, shelter
from fanal.postgres.passwords import ADMIN, PasswordFile
from fanal.postgres.place import ClusterPlace, find_place, make_home
from fanal.postgres.processes import PROC, Recovery, processes_in, wait_until_nobody_in, works_in
from fanal.postgres.settings import PORT, server_options

ADMIN_LOGIN = "fanal_admin"
_START_SECONDS = 300.0  # crash recovery may replay a good deal of log
_STOP_SECONDS = 180.0  # shared buffers are written first: up to gigabytes
_PAUSE = 0.05
_LOG_LIMIT = 20_000_000


class ClusterFailed(Exception):
    """Error: the server cannot be created, started or stopped; the message says why, or which log to read."""


class Cluster:
    """The embedded PostgreSQL server of one data folder (`FANAL_HOME`), made by `open`.

    `place` holds its folders and account, `binaries` its programs.
    """

    def __init__(self, *, home: Path, place: ClusterPlace, binaries: Binaries) -> None:
        self.home, self.place, self.binaries = home, place, binaries
        self.passwords = PasswordFile(home / "keys" / "database.json")
        self._child: subprocess.Popen[bytes] | None = None
        self._users: int | None = None

    @classmethod
    def open(cls, *, home: Path, environ: Mapping[str, str]) -> "Cluster":
        """Return the cluster of the data folder `home`, with its folders and binaries; no server is started.

        `home` is created if missing, and the binaries are copied if the account cannot run them (`shelter`).
        `environ` may name a program folder in `PG_BIN`.

        Raises:
            NoBinaries, PlaceRefused, AccountMissing: each message gives the remedy.
        """
        make_home(home)
        home = home.resolve()
        with _locked(home / "postgres.lock"):
            place = find_place(home)
        version = place.data / "PG_VERSION"
        major = int(version.read_text()) if version.exists() else None
        binaries = shelter(find_binaries(environ, major=major), account=place.account)
        return cls(home=home, place=place, binaries=binaries)

    def url(self, *, login: str, password: str, database: str) -> str:
        """Return the URL with which the role `login` connects to `database`, over the Unix socket.

        It contains the password.
        """
        host = quote(str(self.place.socket), safe="")
        return f"postgresql://{login}:{quote(password)}@/{database}?host={host}&port={PORT}"

    def admin_url(self, database: str = "postgres") -> str:
        """Return the connection URL of `database` for the cluster's superuser."""
        password = self.passwords.ensure()[ADMIN]
        return self.url(login=ADMIN_LOGIN, password=password, database=database)

    @property
    def pid(self) -> int | None:
        """The process id of the running main server process (postmaster); None if it does not run."""
        if self._child is not None:
            self._child.poll()  # reaps a killed child, which would otherwise look alive
        lines = self._pid_file()
        if not lines or not lines[0].isdigit():
            return None
        pid = int(lines[0])
        return pid if works_in(pid, self.place.data) else None

    def hold(self) -> None:
        """Start the server if needed, and keep it running until `release`.

        Raises:
            ClusterFailed: the server cannot be created or started.
        """
        if self._users is None:
            descriptor = os.open(self.home / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            self._users = descriptor
        self.start()

    def release(self) -> None:
        """Stop using the server; stop it if no other process uses it.

        Raises:
            ClusterFailed: the server does not stop.
        """
        if self._users is None:
            return
        descriptor, self._users = self._users, None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.stop()
        except BlockingIOError:
            pass  # another process still uses it
        finally:
            os.close(descriptor)

    def start(self) -> None:
        """Create the cluster if missing, then start it, also after a crash.

        Raises:
            ClusterFailed: the server cannot be created or started.
        """
        with _locked(self.home / "postgres.lock"):
            if not self._runs_steadily():
                self._make()
                self._clear_remains()
                self._launch()
            self._wait_until_ready()

    def stop(self) -> None:
        """Stop the server: end open sessions and write all data (fast shutdown, then immediate).

        Raises:
            ClusterFailed: the server does not stop.
        """
        with _locked(self.home / "postgres.lock"):
            for number in (signal.SIGINT, signal.SIGQUIT):
                pid = self.pid
                if pid is None:
                    break
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                if self._wait_until_gone(pid):
                    break
            else:
                raise ClusterFailed(f"PostgreSQL does not stop; see {self.place.log}")
            if self._child is not None:
                self._child.wait()
                self._child = None

    def _runs_steadily(self) -> bool:
        """Return whether the server's main process lives at two checks: a killed one may pass the first."""
        if self.pid is None:
            return False
        time.sleep(_PAUSE)
        return self.pid is not None

    def _make(self) -> None:
        """Create the cluster if missing: run initdb in a temporary folder and rename it.

        A crash therefore leaves no incomplete cluster.

        Raises:
            ClusterFailed: initdb failed; the message gives its output.
        """
        account = self.place.account
        account.own_folder(self.place.root)
        if self.place.data.exists():
            return
        fresh, password = self.place.root / "data.new", self.place.root / "password"
        password.write_text(self.passwords.ensure()[ADMIN])
        account.own_file(password)
        try:
            answers = []
            for locale in self._locales():
                shutil.rmtree(fresh, ignore_errors=True)
                status, output = account.run(
                    [
                        self.binaries.program("initdb"),
                        f"--pgdata={fresh}",
                        f"--username={ADMIN_LOGIN}",
                        f"--pwfile={password}",
                        *("--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"),
                        *locale,
                    ]
                )
                if status == 0:
                    fresh.rename(self.place.data)
                    return
                answers.append(output.strip())
        finally:
            password.unlink()
        raise ClusterFailed(f"initdb of {self.binaries.folder} failed: {answers[0]}")

    def _locales(self) -> tuple[list[str], ...]:
        """Return lists of initdb options for sorting by code point, to be tried in this order.

        The better locale, C.UTF-8, may be missing on the system.
        """
        provider = ["--locale-provider=libc"]
        if self.binaries.major >= 17:
            provider = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return [*provider, "--locale=C.UTF-8"], [*provider, "--locale=C"]

    def _clear_remains(self) -> None:
        """Wait for the children of a killed postmaster, then remove its stale lock files.

        PostgreSQL refuses to start while they run, or if the lock file holds an unreaped or reused process
        id.

        Raises:
            ClusterFailed: the children do not end.
        """
        if not wait_until_nobody_in(self.place.data):
            raise ClusterFailed(f"processes {processes_in(self.place.data)} do not end")
        if PROC.is_dir():
            (self.place.data / "postmaster.pid").unlink(missing_ok=True)
            for left in self.place.socket.glob(".s.PGSQL.*"):
                left.unlink(missing_ok=True)

    def _launch(self) -> None:
        place = self.place
        place.account.own_folder(place.socket)
        if place.log.exists() and place.log.stat().st_size > _LOG_LIMIT:
            place.log.rename(place.log.with_suffix(".log.1"))
        descriptor = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            place.account.own_file(place.log)
            options = [f"-c{name}={value}" for name, value in server_options(place).items()]
            self._child = place.account.popen(
                [self.binaries.program("postgres"), "-D", str(place.data), *options],
                output=descriptor,
                new_session=True,  # a Ctrl-C at the terminal signals the supervisor only
            )
        finally:
            os.close(descriptor)

    def _wait_until_ready(self) -> None:
        end, recovery = time.monotonic() + _START_SECONDS, Recovery(self.place.data)
        while time.monotonic() < end:
            lines = self._pid_file()
            if len(lines) > 7 and lines[7].strip() == "ready":
                recovery.over()
                return
            recovery.hurry()
            if self._child is not None and self._child.poll() is not None:
                break
            if self._child is None and self.pid is None:
                break
            time.sleep(_PAUSE)
        raise ClusterFailed(f"PostgreSQL does not start. Its last words:\n{self._last_words()}")

    def _wait_until_gone(self, pid: int) -> bool:
        end = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < end:
            if self.pid != pid and not processes_in(self.place.data):
                return True
            time.sleep(_PAUSE)
        return False

    def _pid_file(self) -> list[str]:
        try:
            return (self.place.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _last_words(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.place.log.read_text(errors="replace").splitlines()[-5:])
        return "(none)"


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive file lock on `path`, so that a single process creates, starts or stops the server."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
