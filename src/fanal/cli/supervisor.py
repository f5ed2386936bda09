"""A process supervisor: each child has its own process group, and restarts with growing pauses.

It restarts its children, too, when the database passwords change (`fanal provision --new-passwords`).
"""

import contextlib
import math
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import click
import psycopg

from fanal.calls import NUMBER_VARIABLE
from fanal.config.databases import Databases
from fanal.kernel.process import die_with_parent, share_of_processors
from fanal.postgres import DatabaseRole
from fanal.postgres.place import SystemAccount

_WRITE_MS = 100
"""Longest wait for a reader of the sentences for the operator, in milliseconds."""

# The liveness check of a supervised process, by the sign of life that `/readyz` also reads.

_SILENT = 30
_EVERY = 5.0
_LOOKS = 3
_STARTING = 180.0
_READ = "SELECT seen_at < now() - make_interval(secs => %s) FROM orient_caller WHERE holder = %s"
_OPTIONS = "-c statement_timeout=2s -c lock_timeout=1s -c default_transaction_read_only=on"


class CallsSign:
    """The liveness check of the process that sends alarm calls (e-mails about a child in danger).

    `address` returns a database URL with read access. Put `begin()` into the environment of each new process,
    then call `is_over()` repeatedly. The process counts as hung after three checks, five seconds apart,
    without a heartbeat for thirty seconds (after its start: three minutes), if the database answered each
    time: without database no process can record a heartbeat.
    """

    def __init__(self, address: Callable[[], str]) -> None:
        self._address, self._number = address, 0
        self._begun = self._looked = 0.0
        self._silent = 0

    def begin(self) -> dict[str, str]:
        """Return, as a dict, the environment variable that gives a new process the number of its heartbeats.

        The number is random, so that heartbeats of earlier processes do not count.
        """
        self._number, self._silent = secrets.randbelow(2**31 - 1) + 1, 0
        self._begun = self._looked = time.monotonic()
        return {NUMBER_VARIABLE: str(self._number)}

    def is_over(self) -> bool:
        """Return whether the latest process of the alarm calls hangs.

        The database is read every five seconds at most; between two reads the result is False.
        """
        if time.monotonic() - self._looked < _EVERY:
            return False
        silent = self._look()
        self._looked = time.monotonic()
        self._silent = self._silent + 1 if silent else 0
        return self._silent >= _LOOKS

    def _look(self) -> bool:
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(self._address(), connect_timeout=2, options=_OPTIONS) as connection,
        ):
            row = connection.execute(_READ, [_SILENT, self._number]).fetchone()
            return bool(row[0]) if row else time.monotonic() - self._begun > _STARTING
        return False


# Children of the supervisor.

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 10.0
_STEADY_SECONDS = 30.0
_STOP_SECONDS = 20.0
_BEAT = 0.2
_LOG_LIMIT = 20_000_000


