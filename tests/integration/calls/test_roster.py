"""The duty roster and the calls: who is on duty is called, and a roster out of reach delays nobody's call."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path

import psycopg
import pytest
from aiosmtpd.controller import Controller

from fanal.accounts.operations.duty import add_duty
from fanal.calls.loop import CallsLoop
from fanal.connectors import mail
from fanal.kernel import clock
from tests.integration.accounts.people import SYSTEM
from tests.integration.accounts.test_duty import NIGHTS
from tests.integration.calls.test_outbox import deposit
from tests.live import free_port, wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.role("worker"),
    pytest.mark.usefixtures("installed_keys"),
]
AsRole = Callable[[str], psycopg.Connection[tuple[object, ...]]]
ON, DUTY = "phone@roster.example", "duty@desk.example"


class Inbox:
    """What the mail server took: the recipients, and the text."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        self.port = 0
        self.refuses = ""

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # type: ignore[no-untyped-def] # noqa: N802
        if address == self.refuses:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 accepted"

    async def handle_DATA(self, _server, _session, envelope):  # type: ignore[no-untyped-def] # noqa: N802
        text = message_from_bytes(envelope.content).as_string()
        self.taken += [(to, text) for to in envelope.rcpt_tos]
        return "250 accepted"


class Caller(CallsLoop):
    """The loop of one process, with the process that reads the rosters, driven by hand."""

    def turn(self) -> None:
        self._roster.reader.keep()
        self.beat()

    def until(self, condition: Callable[[], object], *, seconds: float = 10) -> bool:
        def holds() -> object:
            self.turn()
            return condition()

        return wait_for(holds, seconds=seconds, beat=0.05)

    def knows(self) -> bool:
        return self.until(self._roster._shared.read, seconds=20)

    def close(self) -> None:
        self._roster.reader.close()
        self._sender.stop()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    found, port = Inbox(), free_port()
    found.port = port
    controller = Controller(found, hostname="127.0.0.1", port=port)
    controller.start()
    yield found
    controller.stop()


@pytest.fixture
def caller(inbox: Inbox, tmp_path: Path) -> Iterator[Caller]:
    before = mail.current()
    url = f"smtp://127.0.0.1:{inbox.port}"
    mail.install(mail.Mailer(url=url, sender="a@b.fr", duty=(DUTY,), folder=tmp_path))
    made = Caller(clock=clock.now, number=97)
    try:
        yield made
    finally:
        made.close()
        mail.install(before)


def on_duty() -> None:
    line = replace(NIGHTS, address=ON)
    add_duty(actor=SYSTEM, desk_id=1, line=line, now=datetime.now(UTC))


def called(inbox: Inbox, report: object) -> set[str]:
    return {to for to, text in list(inbox.taken) if str(report) in text}


def test_who_is_on_duty_is_called_and_the_settings_are_not(inbox: Inbox, caller: Caller) -> None:
    on_duty()
    assert caller.knows()
    report = deposit()
    assert caller.until(lambda: called(inbox, report))
    assert called(inbox, report) == {ON}


def test_an_address_that_the_server_refuses_leaves_nobody_out(inbox: Inbox, caller: Caller) -> None:
    on_duty()
    inbox.refuses = ON
    assert caller.knows()
    report = deposit()
    assert caller.until(lambda: called(inbox, report) == {DUTY})


def test_a_desk_without_a_roster_calls_the_addresses_of_the_settings(
    inbox: Inbox, caller: Caller
) -> None:
    report = deposit()
    assert caller.until(lambda: called(inbox, report) == {DUTY})


@pytest.mark.parametrize("table", ["accounts_duty", "accounts_user"])
def test_a_roster_behind_a_lock_delays_no_call(
    inbox: Inbox, caller: Caller, as_role: AsRole, table: str
) -> None:
    on_duty()
    with as_role("owner") as owner, owner.transaction(force_rollback=True):
        owner.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        report = deposit()
        assert caller.until(lambda: called(inbox, report) == {DUTY})


def test_a_roster_that_may_not_be_read_delays_no_call(
    inbox: Inbox, caller: Caller, as_role: AsRole
) -> None:
    on_duty()
    assert caller.knows()
    owner = as_role("owner")
    owner.execute("REVOKE SELECT ON accounts_duty FROM fanal_worker")
    try:
        caller._roster.reader.close()
        caller._roster._shared.write({})
        report = deposit()
        assert caller.until(lambda: called(inbox, report) == {DUTY})
    finally:
        owner.execute("GRANT SELECT ON accounts_duty TO fanal_worker")
