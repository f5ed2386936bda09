"""Calls to a mail server that is slow in one thing: they arrive, and few of them twice."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from fanal.calls.loop import CallsLoop
from fanal.connectors import mail
from fanal.db import sql
from fanal.kernel import clock
from fanal.orient.alarms.operations import outbox
from fanal.orient.domain.clocks import MOST_COPIES
from tests.integration.calls.test_outbox import NOW, SYSTEM, claim, deposit, due_again
from tests.live import wait_for
from tests.unit.connectors.test_mail_servers import resolve
from tests.unit.connectors.test_slow_mail import GONE, GOOD, NAME, Inbox, served

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("installed_keys"),
]
SENT, PARTLY = [("SENT",)], [("PARTLY",)]


def outcomes() -> list[tuple[object, ...]]:
    return sql.rows("SELECT outcome FROM orient_call")


class Sessions:
    """Counts the sessions that are open at once; `most` is their highest number so far."""

    def __init__(self) -> None:
        self.most, self._open, self._guard = 0, 0, threading.Lock()

    def __enter__(self) -> None:
        with self._guard:
            self._open += 1
            self.most = max(self.most, self._open)

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._open -= 1


@contextmanager
def looping(port: int, folder: Path, *duty: str, host: str = "127.0.0.1") -> Iterator[CallsLoop]:
    """Yield the loop of one process with this mail server."""
    before, url = mail.current(), f"smtp://{host}:{port}"
    mail.install(mail.Mailer(url=url, sender="desk@desk.fr", duty=duty, folder=folder))
    loop = CallsLoop(clock=clock.now, number=98)
    try:
        yield loop
    finally:
        loop._sender.stop()
        mail.install(before)


def calls_through(
    port: int,
    folder: Path,
    expected: list[tuple[str]],
    *duty: str,
    seconds: float,
    host: str = "127.0.0.1",
) -> bool:
    """Run the loop of one process with this mail server until the calls have these outcomes."""
    with looping(port, folder, *duty, host=host) as loop:
        return wait_for(lambda: (loop.beat(), outcomes() == expected)[1], seconds=seconds)


def test_duty_addresses_that_are_refused_slowly_keep_no_call_from_the_others(
    tmp_path: Path,
) -> None:
    came: list[float] = []

    def tarpit(line: str) -> bytes | None:
        if line == ".":
            came.append(time.monotonic())
        if GONE in line:
            time.sleep(5.3)
            return b"550 no such person\r\n"
        return None

    inbox, started = Inbox(tarpit), time.monotonic()
    with served(inbox.talk, "127.0.0.1") as port:
        deposit()
        duty = (GONE, GOOD, f"all.{GONE}")
        assert calls_through(port, tmp_path, PARTLY, *duty, seconds=20)
    assert inbox.messages == [[GOOD]]
    assert came[0] - started < 10


def test_addresses_that_do_not_answer_fill_no_mail_server(tmp_path: Path) -> None:
    """Their provider is away, and the server asks it first; from one machine it lets few sessions in."""
    came, sessions = list[float](), Sessions()

    def relay(line: str) -> bytes | None:
        if line == ".":
            came.append(time.monotonic())
        if GONE in line:
            time.sleep(12)
            return b"450 later\r\n"
        return None

    class Relay(Inbox):
        def talk(self, connection: socket.socket) -> None:
            with sessions:
                super().talk(connection)

    inbox, duty = Relay(relay), (GOOD, GONE, f"x.{GONE}")
    with served(inbox.talk, "127.0.0.1") as port, looping(port, tmp_path, *duty) as loop:
        deposit()
        assert wait_for(lambda: (loop.beat(), outcomes() == PARTLY)[1], seconds=20)
        for number in range(2, 8):
            deposit()
            started = time.monotonic()
            assert wait_for(lambda: (loop.beat(), len(came) == number)[1], seconds=10)  # noqa: B023
            assert came[-1] - started < 1.9, "without the patience that slow addresses cost"
            assert wait_for(lambda: (loop.beat(), outcomes() == PARTLY * number)[1], seconds=10)  # noqa: B023
    assert inbox.messages == [[GOOD]] * 7
    assert sessions.most <= 8


def test_who_answers_again_has_the_calls_that_went_to_the_others(tmp_path: Path) -> None:
    away = threading.Event()
    away.set()
    inbox = Inbox(lambda line: b"450 later\r\n" if GONE in line and away.is_set() else None)
    with served(inbox.talk, "127.0.0.1") as port, looping(port, tmp_path, GOOD, GONE) as loop:
        deposit()
        assert wait_for(lambda: (loop.beat(), outcomes() == PARTLY)[1], seconds=10)
        away.clear()
        deposit()
        assert wait_for(lambda: (loop.beat(), outcomes() == SENT * 2)[1], seconds=30)
    assert sorted(map(tuple, inbox.messages)).count((GONE,)) in {1, 2}
    assert inbox.messages.count([GOOD]) == 2


def test_who_is_well_again_has_a_call_at_once_though_another_hangs(tmp_path: Path) -> None:
    away, hangs = threading.Event(), threading.Event()

    def relay(line: str) -> bytes | None:
        if GONE in line and away.is_set():
            return b"450 later\r\n"
        if GOOD in line and hangs.is_set() and line[:4].upper() == "RCPT":
            time.sleep(9)
        return None

    away.set()
    inbox = Inbox(relay)
    with served(inbox.talk, "127.0.0.1") as port, looping(port, tmp_path, GOOD, GONE) as loop:
        deposit()
        assert wait_for(lambda: (loop.beat(), outcomes() == PARTLY)[1], seconds=10)
        away.clear()
        hangs.set()
        deposit()
        assert wait_for(lambda: (loop.beat(), [GONE] in inbox.messages)[1], seconds=4)


def test_a_message_confirmed_late_is_sent_twice_and_no_more(tmp_path: Path) -> None:
    inbox = Inbox(lambda line: time.sleep(5) if line == "." else None)
    with served(inbox.talk, "127.0.0.1") as port:
        deposit()
        assert calls_through(port, tmp_path, SENT, GOOD, seconds=30)
    assert inbox.messages[:1] == [[GOOD]]
    assert len(inbox.messages) <= 2
    assert sql.one("SELECT attempts, failure FROM orient_call") == (1, "")


def test_a_copy_of_an_unconfirmed_message_goes_to_another_address_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The filter at the first one dies at each message, say."""
    resolve(monkeypatch, NAME, "127.0.0.66", "127.0.0.67")
    bad, good = Inbox(lambda line: b"\r\n" if line == "." else None), Inbox()
    with served(bad.talk, "127.0.0.66") as port, served(good.talk, "127.0.0.67", port):
        deposit()
        assert calls_through(port, tmp_path, SENT, GOOD, GOOD, seconds=20, host=NAME)
    assert bad.messages == good.messages == [[GOOD]]


