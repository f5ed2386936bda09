"""A real `fanal run` in a folder of its own, and clients that speak to it as strangers do.

Used by the tests of faults, of the public wire's client, of canaries and of hostile requests. Nothing
here reaches into the program: it starts it, talks HTTP to it and reads what its commands print.
"""

import atexit
import base64
import contextlib
import functools
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from urllib.parse import urlencode

import psycopg
import pytest

from fanal.postgres import Cluster
from tests.integration.cli.calling import Caller, caller
from tests.prepared import prepare
from tests.server import fast_folder

FANAL = (sys.executable, "-m", "fanal")
_DRAFT = re.compile(r'name="draft" value="([^"]+)"')


def wait_for(condition: Callable[[], object], *, seconds: float = 180, beat: float = 0.1) -> bool:
    """Return whether `condition` came to hold within `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(beat)
    return bool(condition())


def free_port() -> int:
    """Return a port that nobody listens on, below those that Linux gives to connections of its own choice.

    One of those may be taken, by whoever connects to whomever, before a server is up.
    """
    for port in SystemRandom().sample(range(20_000, 32_768), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("a hundred ports, and all are taken")


@dataclass(slots=True, kw_only=True)
class Partner:
    """A partner's access, as `fanal partner add` prints it."""

    partner: str
    user: str
    password: str
    token: str

    @property
    def basic(self) -> dict[str, str]:
        """Header of the wire."""
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    @property
    def bearer(self) -> dict[str, str]:
        """Header of the partner API."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(slots=True, kw_only=True)
class Answer:
    """What came back: status 0 when nothing did, and then `lost` names why."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    lost: str = ""

    @property
    def json(self) -> dict[str, object]:
        """The body as an object."""
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


@dataclass(slots=True, kw_only=True)
class Live:
    """A data folder and the `fanal run` that serves it."""

    home: Path
    port: int
    more: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def environment(self, **more: str) -> dict[str, str]:
        """Return the caller's environment without anything of Fanal's but this folder."""
        ours = ("FANAL_", "DATABASE_", "DJANGO_", "PYTEST_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        return kept | {"FANAL_HOME": str(self.home)} | dict(self.more) | more

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of the program's commands to its end.

        In a fork of an interpreter that has loaded what all commands load: as it starts, a program reads where
        it is to end, and else nothing of its surroundings.
        """
        if "FANAL_FAILPOINT" in self.more:
            answer = subprocess.run(
                [*FANAL, *arguments],
                env=self.environment(),
                capture_output=True,
                text=True,
                check=False,
                timeout=240,
            )
        else:
            more = {"FANAL_HOME": str(self.home)} | dict(self.more)
            [seen] = _interpreter().call([arguments], lang=None, **more)
            answer = subprocess.CompletedProcess(
                [*FANAL, *arguments], seen.status, seen.out, seen.err
            )
        if check and answer.returncode != 0:
            raise AssertionError(f"fanal {' '.join(arguments)}: {answer.stderr}{answer.stdout}")
        return answer

    def lines(self, *arguments: str, check: bool = True) -> list[dict[str, object]]:
        """Return what a command prints with `--json`, one object a line."""
        answer = self.command(*arguments, "--json", check=check)
        return [json.loads(line) for line in answer.stdout.split("\n") if line]

    def start(self, **more: str) -> None:
        """Start the supervisor and wait until web and worker are ready."""
        with (self.home / "out.txt").open("ab") as out:
            self.process = subprocess.Popen(
                [*FANAL, "run", "--port", str(self.port)],
                env=self.environment(**more),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if not wait_for(self.ready, seconds=120):
            raise AssertionError(self.told())

    def told(self) -> str:
        """Return everything that the supervisor and its children said."""
        texts = [path.read_text(errors="replace") for path in self._logs()]
        return "\n".join(texts)[-8000:]

    def ready(self) -> bool:
        """Whether `/readyz` is green."""
        return self.call("GET", "/readyz").status == 200

    def stop(self) -> None:
        """Ask the supervisor to leave and wait for it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def add_partner(self, name: str) -> Partner:
        """Open a partner's access."""
        [issued] = self.lines("partner", "add", name)
        return Partner(**{k: str(v) for k, v in issued.items()})

    def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float = 20,
        source: str = "127.0.0.1",
    ) -> Answer:
        """Send one request on a connection of its own; status 0 when no whole answer came."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=timeout, source_address=(source, 0)
        )
        try:
            with contextlib.closing(connection):
                connection.request(method, path, body=body or None, headers=dict(headers or {}))
                answer = connection.getresponse()
                return Answer(
                    status=answer.status,
                    body=answer.read(),
                    headers={k.lower(): v for k, v in answer.getheaders()},
                )
        except (OSError, http.client.HTTPException) as failure:
            return Answer(status=0, lost=repr(failure))

    def json(
        self,
        method: str,
        path: str,
        partner: Partner,
        value: object = None,
        *,
        timeout: float = 20,
        **headers: str,
    ) -> Answer:
        """Call the partner API."""
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        body = b"" if value is None else json.dumps(value).encode()
        sent = {"Content-Type": "application/json"} | partner.bearer | named
        return self.call(method, f"/api/v1{path}", body=body, headers=sent, timeout=timeout)

    def wire(self, path: str, partner: Partner, document: bytes) -> Answer:
        """Send an XML document to the wire."""
        sent = {"Content-Type": "text/xml; charset=utf-8"} | partner.basic
        return self.call("POST", f"/ispws/{path}", body=document, headers=sent)

    def wire_form(self, path: str, partner: Partner, **fields: str) -> Answer:
        """Send a url-encoded form to the wire."""
        sent = {"Content-Type": "application/x-www-form-urlencoded"} | partner.basic
        return self.call("POST", f"/ispws/{path}", body=urlencode(fields).encode(), headers=sent)

    def page(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        source: str = "127.0.0.1",
        **fields: str,
    ) -> Answer:
        """Post a form of the public pages."""
        sent = {"Content-Type": "application/x-www-form-urlencoded"} | dict(headers or {})
        body = urlencode(fields).encode()
        return self.call("POST", path, body=body, headers=sent, source=source)

    def children(self, text: str) -> list[int]:
        """Return the processes of this folder whose command holds `text`."""
        mark = f"FANAL_HOME={self.home}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    if text in command:
                        found.append(int(entry.name))
        return sorted(found)

    def leaders(self, text: str) -> list[int]:
        """Return those of `children` that no other of them made: a worker without its keeper and its jobs."""
        found = self.children(text)
        return [pid for pid in found if _parent(pid) not in found]

    def jobs(self) -> list[int]:
        """Return the processes of the jobs: the youngest of each worker's three."""
        found = self.children("fanal.worker")
        leaders = set(self.leaders("fanal.worker"))
        return [pid for pid in found if _parent(pid) in set(found) - leaders]

    def queue(self, task: str) -> None:
        """Queue a task of the schedule now, as its next minute would; nothing where it is queued already."""
        url = Cluster.open(home=self.home, environ=os.environ).admin_url("fanal")
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args)"
                " VALUES ('default', %s, %s, '{\"timestamp\": 0}') ON CONFLICT DO NOTHING",
                [task, task.rpartition(".")[2]],
            )

    def database_pid(self) -> int | None:
        """Return the id of the database's first process."""
        return Cluster.open(home=self.home, environ=os.environ).pid

    def _logs(self) -> list[Path]:
        return [self.home / "out.txt", *sorted((self.home / "log").glob("*.log"))]


