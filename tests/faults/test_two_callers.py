"""Several processes call, the mail servers of some fail: no child is called late, and each comes back by itself."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_string
from email.utils import parsedate_to_datetime
from functools import partial

import psycopg
import pytest
from aiosmtpd.controller import Controller

from fanal.kernel import clock
from fanal.postgres import Cluster
from tests.faults.test_calls import CALLED_WITHIN
from tests.live import Live, Partner, free_port, live, wait_for

pytestmark = pytest.mark.serial
CHILDREN = 8
DUTY = "duty@desk.example"


@dataclass
class Inbox:
    """A mail server, and when it accepted each message."""

    port: int
    arrived: list[tuple[str, float]] = field(default_factory=list)

    async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:  # noqa: N802
        self.arrived.append((envelope.content.decode(), time.monotonic()))  # type: ignore[attr-defined]
        return "250 accepted"

    def when(self, report: str) -> float | None:
        return next((at for text, at in self.arrived if report in text), None)


@contextlib.contextmanager
def accepting(inbox: Inbox) -> Iterator[None]:
    controller = Controller(inbox, hostname="127.0.0.1", port=inbox.port)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


@contextlib.contextmanager
def silent(port: int) -> Iterator[None]:
    """Accept connections at `port`, and never greet."""
    with socket.create_server(("127.0.0.1", port), backlog=200):
        yield


SKEWED = """
import datetime, sys
from fanal.kernel import clock
there = clock.now
clock.now = lambda: there() + datetime.timedelta(days={days})
from fanal.cli.main import main
sys.argv = ["fanal", "calls"]
main()
"""


@contextlib.contextmanager
def calling(server: Live, port: int, *, days: int = 0) -> Iterator[None]:
    """Run a second process that calls, over a mail server at `port`; its machine's clock is `days` ahead."""
    environment = server.environment() | {
        "FANAL_SMTP_URL": f"smtp://127.0.0.1:{port}",
        "FANAL_DUTY": DUTY,
    }
    command = [sys.executable, "-c", SKEWED.format(days=days)]
    before = holders(server)
    with subprocess.Popen(command, env=environment) as process:
        try:
            assert wait_for(lambda: holders(server) - before), "it has given no sign of life"
            yield
        finally:
            process.terminate()


def holders(server: Live) -> set[object]:
    """Return the numbers of all processes that ever gave a sign that they call."""
    url = Cluster.open(home=server.home, environ=os.environ).admin_url("fanal")
    with psycopg.connect(url) as admin:
        return {holder for (holder,) in admin.execute("SELECT holder FROM orient_caller")}


@dataclass(frozen=True)
class Desk:
    """An installation whose own caller sends over a mail server at `port`, where each test listens or does not."""

    server: Live
    partner: Partner
    port: int

    def tell(self, reference: str) -> tuple[str, float]:
        """Deposit a report of a child in danger; return its id, and when."""
        body = {"reference": reference, "kind": "GROOMING", "emergency": True}
        answer = self.server.json("POST", "/reports", self.partner, body)
        assert answer.status in {200, 201}, answer
        return str(answer.json["id"]), time.monotonic()


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    port = free_port()
    with live(FANAL_SMTP_URL=f"smtp://127.0.0.1:{port}", FANAL_DUTY=DUTY) as server:
        yield Desk(server, server.add_partner("callers"), port)


def test_two_callers_with_silent_mail_servers_delay_no_first_call(desk: Desk) -> None:
    """Nobody knows it yet: no message was sent since they started. The first test, so that it holds for all three."""
    good, ports = Inbox(desk.port), [free_port(), free_port()]
    with accepting(good):
        for number in range(2):
            with (
                silent(ports[0]),
                silent(ports[1]),
                calling(desk.server, ports[0]),
                calling(desk.server, ports[1]),
            ):
                report, at = desk.tell(f"FIRST-{number}")
                assert wait_for(partial(good.when, report), seconds=40)
                assert (good.when(report) or 0) - at < CALLED_WITHIN


@pytest.mark.parametrize("falls_silent", [False, True], ids=["refuses", "silent"])
def test_a_caller_whose_mail_server_fails_delays_no_call(desk: Desk, falls_silent: bool) -> None:
    good, own = Inbox(desk.port), Inbox(free_port())
    with accepting(good), calling(desk.server, own.port):
        with silent(own.port) if falls_silent else contextlib.nullcontext():
            told = []
            for number in range(CHILDREN):
                told.append(desk.tell(f"TOLD-{falls_silent}-{number}"))
                time.sleep(1)
            called = wait_for(lambda: all(good.when(report) for report, _ in told), seconds=40)
        waits = sorted((good.when(report) or 0) - at for report, at in told)
        assert called
        assert waits[-1] < CALLED_WITHIN, waits
        with accepting(own):
            for number in range(60):
                desk.tell(f"AFTER-{falls_silent}-{number}")
                if wait_for(lambda: own.arrived, seconds=1, beat=0.1):
                    break
            assert own.arrived, "it calls again"


def test_a_caller_that_was_restarted_waits_for_no_predecessor(desk: Desk) -> None:
    """Its mail server refuses a message: only the sign of life of the dead process says that one calls."""
    good = Inbox(desk.port)
    with calling(desk.server, good.port), accepting(good):
        report, _ = desk.tell("BEFORE")
        assert wait_for(lambda: good.when(report), seconds=20)
    report, at = desk.tell("AWAY")
    time.sleep(2)
    with accepting(good):
        assert wait_for(lambda: good.when(report), seconds=40)
    assert (good.when(report) or 0) - at < CALLED_WITHIN


def test_a_machine_with_a_wrong_clock_calls_and_escalates_nothing_early(desk: Desk) -> None:
    """After a power cut, before its time service: the calls of all others may hang on it.

    Nobody listens where the installation's own caller sends.
    """
    good = Inbox(free_port())
    with accepting(good):
        for days in (3, -3):
            with calling(desk.server, good.port, days=days):
                report, at = desk.tell(f"TOLD-{days}")
                assert wait_for(partial(good.when, report), seconds=40)
                assert (good.when(report) or 0) - at < CALLED_WITHIN
                time.sleep(4)
                [dated] = [text for text, _ in good.arrived if report in text]
                date = parsedate_to_datetime(message_from_string(dated)["Date"])
                assert abs(date - clock.now()) < timedelta(hours=1)
