"""A child in danger is heard within ten seconds whatever else is slow, busy or restarting.

Real processes, mail servers and list sources that drip an octet a second, a worker that does nothing for
anybody, and a PostgreSQL that is killed. Each bound of time has room for a loaded machine.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path

import psycopg
import pytest
from aiosmtpd.controller import Controller

from fanal.config.databases import open_databases
from fanal.postgres import Cluster, DatabaseRole
from tests.client.sharing import change
from tests.faults.add_slow_sources import COUNT
from tests.live import Live, Partner, free_port, live, wait_for

pytestmark = pytest.mark.serial
CALLED_WITHIN = 15.0
"""Ten seconds, and room for a machine on which other tests run."""
ROOT = Path(__file__).parents[2]


@dataclass
class Inbox:
    """What the duty people's mail server accepted."""

    texts: list[str] = field(default_factory=list)

    async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:  # noqa: N802
        self.texts.append(message_from_bytes(envelope.content).as_string())  # type: ignore[attr-defined]
        return "250 accepted"


class Front:
    """A port that drips an octet a second on its first `to_drip` connections and passes the others on."""

    def __init__(self, behind: int | None, *, to_drip: int) -> None:
        self._behind, self.to_drip, self.dripping = behind, to_drip, 0
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._socket.getsockname()[1])
        self._stop = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._stop.set()
        self._socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._socket.accept()
                drips = self._behind is None or self.to_drip > 0
                self.to_drip -= drips
                serve: Callable[[socket.socket], None] = self._drip if drips else self._pass_on
                threading.Thread(target=serve, args=(line,), daemon=True).start()

    def _drip(self, line: socket.socket) -> None:
        self.dripping += 1
        with contextlib.suppress(OSError), line:
            while not self._stop.wait(1):
                line.sendall(b"2")

    def _pass_on(self, line: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            line,
            socket.create_connection(("127.0.0.1", self._behind)) as server,
        ):
            back = threading.Thread(target=_copy, args=(server, line), daemon=True)
            back.start()
            _copy(line, server)
            back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(65536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)


@dataclass
class Scene:
    """A running installation, its mail server behind a front, and one partner."""

    server: Live
    inbox: Inbox
    mail: Front
    partner: Partner

    def tell(self, reference: str) -> tuple[str, float]:
        """Deposit a report of a child in danger until it is acknowledged; return its id, and when."""
        body = {"reference": reference, "kind": "GROOMING", "emergency": True}
        answers = []

        def acknowledged() -> bool:
            answers.append(self.server.json("POST", "/reports", self.partner, body))
            return answers[-1].status in {200, 201}

        assert wait_for(acknowledged, seconds=60, beat=0.2), answers[-1]
        return str(answers[-1].json["id"]), time.monotonic()

    def is_called(self, reference: str) -> None:
        """Tell of danger and assert that the call is out in time."""
        report, told = self.tell(reference)
        out = wait_for(
            lambda: any(report in text for text in self.inbox.texts),
            seconds=CALLED_WITHIN,
            beat=0.05,
        )
        assert out, f"no call {time.monotonic() - told:.1f} s after {reference}"

    def url(self, role: DatabaseRole) -> str:
        with open_databases(home=self.server.home, environ=os.environ) as databases:
            return databases.url(role)

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        url = Cluster.open(home=self.server.home, environ=os.environ).admin_url()
        with psycopg.connect(url, dbname="fanal", autocommit=True) as admin:
            cursor = admin.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    inbox, behind = Inbox(), free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=behind)
    controller.start()
    front = Front(behind, to_drip=0)
    try:
        with live(
            FANAL_SMTP_URL=f"smtp://127.0.0.1:{front.port}", FANAL_DUTY="duty@desk.example"
        ) as server:
            yield Scene(server, inbox, front, server.add_partner("faults"))
    finally:
        front.close()
        controller.stop()


