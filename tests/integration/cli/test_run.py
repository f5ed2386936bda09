"""`fanal run` as a person and an operating system treat it: started, wounded, killed, stopped."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from fanal.config.databases import open_databases
from fanal.postgres import Cluster
from tests.live import Live, free_port, wait_for
from tests.prepared import prepare
from tests.server import fast_folder

pytestmark = pytest.mark.serial
FANAL = [sys.executable, "-m", "fanal"]


def environment(home, **more):
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("FANAL_", "DATABASE_", "DJANGO_"))
    }
    return kept | {"FANAL_HOME": str(home)} | more


def fanal(home, *arguments):
    return Live(home=home, port=0).command(*arguments, check=False)


def get(port, path):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""


def processes_of(home):
    """Return the ids of processes that carry this data folder in their environment."""
    mark = f"FANAL_HOME={home}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def command_of(pid):
    """Return what a process is called with, nothing once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def find(home, text):
    return [pid for pid in processes_of(home) if text in command_of(pid)]


def found(home, text):
    """Return the processes with `text` in their command, once there are some; the first one leads."""
    pids = []
    assert wait_for(lambda: pids.extend(find(home, text)) or pids), list((home / "log").glob("*"))
    return sorted(pids)


def variables_of(home, text):
    """Return the environments of the living processes with `text` in their command."""
    texts = []
    for pid in find(home, text):
        with contextlib.suppress(OSError):
            texts.append(Path(f"/proc/{pid}/environ").read_text())
    return [variables for variables in texts if variables]  # one that has ended shows none


@pytest.fixture(scope="module")
def open_folder():
    folder = Path(tempfile.mkdtemp(prefix="fanal-it-", dir=fast_folder()))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def home(open_folder):
    home = open_folder / "var"
    prepare(home, demo=True)
    yield home
    for pid in processes_of(home):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    Cluster.open(home=home, environ=os.environ).stop()


class Running:
    """A `fanal run` in the background."""

    def __init__(self, home, port):
        self.home, self.port = home, port
        self.out = (home / "out.txt").open("wb")
        self.process = subprocess.Popen(
            [*FANAL, "run", "--port", str(port)],
            env=environment(home),
            stdout=self.out,
            stderr=subprocess.STDOUT,
        )

    def alive(self):
        return get(self.port, "/healthz")[0] == 200

    def ready(self):
        return get(self.port, "/readyz")[0] == 200

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        self.out.close()
        return status


def start(home):
    running = Running(home, free_port())
    assert wait_for(running.alive), (home / "out.txt").read_text()
    return running


@pytest.fixture(scope="module")
def running(home):
    running = start(home)
    yield running
    running.stop()


