"""The child that sends calls: none can be started, it dies, it hangs."""

import logging
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from fanal.calls import sender as module
from fanal.calls.people import Outcome
from fanal.calls.sender import Sender
from fanal.connectors import mail
from fanal.db.hoarding import HoardingWatch
from fanal.orient.domain.clocks import Delivery
from fanal.orient.domain.records import Call
from tests.live import wait_for
from tests.unit.connectors.test_slow_mail import GONE, GOOD, Inbox, served

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALL = Call(
    id=UUID(int=1),
    alarm_id=UUID(int=2),
    report_id=UUID(int=3),
    escalated=False,
    attempts=1,
    token=UUID(int=4),
)


@contextmanager
def no_file_left() -> Iterator[None]:
    """Let this process open no further file, pipe or socket."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def sender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    """A sender of an installation without mail server: its messages are files."""
    monkeypatch.setattr(mail, "_installed", [])
    mail.install(mail.Mailer(url="", sender="a@b.fr", duty=("c@b.fr",), folder=tmp_path))
    made = Sender()
    yield made
    made.stop()


def outcomes(sender: Sender, *, many: int = 1) -> list[Outcome]:
    found = list[Outcome]()
    wait_for(lambda: len(found.__iadd__(sender.finished())) >= many, seconds=30)
    return found


def test_a_call_that_finds_no_process_has_failed_and_is_told_of(sender: Sender) -> None:
    with no_file_left():
        sender.start([CALL], now=NOW)
        assert sender.calls == [CALL.id]
        assert [(one.call, one.failure) for one in sender.finished()] == [(CALL, "DIED")]
    assert not sender.calls
    assert not sender.finished()
    sender.start([CALL], now=NOW)
    assert [one.delivery for one in outcomes(sender)] == [Delivery.LEFT]


def test_the_calls_of_a_child_that_dies_have_failed_and_the_next_has_another(
    sender: Sender,
) -> None:
    sender.start([CALL], now=NOW)
    assert outcomes(sender)
    child = sender._child
    assert child is not None
    child.process.kill()
    child.process.join()
    other = msgspec.structs.replace(CALL, id=UUID(int=9))
    sender.start([other], now=NOW)
    assert [one.failure for one in outcomes(sender)] == ["DIED"]
    sender.start([other], now=NOW)
    assert [one.delivery for one in outcomes(sender)] == [Delivery.LEFT]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """The file that the child writes its log to."""
    logger, handler = logging.getLogger("fanal.calls"), logging.FileHandler(tmp_path / "log")
    logger.addHandler(handler)
    yield tmp_path / "log"
    logger.removeHandler(handler)
    handler.close()


def test_an_error_in_the_child_is_in_the_log_without_what_was_sent(
    log: Path, sender: Sender
) -> None:
    sender.start([CALL], now=NOW)
    assert outcomes(sender)
    child = sender._child
    assert child is not None
    child.orders.send(("someone@desk.example",))
    child.process.join()
    told = log.read_text()
    assert "ValueError" in told
    assert "in _take" in told
    assert "someone" not in told


def test_how_many_addresses_the_server_refused_is_in_the_log_without_them(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "_installed", [])
    inbox = Inbox(lambda line: b"550 no such person\r\n" if GONE in line else None)
    with served(inbox.talk, "127.0.0.1") as port:
        url = f"smtp://127.0.0.1:{port}"
        mail.install(mail.Mailer(url=url, sender="a@b.fr", duty=(GOOD, GONE), folder=tmp_path))
        made = Sender()
        try:
            made.start([CALL], now=NOW)
            assert [one.delivery for one in outcomes(made)] == [Delivery.PARTLY]
        finally:
            made.stop()
    assert "refused 1 of 2 addresses: 550" in log.read_text()
    assert "gone" not in log.read_text()


def test_a_child_that_hangs_is_replaced(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    sender.start([CALL], now=NOW)
    assert outcomes(sender)
    child = sender._child
    assert child is not None
    assert child.process.pid
    os.kill(child.process.pid, signal.SIGSTOP)
    started = time.monotonic()
    with monkeypatch.context() as hurried:
        hurried.setattr(module, "_SPARE_SECONDS", 0.5)
        sender.start([CALL], now=NOW)
        assert [one.failure for one in outcomes(sender)] == ["TIMEOUT"]
    assert time.monotonic() - started < 3
    sender.start([CALL], now=NOW)
    assert [one.delivery for one in outcomes(sender)] == [Delivery.LEFT]


def test_a_child_that_hangs_with_a_call_in_hand_is_replaced_in_three_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "_installed", [])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        mail.install(mail.Mailer(url=url, sender="a@b.fr", duty=("c@b.fr",), folder=tmp_path))
        made = Sender()
        try:
            made.start([CALL], now=NOW)
            wait_for(lambda: bool(made.finished()) or not made._waits, seconds=10)
            child = made._child
            assert child is not None
            assert child.process.pid
            os.kill(child.process.pid, signal.SIGSTOP)
            started = time.monotonic()
            assert [one.failure for one in outcomes(made)] == ["TIMEOUT"]
            assert 1.0 < time.monotonic() - started < 6
        finally:
            made.stop()


def test_a_child_is_there_before_the_first_call(sender: Sender) -> None:
    """It asks for the mail server's name: the DNS may be away when the first call comes, weeks later."""
    sender.prepare()
    child = sender._child
    assert child is not None
    assert child.process.is_alive()
    sender.start([CALL], now=NOW)
    assert [one.delivery for one in outcomes(sender)] == [Delivery.LEFT]
    assert sender._child is child


@pytest.mark.long
def test_thousands_of_calls_at_once_block_neither_process(sender: Sender) -> None:
    calls = [msgspec.structs.replace(CALL, id=UUID(int=n)) for n in range(10, 1510)]
    sender.start(calls, now=NOW)
    assert sender.room == 500
    found = outcomes(sender, many=len(calls))
    assert {one.call.id for one in found} == {call.id for call in calls}


def test_a_watch_that_finds_no_process_is_started_by_the_next_look() -> None:
    watch = HoardingWatch()
    try:
        with no_file_left():
            watch.keep()
        assert not watch.alive
        watch.keep()
        assert watch.alive
    finally:
        watch.close()