@dataclass(slots=True, kw_only=True)
class Child:
    """A supervised process: command line, environment, log file, and state of its restarts.

    `name` is for messages, `arguments` the command line. A child with `once` is not restarted after success;
    one with `sign` (a liveness check) is killed if it hangs. `account` is another account than the
    supervisor's to run it, `nice` the priority that root gives it. `process` is the running process, None
    before the start; `started` is when it started. `pause` is the wait in seconds after its next failure;
    `not_before` is the earliest instant of its restart, `ends` that of its kill after a request to end. All
    instants are of the monotonic clock.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    account: SystemAccount | None = None
    """An account other than the supervisor's."""
    once: bool = False
    sign: CallsSign | None = None
    """A liveness check: a hung process is killed and restarted."""
    nice: int = 0
    """The priority that root gives the process: below 0 it gets the processors first."""
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = _FIRST_PAUSE
    not_before: float = 0.0
    ends: float = math.inf
    """Instant of the monotonic clock at which a process that was asked to end is killed."""

    def _log_file(self) -> int:
        """Open the child process's log, or the null device on a full disk; return the file descriptor."""
        try:
            return os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError:
            return os.open(os.devnull, os.O_WRONLY)

    def start(self) -> None:
        """Start the process, in its own process group, with output to its log file."""
        self.bound_log()
        descriptor = self._log_file()
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own commands
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                env={**self.environment, **(self.sign.begin() if self.sign else {})},
                start_new_session=True,
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - the supervisor has one thread
            )
        finally:
            os.close(descriptor)
        if self.nice and os.geteuid() == 0:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self.process.pid, self.nice)
            share_of_processors(self.process.pid, self.nice)
        self.started, self.ends = time.monotonic(), math.inf

    def renew(self, **more: str) -> None:
        """Set the environment variables `more`, and ask the process to end.

        The supervisor then restarts it.
        """
        self.environment = {**self.environment, **more}
        if self.process is not None:
            self.process.terminate()
            self.ends = time.monotonic() + _STOP_SECONDS

    def bound_log(self) -> None:
        """Rotate a large log to `.log.1`; the process continues to write to the same file.

        Output during the rotation may be lost, and so may the earlier output on a full disk: the process
        that needs the room matters more.
        """
        earlier = self.log.with_suffix(".log.1")
        with contextlib.suppress(OSError):
            if self.log.stat().st_size <= _LOG_LIMIT:
                return
            try:
                shutil.copy(self.log, earlier)
            except OSError:
                earlier.unlink(missing_ok=True)
            os.truncate(self.log, 0)

    def check(self) -> int | None:
        """Return the exit status of a process that has just ended, and schedule its restart; else None.

        A process that has not ended in time after a request is killed first.
        """
        if self.process is not None and time.monotonic() >= self.ends:
            self.signal_group(signal.SIGKILL)
            self.process.wait()
        if self.process is None or self.process.poll() is None:
            return None
        status = self.process.returncode
        self.signal_group(signal.SIGKILL)  # its own children may still use the port
        self.process = None
        # Only a process that fails by itself gets longer pauses, not one that was killed.
        if status == -signal.SIGKILL or time.monotonic() - self.started > _STEADY_SECONDS:
            self.pause = _FIRST_PAUSE
        self.put_off()
        return status

    def put_off(self) -> None:
        """Postpone the next start by the current pause, and double the pause."""
        self.not_before = time.monotonic() + self.pause
        self.pause = min(self.pause * 2, _LONGEST_PAUSE)

    def end_if_over(self) -> bool:
        """Kill the process if its liveness check says that it hangs; return whether it was killed."""
        if self.sign is None or self.process is None or not self.sign.is_over():
            return False
        self.signal_group(signal.SIGKILL)
        self.process.wait()
        return True

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the child's process group; no effect if it does not run."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """A supervisor that runs children until SIGTERM, SIGINT or SIGHUP, then stops them in reverse order.

    `mend` is called before each check of the children, to restart the database and renew passwords.
    `stopping` is set once a stop was requested. Use it as a context manager.
    """

    children: list[Child]
    mend: Callable[[], None]
    """Called at each beat, to restart the database, which is not a child, and to renew the passwords."""
    stopping: bool = False
    _last: dict[int, object] = field(default_factory=dict)

    def __enter__(self) -> "Supervisor":
        """Install the signal handlers and start the children that do not run yet."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._last[number] = signal.signal(number, self._ask_to_stop)
        for child in self.children:
            if child.process is None:
                self._start(child)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the children and restore the signal handlers."""
        self._stop()
        for number, handler in self._last.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def run(self) -> None:
        """Supervise the children until a signal requests the stop."""
        while not self.stopping:
            self.beat()
            time.sleep(_BEAT)

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> bool:
        """Supervise until `ready()` is true; return True, or False after `seconds` or a stop request."""
        end = time.monotonic() + seconds
        while not self.stopping and time.monotonic() < end:
            if ready():
                return True
            self.beat()
            time.sleep(_BEAT)
        return False

    def beat(self) -> None:
        """Perform one check of all children.

        It calls `mend`, rotates logs, kills hung processes, and restarts those that are due.
        """
        self.mend()
        for child in self.children:
            child.bound_log()
            if child.end_if_over():
                say(f"{child.name} gives no sign of life; ended, see {child.log}")
            status = child.check()
            if status == 0 and child.once:
                child.not_before = math.inf
                say(f"{child.name} is done")
            elif status is not None:
                say(f"{child.name} ended (status {status}); restarting, see {child.log}")
            if child.process is None and time.monotonic() >= child.not_before:
                self._start(child)

    @staticmethod
    def _start(child: Child) -> None:
        """Start a child; if the system refuses, try again later, since the others must run on."""
        try:
            child.start()
        except OSError as failure:
            child.put_off()
            say(f"{child.name} cannot start ({failure}); tried again")

    def _ask_to_stop(self, _number: int, _frame: object) -> None:
        self.stopping = True

    def _stop(self) -> None:
        for child in reversed(self.children):
            if child.process is not None:
                with contextlib.suppress(ProcessLookupError):
                    child.process.terminate()
        end = time.monotonic() + _STOP_SECONDS
        for child in reversed(self.children):
            if child.process is None:
                continue
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(timeout=max(0.1, end - time.monotonic()))
            child.signal_group(signal.SIGKILL)
            child.process.wait()


def say(sentence: str) -> None:
    """Print a sentence for the operator on standard error, if it can be written to at once.

    A full disk, a reader that has gone or does not read (a stopped terminal), or a closed stream must not end
    or stop the processes that are supervised: the sentence is lost then.
    """
    _print(f"fanal: {sentence}", sys.stderr)


def announce(sentence: str) -> None:
    """Print a sentence on standard output if that can be written to at once, else drop it."""
    _print(sentence, sys.stdout)


def _print(sentence: str, stream: TextIO | None) -> None:
    # Python sets a stream that was closed at the start to None.
    with contextlib.suppress(OSError):
        if stream is not None and _takes(stream):
            click.echo(sentence, file=stream)


def _takes(stream: TextIO) -> bool:
    """Return whether the stream can be written to without waiting; True for one without a file descriptor."""
    try:
        number = stream.fileno()
    except OSError:
        return True
    asked = select.poll()
    asked.register(number, select.POLLOUT)
    return bool(asked.poll(_WRITE_MS))


_LOOK_EVERY = 1.0
_AGAIN = 5.0


class PasswordWatch:
    """Restarts the processes of `fanal run` when the database passwords in the file of passwords change.

    It waits until the database accepts the new passwords. `databases` holds the present connection URLs.
    """

    def __init__(self, databases: Databases) -> None:
        self.databases = databases
        """The present connection URLs."""
        self._said, self._due = "", 0.0

    def follow(self, children: Sequence[Child]) -> None:
        """Check the password file, at most every second; if its passwords have changed, restart the children.

        They restart in the order given. Passwords that the database refuses are reported and change
        nothing: open sessions continue.
        """
        if self.databases.passwords is None or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _LOOK_EVERY
        try:
            found = self.databases.renewed()
            if found == self.databases:
                return
            for role in {_role_of(child) for child in children}:
                psycopg.connect(found.url(role), connect_timeout=2).close()
        except (OSError, ValueError, psycopg.Error) as failure:
            self._due = time.monotonic() + _AGAIN
            self._say_once(failure)
            return
        self.databases, self._said = found, ""
        say("the database has new passwords: every process restarts with them, the calls first")
        for child in children:
            child.renew(DATABASE_URL=found.url(_role_of(child)))

    def _say_once(self, failure: Exception) -> None:
        why = " ".join(str(failure).split())
        if why != self._said:
            path = self.databases.passwords.path if self.databases.passwords else ""
            what = (
                "the database refuses" if isinstance(failure, psycopg.Error) else "nobody can read"
            )
            say(f"{what} the passwords of {path}; processes keep those they have: {why}")
        self._said = why


def _role_of(child: Child) -> DatabaseRole:
    return DatabaseRole(child.environment["FANAL_DB_ROLE"])
