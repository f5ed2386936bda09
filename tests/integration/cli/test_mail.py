"""`fanal mail test`: one message to the duty addresses by the real server, or a reason why not."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP, Envelope, Session


class Inbox(Sink):
    """Keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Envelope] = []

    async def handle_RCPT(  # noqa: N802 - the library's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if address.startswith("left."):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        if any(address.startswith("full.") for address in envelope.rcpt_tos):
            return "554 a mailbox of these is full"
        self.taken.append(envelope)
        return "250 taken"


@pytest.fixture
def inbox() -> Iterator[Controller]:
    """Serve SMTP on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(Inbox(), hostname="127.0.0.1", port=port)
    controller.start()
    yield controller
    controller.stop()


def _test(home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FANAL_", "DATABASE_"))}
    return subprocess.run(
        [sys.executable, "-m", "fanal", "mail", "test", "--lang", "en"],
        env=kept | {"FANAL_HOME": str(home)} | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_message_marked_as_a_test_reaches_every_duty_address(
    inbox: Controller, tmp_path: Path
) -> None:
    answer = _test(
        tmp_path,
        FANAL_SMTP_URL=f"smtp://127.0.0.1:{inbox.port}",
        FANAL_DUTY="a@desk.example, b@desk.example",
    )
    assert answer.returncode == 0, answer.stderr
    (envelope,) = inbox.handler.taken
    assert envelope.rcpt_tos == ["a@desk.example", "b@desk.example"]
    message = message_from_bytes(envelope.content)
    assert "essai" in message["Subject"]


def test_an_address_that_the_server_refuses_fails_though_the_others_have_it(
    inbox: Controller, tmp_path: Path
) -> None:
    answer = _test(
        tmp_path,
        FANAL_SMTP_URL=f"smtp://127.0.0.1:{inbox.port}",
        FANAL_DUTY="a@desk.example, left.b@desk.example",
    )
    assert answer.returncode == 1
    assert "refused the others" in answer.stderr
    assert [envelope.rcpt_tos for envelope in inbox.handler.taken] == [["a@desk.example"]]


def test_an_address_for_which_the_server_refuses_the_message_keeps_it_from_nobody_else(
    inbox: Controller, tmp_path: Path
) -> None:
    answer = _test(
        tmp_path,
        FANAL_SMTP_URL=f"smtp://127.0.0.1:{inbox.port}",
        FANAL_DUTY="full.b@desk.example, a@desk.example",
    )
    assert answer.returncode == 1
    assert "refused the others" in answer.stderr
    assert [envelope.rcpt_tos for envelope in inbox.handler.taken] == [["a@desk.example"]]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "FANAL_DUTY names no address"),
        ({"FANAL_DUTY": "a@desk.example"}, "without FANAL_SMTP_URL it stays in"),
        ({"FANAL_DUTY": "a@desk.example", "FANAL_SMTP_URL": "smpt://x"}, "smtp[s]://host:port"),
        ({"FANAL_DUTY": "a@desk.example", "FANAL_SMTP_URL": "smtp://127.0.0.1:1"}, "refused"),
    ],
)
def test_what_does_not_work_is_said_and_fails(
    settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    answer = _test(tmp_path, **settings)
    assert answer.returncode == 1
    assert said in answer.stderr
