"""A process whose mail server fails leaves the calls to one whose messages arrive, until its own works again."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from fanal.calls import loop
from fanal.calls.loop import CallsLoop
from fanal.cli.doctor_checks import look_at_outbox
from fanal.connectors import mail
from fanal.db import sql
from fanal.kernel import clock
from fanal.orient.alarms.operations import outbox
from fanal.orient.domain.clocks import Delivery
from tests.integration.calls.test_outbox import NOW, SYSTEM, AsRole, claim, deposit, due_again
from tests.live import free_port, wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("installed_keys"),
]
OWN, OTHER = 98, 99


class Caller(CallsLoop):
    """The loop of one process beside another, whose sign of life is written by hand."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        url = f"smtp://127.0.0.1:{self.port}"
        mail.install(mail.Mailer(url=url, sender="a@b.fr", duty=("c@b.fr",), folder=folder))
        super().__init__(clock=clock.now, number=OWN)

    def works_until(self, statement: str, found: object) -> bool:
        def is_found() -> bool:
            self.beat()
            return sql.one(statement) == (found,)

        return wait_for(is_found, seconds=15)

    def close(self) -> None:
        self._sender.stop()

    def asks_now(self) -> None:
        """Let the pause before the next question to the mail server be over."""
        self._standing._ask_at = time.monotonic()


REACHES = f"SELECT reaches FROM orient_caller WHERE holder = {OWN}"
TRIED = "SELECT sum(attempts)::integer FROM orient_call"
FAILED = "SELECT count(*) FROM orient_call WHERE failed_at IS NOT NULL"
SENT = "SELECT count(*) FROM orient_call WHERE outcome = 'SENT'"


@pytest.fixture
def caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """A caller for whom no call is overdue: the other process, which lives in its sign alone, is quick."""
    monkeypatch.setattr(loop, "_OVERDUE_SECONDS", 60.0)
    before = mail.current()
    made = Caller(tmp_path)
    try:
        yield made
    finally:
        made.close()
        mail.install(before)


def other(*, reaches: bool) -> None:
    outbox.show_alive(actor=SYSTEM, holder=OTHER, reaches=reaches)


def test_what_failed_goes_at_once_to_a_process_whose_messages_arrive(
    caller: Caller, as_role: AsRole
) -> None:
    other(reaches=True)
    report_id = deposit()
    assert caller.works_until(FAILED, 1)
    assert sql.one(REACHES) == (False,)
    told = [finding.text for finding in look_at_outbox(as_role("auditor"), demo=False)]
    assert "reach nobody: 1 (" in told[0]
    later = deposit()
    for _ in range(3):
        caller.beat()
    assert sql.one(TRIED) == (1,), "neither a retry nor a new call"
    assert [call.report_id for call in claim(again=True)] == [report_id]
    assert [call.report_id for call in claim()] == [later]


def test_where_nobody_reaches_anybody_each_goes_on_trying(caller: Caller) -> None:
    other(reaches=False)
    deposit()
    assert caller.works_until(FAILED, 1)
    assert claim(again=True) == [], "the usual pause"
    deposit()
    due_again()
    assert caller.works_until(TRIED, 3)


def test_a_server_that_works_again_is_tried_with_one_call(caller: Caller) -> None:
    other(reaches=True)
    deposit()
    assert caller.works_until(FAILED, 1)
    for _ in range(3):
        deposit()
    caller.asks_now()
    assert not wait_for(lambda: (caller.beat(), sql.one(TRIED) != (1,))[1], seconds=2)
    server = Controller(Sink(), hostname="127.0.0.1", port=caller.port)
    server.start()
    try:
        caller.asks_now()
        assert caller.works_until(TRIED, 2), "one call proves it"
        assert caller.works_until(REACHES, True)
        assert caller.works_until(SENT, 4), "then all, the failed one too"
    finally:
        server.stop()