class TestRun:
    def test_a_killed_supervisor_leaves_nothing_and_the_next_says_one_line_and_stops_cleanly(
        self, home
    ):
        running = start(home)
        # One that cannot hear, as a web worker is that loses the signal while it starts.
        os.kill(found(home, "granian")[-1], signal.SIGSTOP)
        running.stop(signal.SIGKILL)
        gone = wait_for(lambda: processes_of(home) == [], seconds=90)
        assert gone, [command_of(pid) for pid in processes_of(home)]
        again = Running(home, running.port)
        assert wait_for(again.alive)
        assert wait_for(lambda: b"http" in (home / "out.txt").read_bytes())
        assert again.stop() == 0
        lines = (home / "out.txt").read_text().splitlines()
        [line] = [line for line in lines if f"http://127.0.0.1:{again.port}/" in line]
        assert "ana / fanal-demo-ana (Analyste · Ana Lemoine)" in line
        assert processes_of(home) == []
        assert Cluster.open(home=home, environ=os.environ).pid is None

    def test_a_command_ended_by_a_signal_stops_the_database_it_started(self, home):
        script = (
            "from fanal.cli import boot, main; import time, signal, sys\n"
            "from fanal.postgres import DatabaseRole\n"
            "signal.signal(signal.SIGTERM, main._leave)\n"
            "with boot.django_as(DatabaseRole.APP):\n    print('in', flush=True); time.sleep(60)"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", script], env=environment(home), stdout=subprocess.PIPE
        )
        with process:
            assert process.stdout.readline() == b"in\n"
            process.terminate()
        assert process.returncode == 143
        assert Cluster.open(home=home, environ=os.environ).pid is None

    def test_readiness_names_its_parts(self, running):
        assert wait_for(lambda: get(running.port, "/readyz")[0])
        status, body = get(running.port, "/readyz")
        parts = json.loads(body)
        named = {"status", "database", "migrations", "clock", "keys", "vault", "worker", "calls"}
        assert set(parts) == named
        assert parts["keys"] is True
        assert parts["database"] is True
        assert parts["migrations"] is True
        assert status in {200, 503}

    def test_becomes_ready_once_the_worker_gives_a_sign_of_life(self, running):
        assert wait_for(running.ready), get(running.port, "/readyz")

    @pytest.mark.parametrize("victim", ["granian", "fanal.worker", "postgres"])
    def test_what_is_killed_comes_back(self, running, home, victim):
        cluster = Cluster.open(home=home, environ=os.environ)
        assert wait_for(running.alive)
        before = [cluster.pid] if victim == "postgres" else found(home, victim)
        os.kill(before[0], signal.SIGKILL)
        if victim == "postgres":
            assert wait_for(lambda: cluster.pid not in {*before, None})
        else:
            assert wait_for(lambda: set(find(home, victim)) - set(before))
        # Between two looks the one that comes back may be away again.
        assert wait_for(
            lambda: json.loads(get(running.port, "/readyz")[1] or b"{}").get("database")
        )

    def test_calls_that_hang_are_ended_and_come_back(self, running, home):
        assert wait_for(running.ready), get(running.port, "/readyz")
        before = found(home, "fanal.calls")
        if os.geteuid() == 0:  # the calls come before all else
            assert os.getpriority(os.PRIO_PROCESS, before[0]) == -10
        os.kill(before[0], signal.SIGSTOP)
        back = wait_for(lambda: set(find(home, "fanal.calls")) - set(before), seconds=180)
        assert back, (home / "out.txt").read_text()
        assert before[0] not in find(home, "fanal.calls")
        assert "calls gives no sign of life; ended" in (home / "out.txt").read_text()
        assert wait_for(running.ready), get(running.port, "/readyz")

    def test_each_child_knows_its_own_role_only(self, running, home):
        passwords = json.loads((home / "keys/database.json").read_text())
        passwords |= json.loads((home / "keys/owner.json").read_text())
        for text, role in (("granian", "app"), ("fanal.worker", "worker")):
            told = []
            assert wait_for(
                lambda text=text, told=told: told.extend(variables_of(home, text)) or told
            )
            for variables in told:
                assert passwords[role] in variables
                for other in set(passwords) - {role}:
                    assert passwords[other] not in variables

    def test_doctor_names_the_port_that_this_home_serves(self, running, home):
        assert wait_for(running.alive)
        assert f"served on port {running.port}" in fanal(home, "doctor").stdout

    def test_a_second_credential_is_said(self, running, home):
        first, second = (fanal(home, "partner", "add", "twice", "--json") for _ in range(2))
        assert "fanal partner revoke" not in first.stderr
        assert "fanal partner revoke" in second.stderr
        assert json.loads(second.stdout)["partner"] == "twice"

    def test_a_port_in_use_is_told_in_a_sentence(self, running, home):
        answer = fanal(home, "--lang", "en", "run", "--port", str(running.port))
        assert answer.returncode == 1
        assert (
            "cannot be used (address already in use); choose another --host or --port"
            in answer.stderr
        )

    def test_keys_are_private(self, home):
        for path in (home / "keys").iterdir():
            assert path.stat().st_mode & 0o077 == 0, path