def test_ten_list_sources_that_drip_delay_no_call(scene: Scene) -> None:
    drip = Front(None, to_drip=0)
    change(scene.server, kinds=["LIST_FETCH"])
    subprocess.run(
        [sys.executable, "-m", "tests.faults.add_slow_sources", f"http://127.0.0.1:{drip.port}"],
        env=scene.server.environment(), check=True, cwd=ROOT,
    )  # fmt: skip
    try:
        # As many runs as there are slots of every kind: what the schedule of some minutes queued.
        scene.ask(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) SELECT q,"
            " 'fanal.worker.jobs.fetch_lists', '{\"timestamp\": 0}'"
            f" FROM generate_series(1, {COUNT}), unnest(ARRAY['default', 'fetches']) AS q"
        )
        assert wait_for(lambda: drip.dripping >= 4, seconds=90), scene.server.told()
        scene.is_called("SOURCES")
    finally:
        scene.ask("UPDATE exchange_source SET enabled = false")
        drip.close()


def test_ten_mail_servers_that_drip_delay_no_call(scene: Scene) -> None:
    scene.mail.to_drip = 10
    earlier = []
    for number in range(10):  # one after the other: those that are due together are in one message
        earlier.append(scene.tell(f"DRIPPED-{number}")[0])
        assert wait_for(lambda: scene.mail.dripping > number, seconds=30, beat=0.05)  # noqa: B023
    scene.is_called("MAIL")
    # Who met a slow server is called by another session; only accepted calls are calls in the ledger.
    assert wait_for(
        lambda: all(any(r in text for text in scene.inbox.texts) for r in earlier), seconds=90
    )
    # An entry names the reports of its message: those that are due together are told of by one.
    told = "SELECT count(*) FROM ledger_entry e JOIN ledger_object o ON o.entry_id = e.id WHERE action ="
    sent = f"{told} 'alarm.send'"
    done = "SELECT count(*) FROM orient_call WHERE outcome = 'SENT'"
    assert wait_for(lambda: scene.ask(sent) == scene.ask(done))
    noted = f"{told} 'alarm.fail'"
    failed = "SELECT count(*) FROM orient_call WHERE failed_at IS NOT NULL"
    assert scene.ask(noted) == scene.ask(failed)


def test_a_worker_that_does_nothing_else_delays_no_call(scene: Scene) -> None:
    """As one in a busy loop: none of its threads runs."""
    workers = scene.server.children("fanal.worker")
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        scene.is_called("BUSY")
    finally:
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_a_restart_of_postgresql_delays_no_call(scene: Scene) -> None:
    pid = scene.server.database_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    scene.is_called("RESTARTED")


def test_locks_held_elsewhere_delay_no_call(scene: Scene) -> None:
    """The heartbeats' table and the jobs' are locked: what may wait is put off."""
    url = Cluster.open(home=scene.server.home, environ=os.environ).admin_url()
    with psycopg.connect(url, dbname="fanal") as lock:
        lock.execute("LOCK TABLE orient_caller, procrastinate_jobs IN ACCESS EXCLUSIVE MODE")
        scene.is_called("LOCKED")


def test_a_public_node_that_hoards_locks_delays_no_call(scene: Scene) -> None:
    """Nested savepoints, each with a number of its own, fill what all sessions share: nobody connects then."""
    with psycopg.connect(scene.url(DatabaseRole.INTAKE)) as node:
        with nobody_looking(scene), pytest.raises(psycopg.errors.OutOfMemory):
            hoard([node], 30_000)
        assert wait_for(lambda: is_ended(node), seconds=10)
    scene.is_called("HOARDED")


def test_many_sessions_of_public_nodes_that_hoard_together_delay_no_call(scene: Scene) -> None:
    """All grow at once, between two looks: who ends them needs no lock any more."""
    together = (
        "SELECT count(*) < 3000 FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE a.usename = 'fanal_intake' AND NOT l.fastpath"
    )
    nodes = [psycopg.connect(scene.url(DatabaseRole.INTAKE)) for _ in range(40)]
    try:
        with nobody_looking(scene), pytest.raises(psycopg.errors.OutOfMemory):
            hoard(nodes, 800)
        scene.is_called("TOGETHER")
        assert wait_for(lambda: scene.ask(together) == [(True,)], seconds=10)
    finally:
        for node in nodes:
            node.close()


