"""A database session that falls silent, with no error ever, is replaced, and what it held is free."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from fanal.calls import loop, outbox
from fanal.connectors import mail
from fanal.db.silence import SilenceTimer
from fanal.kernel import clock
from fanal.kernel.ids import new_id
from fanal.orient.alarms.operations.outbox import (
    hold_caller,
    queue_late,
    record_delivery,
    record_failure,
    show_alive,
)
from fanal.orient.domain.clocks import Delivery
from tests.integration.calls.test_outbox import DEPOSIT, NOW, SYSTEM, claim, deposit, due_again
from tests.live import wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("installed_keys"),
]
AsRole = Callable[[str], psycopg.Connection[tuple[object, ...]]]


class Front:
    """A socket before the server's; what goes over the connections that `silence` finds open is dropped."""

    def __init__(self, folder: Path, *, behind: str) -> None:
        self._behind, self._silenced, self.opened = behind, 0, 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(folder / Path(behind).name))
        self._socket.listen(50)
        self._open = [self._socket]
        self._passing = [threading.Thread(target=self._accept, daemon=True)]
        self._passing[0].start()

    def silence(self) -> None:
        self._silenced = self.opened

    def close(self) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._passing:
            thread.join(10)
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._behind)
                self.opened += 1
                self._open += [client, server]
                for pair in ((client, server), (server, client)):
                    asked = (*pair, self.opened)
                    passing = threading.Thread(target=self._pass_on, args=asked, daemon=True)
                    self._passing.append(passing)
                    passing.start()

    def _pass_on(self, source: socket.socket, target: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(65536):
                if number > self._silenced:
                    target.sendall(block)
            if number > self._silenced:
                target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def front(as_role: AsRole, tmp_path: Path) -> Iterator[Front]:
    server = as_role("worker").info
    before = connection.settings_dict["HOST"]
    made = Front(tmp_path, behind=f"{server.host}/.s.PGSQL.{server.port}")
    connection.close()
    connection.settings_dict["HOST"] = str(tmp_path)
    try:
        yield made
    finally:
        connection.close()
        connection.settings_dict["HOST"] = before
        made.close()


def test_a_statement_without_an_answer_fails(front: Front) -> None:
    connection.ensure_connection()
    timer = SilenceTimer(seconds=0.5, session=lambda: connection.connection)
    timer.begin()
    front.silence()
    started = time.monotonic()
    try:
        timer.start()
        with pytest.raises(psycopg.OperationalError):
            connection.connection.execute("SELECT 1")
    finally:
        timer.rest()
    assert time.monotonic() - started < 5


def test_a_child_told_of_in_the_silence_is_called(
    front: Front, as_role: AsRole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those claimed by the silent session too: it is ended, with its locks."""
    monkeypatch.setattr(loop, "ANSWER_SECONDS", 2.0)
    monkeypatch.setattr(outbox, "ANSWER_SECONDS", 2.0)
    monkeypatch.setattr(
        mail,
        "_installed",
        [mail.Mailer(url="", sender="a@b.fr", duty=("c@b.fr",), folder=tmp_path / "mail")],
    )
    node, stop, called = as_role("intake"), threading.Event(), list[bool]()

    def tell() -> None:
        wait_for(lambda: front.opened >= 3)
        time.sleep(2)
        front.silence()
        node.execute(DEPOSIT, {"id": new_id(clock.now()), "public": UUID(int=0)})
        called.append(bool(wait_for(lambda: list(tmp_path.glob("mail/*.eml")), seconds=12)))
        stop.set()

    telling = threading.Thread(target=tell)
    telling.start()
    loop.CallsLoop(clock=clock.now, number=98).run(stop)
    telling.join()
    assert called == [True]


@contextlib.contextmanager
def commits() -> Iterator[list[str]]:
    """Yield how durable each writing transaction of the session is, as it stands when it writes."""
    seen: list[str] = []

    def look(run, statement, params, many, context):  # type: ignore[no-untyped-def]
        done = run(statement, params, many, context)
        if connection.in_atomic_block and "orient_" in statement:
            [durable] = connection.connection.execute("SHOW synchronous_commit").fetchone()
            seen.append(durable)
        return done

    with connection.execute_wrapper(look):
        yield seen


def test_no_call_waits_for_a_slow_commit() -> None:
    """A standby or a disk may need longer for each than a session may be silent."""
    deposit()
    with commits() as seen:
        show_alive(actor=SYSTEM, holder=7)
        calls = claim()
        queue_late(actor=SYSTEM)
        record_failure(actor=SYSTEM, calls=calls, failure="REFUSED", jitter=0, now=NOW)
    assert len(calls) == 1
    assert set(seen) == {"off"}
    due_again()
    calls = [*claim(), *claim(again=True)]
    assert [call.attempts for call in calls] == [2], "a message that failed goes again"
    with commits() as seen:
        record_delivery(actor=SYSTEM, calls=calls, delivery=Delivery.SENT, now=NOW)
    assert set(seen) == {"on"}, "what was sent is kept"


def test_the_session_of_an_earlier_number_is_ended(as_role: AsRole) -> None:
    silent, other = as_role("worker"), as_role("worker")
    silent.execute("SELECT pg_advisory_lock(%s, 7)", [0x464E4341])
    other.execute("SELECT pg_advisory_lock(%s, 9)", [0x464E4341])
    hold_caller(holder=8, before=7)
    assert wait_for(lambda: silent.closed or _is_over(silent), seconds=10)
    assert not _is_over(other)
    connection.close()
    silent.close()


def _is_over(session: psycopg.Connection[tuple[object, ...]]) -> bool:
    try:
        session.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False