class TestRefusals:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "fanal.example"])
    def test_a_demo_listens_on_loopback_only(self, home, host):
        for options in (("--demo",), ()):
            answer = fanal(home, "--lang", "en", "run", *options, "--host", host, "--port", "1")
            assert answer.returncode == 2
            assert "loopback only" in answer.stderr

    def test_demo_refuses_a_production_database(self, open_folder):
        home = open_folder / "production"
        try:
            prepare(home, demo=False)
            for command in (("migrate", "--demo"), ("run", "--demo", "--port", "1")):
                answer = fanal(home, *command)
                assert answer.returncode == 1
                assert "made as PRODUCTION" in answer.stderr
            assert len(answer.stderr.splitlines()) == 1
        finally:
            Cluster.open(home=home, environ=os.environ).stop()

    def test_a_command_before_the_first_migration_says_what_to_do(self, open_folder):
        home = open_folder / "empty"
        try:
            answer = fanal(home, "worker", "--lang", "en")
            assert answer.returncode == 1
            assert "run 'fanal migrate' or 'fanal run' first" in answer.stderr
        finally:
            Cluster.open(home=home, environ=os.environ).stop()


class TestDoctor:
    def test_on_a_fresh_machine_it_makes_nothing(self, open_folder):
        home = open_folder / "nowhere"
        answer = fanal(home, "doctor")
        assert "will be made at the first start" in answer.stdout
        assert not home.exists()

    def test_says_where_the_database_is_and_that_it_is_durable(self, home):
        answer = fanal(home, "doctor")
        assert answer.returncode == 0, answer.stdout
        assert f"database in {home}/postgres" in answer.stdout
        assert "commits are durable" in answer.stdout
        assert "marked DEMO" in answer.stdout

    def test_fails_a_production_that_shares_a_disk_with_its_keys_and_calls_nobody(
        self, open_folder
    ):
        home = open_folder / "careless"
        try:
            prepare(home, demo=False)
            (home / "vault").mkdir(exist_ok=True)
            answer = fanal(home, "doctor")
            assert answer.returncode == 1
            assert "keys and vault share a file system" in answer.stdout
            assert "FANAL_SMTP_URL is not set" in answer.stdout
            assert "signs its checkpoints as 'fanal.test/ledger', an example" in answer.stdout
            assert "FANAL_DUTY names nobody to call" in answer.stdout
            assert "SUPERVISOR (0 of 2)" in answer.stdout
            assert "no backup was ever made" in answer.stdout
            assert "FANAL_HOSTS names this machine only" in answer.stdout
            assert "FANAL_PROXY_HOPS is not set" in answer.stdout
        finally:
            Cluster.open(home=home, environ=os.environ).stop()

    def test_tables_of_a_later_version_stop_doctor_and_every_command(self, home):
        clean = environment(home)
        with open_databases(home=home, environ=clean) as databases:
            admin = databases.cluster.admin_url("fanal")
            claim = (
                "INSERT INTO django_migrations (app, name, applied) VALUES ('intake', '9', now())"
            )
            with psycopg.connect(admin) as connection:
                connection.execute(claim)
            try:
                for command in (["doctor"], ["migrate"], ["report", "list"], ["run", "--demo"]):
                    answer = fanal(home, *command, "--lang", "en")
                    assert answer.returncode == 1, command
                    said = answer.stdout if command == ["doctor"] else answer.stderr
                    assert "newer than this version" in said, command
            finally:
                with psycopg.connect(admin) as connection:
                    connection.execute("DELETE FROM django_migrations WHERE name = '9'")

    def test_names_binaries_that_are_not_there(self, open_folder):
        answer = subprocess.run(
            [*FANAL, "doctor"],
            env=environment(open_folder / "nowhere", PG_BIN="/nowhere"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 1
        assert "PG_BIN: /nowhere holds no postgres" in answer.stdout
