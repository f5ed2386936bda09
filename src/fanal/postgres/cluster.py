"""The embedded PostgreSQL server: creation of its data, start, recovery after a crash, stop by its last user.

Several `fanal` processes may use the same server: each holds a shared file lock, and the last one to release
it stops the server. The server listens on a Unix socket only, requires a password, keeps data checksums, and
logs neither statements nor values. Some of its settings are computed from the machine's memory. If the main
process of a server was killed, its child processes still use the data folder for a while: a start waits for
their end.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from fanal.kernel.process import FIRST, share_of_processors
from fanal.postgres.binaries import Binaries, find_binaries, shelter
from fanal.postgres.place import ClusterPlace, find_place, make_home
from fanal.postgres.roles import ADMIN, PasswordFile

PORT = 5432
_LIMITS = "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"
"""Files with the memory limit of a container: cgroup v2, v1."""


def server_options(place: ClusterPlace) -> dict[str, str]:
    """Return the server settings (name: value) with which PostgreSQL is started.

    Names are those of `postgresql.conf`. `place` is the folder of the cluster. `fsync` and
    `synchronous_commit` are not among them: if an operator has switched one off, provisioning refuses with a
    message instead of overruling it.
    """
    memory = _memory() // 2**20
    disk = shutil.disk_usage(place.root).free // 2**30
    # Checkpoints, after which each page is logged completely, are rare. Most such pages are of indexes,
    # which hardly compress: LZ4 took twice the CPU time and saved a seventh of the bytes.
    return {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{place.socket}"',
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "shared_buffers": f"{shared_megabytes(memory=memory, data=_megabytes_in(place.data))}MB",
        "effective_cache_size": f"{max(256, memory // 3)}MB",
        "maintenance_work_mem": "128MB",
        "work_mem": "16MB",
        "max_wal_size": f"{max(1, min(8, disk // 10))}GB",
        "checkpoint_timeout": "30min",
        "wal_compression": "off",
        "random_page_cost": "1.1",
        # Partition pruning selects months by their bounds. In addition the planner would read every CHECK
        # of each month for each statement, although none of them distinguishes months.
        "constraint_exclusion": "off",
        "jit": "off",
        # The log is readable by operators: no statement, no parameter, no row detail in it.
        "logging_collector": "off",
        "log_line_prefix": "%m [%p] ",
        "log_statement": "none",
        "log_min_duration_statement": "-1",
        "log_min_error_statement": "panic",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_error_verbosity": "terse",
        "cluster_name": f"fanal-{secrets.token_hex(2)}",
        # By default a start after a crash opens and synchronises each of some thousand files by itself, which
        # took half of the time until the first alarm call.
        **({"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}),
    }


def shared_megabytes(*, memory: int, data: int) -> int:
    """Return the size of `shared_buffers` from the machine's `memory` and the size of the `data`, all in MB.

    A report writes to random pages of the indexes on values, which take a quarter of the stored data. If
    they do not fit into the buffers, page replacement doubles the CPU time of each value. A small server
    gets little, because dropping and truncating tables scans all shared buffers.
    """
    return max(64, min(512, memory // 16), min(8192, memory // 4, data // 3))


def _memory() -> int:
    """Return the memory of the machine in bytes, or the container's limit if lower."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _LIMITS:
        # File of the other cgroup version, or "max" without a limit.
        with contextlib.suppress(OSError, ValueError):
            found.append(int(Path(path).read_text()))
    return min(found)


def _megabytes_in(folder: Path) -> int:
    """Return the size of a cluster's tables and indexes in MB, 0 before its creation."""
    size = 0
    for where, _, names in os.walk(folder / "base"):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # left by a crash, removed meanwhile
                size += Path(where, name).stat().st_size
    return size // 2**20


PROC = Path("/proc")
_STEPS = ((None, 0.5), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 15.0))
"""Signals to the children of a killed server, each with the seconds to wait: a start waits for them."""
_PAUSE = 0.05
_RECOVERING = (b"startup", b"checkpointer")


def processes_in(folder: Path) -> set[int]:
    """Return the ids of live processes with the working directory `folder`.

    Every PostgreSQL process changes to its data folder; zombies have no working directory.
    """
    found = set()
    for entry in PROC.iterdir() if PROC.is_dir() else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.readlink(entry / "cwd") == str(folder):  # noqa: PTH115 - keeps "(deleted)"
                    found.add(int(entry.name))
    return found


def works_in(pid: int, folder: Path) -> bool:
    """Return whether process `pid` is alive and, where /proc exists, has the working directory `folder`.

    Without /proc, any live process with this id counts.
    """
    if PROC.is_dir():
        try:
            return os.readlink(PROC / str(pid) / "cwd") == str(folder)  # noqa: PTH115
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def wait_until_nobody_in(folder: Path) -> bool:
    """Wait until no process has the working directory `folder`; return whether all have ended.

    After half a second the remaining ones get SIGQUIT, two seconds later SIGKILL; the last wait is 15
    seconds.
    """
    for number, seconds in _STEPS:
        if number is not None:
            _signal_all(processes_in(folder), number)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not processes_in(folder):
                return True
            time.sleep(_PAUSE)
    return False


def _signal_all(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Recovery:
    """The processes in which a starting PostgreSQL server recovers its data; they get more CPU until it ends.

    The start of the desk, and with it the alarm calls, waits for them. Without root, nothing is changed.
    """

    def __init__(self, folder: Path) -> None:
        """Prepare for the server with the data folder `folder`; no priority is raised yet."""
        self._folder, self._raised = folder, set[int]()

    def hurry(self) -> None:
        """Give each recovering process, once, ten times the usual share of the processors.

        To be called repeatedly. Without root, nothing happens.
        """
        for pid in processes_in(self._folder) - self._raised if os.geteuid() == 0 else ():
            with contextlib.suppress(OSError):
                title = (PROC / str(pid) / "cmdline").read_bytes()
                if any(word in title for word in _RECOVERING):
                    share_of_processors(pid, FIRST)
                    self._raised.add(pid)

    def over(self) -> None:
        """Restore the usual share of the processors of the processes raised by `hurry` that still run."""
        for pid in self._raised & processes_in(self._folder):
            share_of_processors(pid, 0)


ADMIN_LOGIN = "fanal_admin"
_START_SECONDS = 300.0  # crash recovery may replay a good deal of log
_STOP_SECONDS = 180.0  # shared buffers are written first: up to gigabytes
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
            OSError: a folder or file cannot be written.
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
        """Stop the server: end open sessions and write all data (fast shutdown).

        If it has not stopped after three minutes, it is stopped at once (immediate shutdown), and the next
        start recovers the data from its log.

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