@contextlib.contextmanager
def live(*, demo: bool = True, own_keys: bool = False, **more: str) -> Iterator[Live]:
    """Serve a new, empty installation, marked DEMO so that commands may read; remove it after.

    With `own_keys` no other one has its keys.
    """
    folder = Path(tempfile.mkdtemp(prefix="fanal-live-", dir=fast_folder()))
    folder.chmod(0o755)
    running = Live(home=folder / "var", port=free_port(), more=more)
    try:
        if own_keys:
            running.command("migrate", *(["--demo"] if demo else []))
        else:
            prepare(running.home, demo=demo)
        running.start()
        yield running
    finally:
        running.stop()
        for pid in running.children(""):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        Cluster.open(home=running.home, environ=os.environ).stop()
        shutil.rmtree(folder, ignore_errors=True)


class SharedLive:
    """One installation, and a partner of it, for the tests of a folder that follow each other.

    It is started when the first of them asks, and stopped before a test of another folder: one that idles until
    the run's end takes a tenth of a processor from all others.
    """

    def __init__(self, folder: Path, partner: str) -> None:
        self._folder, self._name = folder, partner
        self._stack = contextlib.ExitStack()
        self._running: tuple[Live, Partner] | None = None
        atexit.register(self._stack.close)  # where a run is interrupted

    def get(self, config: pytest.Config) -> tuple[Live, Partner]:
        """Return the installation that runs, and its partner."""
        if not config.pluginmanager.is_registered(self):
            config.pluginmanager.register(self)
        if self._running is None:
            server = self._stack.enter_context(live())
            self._running = server, server.add_partner(self._name)
        return self._running

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> Generator[None, None, None]:
        """Stop it after a test, unless the next one is of its folder."""
        try:
            return (yield)
        finally:
            if nextitem is None or self._folder not in nextitem.path.parents:
                self._stack.close()
                self._running = None


@functools.cache
def _interpreter() -> Caller:
    """Return this process's interpreter for commands; it ends with the process."""
    kept = contextlib.ExitStack()
    atexit.register(kept.close)
    folder = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="fanal-commands-")))
    return kept.enter_context(caller(home=folder / "none", folder=folder))


def _parent(pid: int) -> int:
    """Return the parent of a process; 0 where it is gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def draft_of(page: Answer) -> str:
    """Return the hidden draft of a page of the public form."""
    found = _DRAFT.search(page.body.decode(errors="replace"))
    if found is None:
        raise AssertionError(f"no draft in an answer of status {page.status}")
    return found.group(1)