def test_a_session_that_hears_of_no_end_delays_no_call(scene: Scene) -> None:
    """An XPath of cubic size is computed in a library that asks nobody: its process is killed."""
    node = psycopg.connect(scene.url(DatabaseRole.INTAKE))
    deaf = (
        "SELECT count(*) FROM unnest(xpath('//*[count(//*[count(//*)>=0])>=0]',"
        " ('<r>' || repeat('<a/>', 3000) || '</r>')::xml)) u"
    )
    busy = threading.Thread(target=_try, args=(node, deaf), daemon=True)
    with nobody_looking(scene):
        hoard([node], 4000)
        busy.start()
    busy.join(30)
    assert not busy.is_alive()
    scene.is_called("DEAF")


@pytest.mark.parametrize(
    ("table", "asked"),
    [
        ("database", "DROP DATABASE fanal"),
        ("its_name", "ALTER DATABASE fanal RENAME TO other"),
        ("orient_call", "CREATE RULE x AS ON INSERT TO orient_call DO ALSO NOTHING"),
        ("intake_report", "CREATE TRIGGER x BEFORE INSERT ON intake_report EXECUTE FUNCTION f()"),
        ("pg_database", "CREATE RULE x AS ON INSERT TO pg_database DO ALSO NOTHING"),
    ],
)
def test_who_queues_for_a_lock_without_a_right_delays_no_call(
    scene: Scene, table: str, asked: str
) -> None:
    """PostgreSQL asks for the lock before the right: everybody waits behind who waits for it."""
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            with contextlib.suppress(psycopg.Error):
                url = scene.url(DatabaseRole.INTAKE)
                with psycopg.connect(url, autocommit=True, connect_timeout=3) as node:
                    node.execute(asked.encode())

    with psycopg.connect(scene.url(DatabaseRole.INTAKE)) as holder:
        holder.execute("SELECT count(*) FROM pg_database")
        holder.execute("ALTER ROLE fanal_intake IN DATABASE fanal SET work_mem = '5MB'")
        holder.execute(ALARMS, [1])
        asking = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
        for thread in asking:
            thread.start()
        try:
            time.sleep(2)
            scene.is_called(f"QUEUED-{table}")
        finally:
            over.set()
    for thread in asking:
        thread.join(20)


def test_who_looks_is_started_again(scene: Scene) -> None:
    looking = set(scene.server.children("fanal.calls")) - set(scene.server.leaders("fanal.calls"))
    assert looking
    for pid in looking:
        with contextlib.suppress(ProcessLookupError):  # one that sent a message is gone by itself
            os.kill(pid, signal.SIGKILL)
    assert wait_for(
        lambda: (
            set(scene.server.children("fanal.calls"))
            - set(scene.server.leaders("fanal.calls"))
            - looking
        ),
        seconds=30,
    )


def test_who_looks_finds_a_place_where_nobody_can_connect(scene: Scene) -> None:
    """Nothing is held from before: what serves public nodes is ended from outside, and PostgreSQL stays."""
    before = scene.server.database_pid()
    holder = psycopg.connect(scene.url(DatabaseRole.INTAKE))
    node = psycopg.connect(scene.url(DatabaseRole.INTAKE), autocommit=True)
    holder.execute("ALTER ROLE fanal_intake IN DATABASE fanal SET work_mem = '5MB'")
    waiting = threading.Thread(target=_try, args=(node, "DROP DATABASE fanal"), daemon=True)
    with nobody_looking(scene):
        waiting.start()
        time.sleep(1)
        for pid in scene.server.children("fanal.calls"):
            os.kill(pid, signal.SIGKILL)
    waiting.join(60)
    assert not waiting.is_alive()
    scene.is_called("NO-PLACE")
    assert scene.server.database_pid() == before
    for session in (holder, node):
        session.close()


def test_who_waits_for_the_callers_own_lock_delays_no_call(scene: Scene) -> None:
    """Whoever calls takes it anew with each session: it is another one then."""
    held = "SELECT l.pid, l.objid FROM pg_locks l WHERE l.locktype = 'advisory' AND l.classid = 1179534145"
    ((caller, number),) = scene.ask(held)
    with psycopg.connect(scene.url(DatabaseRole.APP), autocommit=True) as waiting:
        asked = f"SELECT pg_advisory_lock(1179534145, {number})"
        waits = threading.Thread(target=_try, args=(waiting, asked), daemon=True)
        waits.start()
        time.sleep(1)
        scene.ask(f"SELECT pg_terminate_backend({caller})")
        waits.join(20)
        scene.is_called("ITS-LOCK")