def test_copies_of_a_message_are_bounded_and_far_apart() -> None:
    deposit()
    [call] = claim()
    waits, failure = [], ""
    for attempt in range(1, MOST_COPIES + 1):
        assert outcomes() == [(None,)]
        call = msgspec.structs.replace(call, attempts=attempt, failure=failure)
        failure = "UNCONFIRMED"
        sql.run("UPDATE orient_call SET lease_token = %s", [call.token])
        assert outbox.record_failure(
            actor=SYSTEM, calls=[call], failure=failure, jitter=1.0, now=NOW
        )
        waits.append(sql.one("SELECT not_before - now() FROM orient_call")[0])
    assert outcomes() == [("GIVEN_UP",)]
    assert waits[0] <= timedelta(seconds=1), "the server may have lost it"
    assert timedelta(minutes=9) < max(waits) <= timedelta(minutes=10)
    assert sum(wait > timedelta(minutes=1) for wait in waits) >= MOST_COPIES - 7


def test_a_first_unconfirmed_message_after_many_failures_is_tried_again() -> None:
    deposit()
    [call] = claim()
    late = msgspec.structs.replace(call, attempts=MOST_COPIES + 1, failure="AWAY")
    outbox.record_failure(actor=SYSTEM, calls=[late], failure="UNCONFIRMED", jitter=0, now=NOW)
    due_again()
    assert [again.failure for again in claim(again=True)] == ["UNCONFIRMED"]