def test_a_server_that_signs_in_and_takes_nothing_costs_one_call_at_a_time(caller: Caller) -> None:
    class Refuses:
        async def handle_DATA(self, *_: object) -> str:  # noqa: N802
            return "451 not now"

    other(reaches=True)
    server = Controller(Refuses(), hostname="127.0.0.1", port=caller.port)
    server.start()
    try:
        for _ in range(3):
            deposit()
        assert caller.works_until(FAILED, 3)
        late = [deposit() for _ in range(3)]
        caller.asks_now()
        assert caller.works_until(FAILED, 4)
        for _ in range(4):
            caller.beat()
        assert sql.one(TRIED) == (4,)
        assert sql.one(REACHES) == (False,)
        assert len({call.report_id for call in claim()} & {*late}) == 2
    finally:
        server.stop()


def test_signs_that_cannot_be_read_keep_no_call_back(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process's own old sign counts as nobody else's either."""
    outbox.show_alive(actor=SYSTEM, holder=OWN, reaches=True)
    assert not outbox.others_reach(actor=SYSTEM, holder=OWN)

    def locked(**_: object) -> bool:
        sql.run("SELECT pg_sleep(1) FROM orient_nothing")
        return True

    monkeypatch.setattr(outbox, "others_reach", locked)
    deposit()
    assert caller.works_until(FAILED, 1)
    due_again()
    assert caller.works_until(TRIED, 2)


def test_a_sign_of_life_of_a_process_that_takes_nothing_keeps_no_call_back(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that gave it may have died within the last half minute: often this one's predecessor."""
    other(reaches=True)
    deposit()
    assert caller.works_until(FAILED, 1)
    monkeypatch.setattr(loop, "_OVERDUE_SECONDS", 1.0)
    server = Controller(Sink(), hostname="127.0.0.1", port=caller.port)
    server.start()
    started = time.monotonic()
    try:
        later = deposit()
        assert caller.works_until(SENT, 2)
    finally:
        server.stop()
    assert time.monotonic() - started < 6, later


def test_one_without_mail_server_leaves_calls_to_one_whose_server_fails(tmp_path: Path) -> None:
    """That one goes on trying; what is left in a folder has ended."""
    other(reaches=False)
    before = mail.current()
    mail.install(mail.Mailer(url="", sender="a@b.fr", duty=("c@b.fr",), folder=tmp_path))
    made = CallsLoop(clock=clock.now, number=OWN)
    try:
        deposit()
        sql.run("UPDATE orient_call SET not_before = now() - interval '1 minute'")
        for _ in range(3):
            made.beat()
    finally:
        made._sender.stop()
        mail.install(before)
    assert sql.one(TRIED) == (0,)


def test_a_call_in_transit_for_long_is_sent_by_another_process_too() -> None:
    """The mail server of the first may be silent. Whichever is accepted first ends the call."""
    deposit()
    [first] = claim(holder=7)
    for holder in (7, 8, 9):
        sql.run("SELECT pg_advisory_lock(%s, %s)", [outbox._LOCK, holder])
    assert claim(holder=8, again=True) == []
    long_ago = "UPDATE orient_call SET lease_until = lease_until - interval '3.1 seconds'"
    sql.run(long_ago)
    assert claim(holder=7, again=True) == [], "its own"
    [second] = claim(holder=8, again=True)
    assert (second.id, second.token, second.attempts) == (first.id, first.token, 2)
    assert claim(holder=9, again=True) == []
    sql.run(long_ago)
    [third] = claim(holder=9, again=True)
    outbox.record_failure(actor=SYSTEM, calls=[second], failure="AWAY", jitter=1.0, now=NOW)
    for call, recorded in ((first, 1), (third, 0), (second, 0)):
        assert (
            outbox.record_delivery(actor=SYSTEM, calls=[call], delivery=Delivery.SENT, now=NOW)
            == recorded
        )
    due_again()
    assert claim(again=True) == []


def test_few_attempts_are_doubled_and_no_late_call() -> None:
    deposit()
    claim(holder=7)
    for change in ("queued_by = NULL", "queued_by = 1, attempts = 6"):
        sql.run(f"UPDATE orient_call SET lease_until = now() + interval '10 seconds', {change}")
        sql.run("SELECT pg_advisory_lock(%s, 7)", [outbox._LOCK])
        assert claim(holder=8, again=True) == []