def test_a_session_that_nests_savepoints_is_ended(scene: Scene) -> None:
    """Whoever reads what it wrote looks up the savepoint of each row."""
    with contextlib.closing(psycopg.connect(scene.url(DatabaseRole.INTAKE))) as node:
        with nobody_looking(scene):
            hoard([node], 100)
        time.sleep(4)  # to ask is to go back to the first one
        assert is_ended(node)


def test_a_deposit_of_a_public_node_is_ended_by_nobody(scene: Scene) -> None:
    """It holds some locks of the kind that others hoard."""
    with psycopg.connect(scene.url(DatabaseRole.INTAKE)) as node:
        hoard([node], 10)
        time.sleep(4)
        assert not is_ended(node)


def test_a_flood_of_alarms_delays_no_call(scene: Scene) -> None:
    """Whoever speaks as a public node tells of thousands of children in danger in a second."""
    for _ in range(10):
        with psycopg.connect(scene.url(DatabaseRole.INTAKE), autocommit=True) as node:
            node.execute(ALARMS, [400])
    scene.is_called("AMONG-MANY")
    due = "SELECT count(*) FROM orient_call WHERE outcome IS NULL"
    assert wait_for(lambda: scene.ask(due) == [(0,)], seconds=90), (
        "and those of the flood are out too"
    )


ALARMS = """
WITH ids AS MATERIALIZED (
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
        || substr(md5(g::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid AS id
    FROM generate_series(1, %s) g
), sealed AS (
    INSERT INTO vault_object (id, owner_id, kind, sha256, size, length, wrapped_key, wrap_key_id, created_at)
    SELECT id, id, 'report', sha256('x'), 1, 1, '\\x00', '\\x00', now() FROM ids
)
INSERT INTO intake_report (id, desk_id, sender_id, arrival, format, reference, state, received_at, changed_at,
    object_id, size, urgent, is_test, slow_lane, language, correlation_id)
SELECT id, 1, '00000000-0000-0000-0000-000000000000', 'FORM', 'form/1', 'r', 'FINISHED', now(), now(), id, 1,
    true, false, false, '', '' FROM ids
"""


@pytest.mark.parametrize("channel", ["fanal_alarm", "fanal_work"])
def test_a_flood_of_notifications_delays_no_call(scene: Scene, channel: str) -> None:
    """NOTIFY is open to every role: whoever listens hears all of it."""
    flood = (
        f"SELECT count(pg_notify('{channel}', g::text || repeat('x', 200)))"
        " FROM generate_series(1, 20000) g"
    )
    over = threading.Event()

    def pour() -> None:
        with psycopg.connect(scene.url(DatabaseRole.INTAKE), autocommit=True) as node:
            while not over.is_set():
                node.execute(flood)

    pouring = threading.Thread(target=pour, daemon=True)
    pouring.start()
    try:
        time.sleep(4)
        scene.is_called(f"FLOOD-{channel}")
    finally:
        over.set()
        pouring.join(20)


@contextlib.contextmanager
def nobody_looking(scene: Scene) -> Iterator[None]:
    """Stop the process of the calls meanwhile: what happens happens between two of its looks."""
    callers = scene.server.children("fanal.calls")
    assert len(callers) >= 2
    for caller in callers:
        os.kill(caller, signal.SIGSTOP)
    try:
        yield
    finally:
        for caller in callers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(caller, signal.SIGCONT)


def hoard(sessions: Iterable[psycopg.Connection], count: int) -> None:
    """Hold so many locks in each session, as long as there is place."""
    for session in sessions:
        with session.pipeline():
            for number in range(count):
                session.execute(f"SAVEPOINT s{number}")
                session.execute(
                    "INSERT INTO intake_spent_challenge VALUES (sha256(random()::text::bytea), now())"
                )


def is_ended(session: psycopg.Connection) -> bool:
    """Return whether the server has ended a session."""
    with contextlib.suppress(psycopg.Error):
        session.execute("ROLLBACK TO s1")
    return session.closed


def _try(session: psycopg.Connection, statement: str) -> None:
    with contextlib.suppress(psycopg.Error):
        session.execute(statement)
