"""Calls to a mail server that is slow in one thing: they arrive, and few of them twice."""

import time
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


def calls_through(
    port: int,
    folder: Path,
    expected: list[tuple[str]],
    *duty: str,
    seconds: float,
    host: str = "127.0.0.1",
) -> bool:
    """Run the loop of one process with this mail server until the calls have these outcomes."""
    before, url = mail.current(), f"smtp://{host}:{port}"
    mail.install(mail.Mailer(url=url, sender="desk@desk.fr", duty=duty, folder=folder))
    loop = CallsLoop(clock=clock.now, number=98)
    try:
        return wait_for(lambda: (loop.beat(), outcomes() == expected)[1], seconds=seconds)
    finally:
        loop._senders.stop()
        mail.install(before)


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


def test_a_message_confirmed_late_is_sent_twice_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "SEND_SECONDS", 2.0)
    inbox = Inbox(lambda line: time.sleep(4) if line == "." else None)
    with served(inbox.talk, "127.0.0.1") as port:
        deposit()
        assert calls_through(port, tmp_path, SENT, GOOD, seconds=30)
    assert inbox.messages == [[GOOD], [GOOD]]
    assert sql.one("SELECT attempts, failure FROM orient_call") == (2, "UNCONFIRMED")


def test_the_copy_of_a_message_goes_to_another_address_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The filter at the first one dies at each message, say: it would get all forty copies."""
    resolve(monkeypatch, NAME, "127.0.0.66", "127.0.0.67")
    bad, good = Inbox(lambda line: b"\r\n" if line == "." else None), Inbox()
    with served(bad.talk, "127.0.0.66") as port, served(good.talk, "127.0.0.67", port):
        deposit()
        assert calls_through(port, tmp_path, SENT, GOOD, GOOD, seconds=20, host=NAME)
    assert bad.messages == good.messages == [[GOOD]]
    assert sql.one("SELECT attempts, failure FROM orient_call") == (2, "UNCONFIRMED")


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
