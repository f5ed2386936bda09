"""What became of a test message, as a code, by real SMTP servers and without one."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fanal.connectors.mail import Mailer
from fanal.connectors.mail_trial import TrialOutcome, TrialResult, try_mail

pytest.importorskip("aiosmtpd", reason="a tool of development")
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

NOW = datetime(2026, 11, 27, 5, 30, tzinfo=UTC)
TO = ("one@desk.example", "two@desk.example")


class Answers:
    """A server that gives a reply to each recipient, and one to the message."""

    def __init__(self, *, rcpt: str = "250 known", data: str = "250 taken") -> None:
        self.rcpt, self.data = rcpt, data

    async def handle_RCPT(  # noqa: N802 - the library's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if self.rcpt.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        return self.data


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Mailer]]:
    """Return a function that starts a server with these answers and returns the settings for it."""
    with ExitStack() as servers:

        def start(**answers: str) -> Mailer:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            controller = Controller(Answers(**answers), hostname="127.0.0.1", port=port)
            controller.start()
            servers.callback(controller.stop)
            return Mailer(
                url=f"smtp://127.0.0.1:{port}",
                sender="fanal@desk.example",
                duty=(),
                folder=tmp_path,
            )

        yield start


def outcome(mailer: Mailer, to: tuple[str, ...] = TO) -> TrialOutcome:
    return try_mail(mailer, to=to, message_id="m.trial", now=NOW)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, TrialOutcome(result=TrialResult.ACCEPTED)),
        (
            {"rcpt": "550 5.1.1 <one@desk.example> unknown"},
            TrialOutcome(result=TrialResult.REFUSED, reply=550, status="5.1.1"),
        ),
        (
            {"rcpt": "451 try again later"},
            TrialOutcome(result=TrialResult.REFUSED, reply=451),
        ),
        (
            {"data": "554 5.7.1 relay denied"},
            TrialOutcome(result=TrialResult.REFUSED, reply=554, status="5.7.1"),
        ),
    ],
)
def test_what_the_server_answered(
    serve: Callable[..., Mailer], answers: dict[str, str], expected: TrialOutcome
) -> None:
    assert outcome(serve(**answers)) == expected


def test_without_a_server_or_an_address(serve: Callable[..., Mailer], tmp_path: Path) -> None:
    mailer = serve()
    assert outcome(mailer, ()).result is TrialResult.NOBODY
    assert outcome(replace(mailer, url="")).result is TrialResult.LEFT
    assert [path.name for path in tmp_path.glob("*.eml")] == ["m.trial.eml"]
    assert outcome(replace(mailer, url="smpt://x")).result is TrialResult.SETTINGS
    assert outcome(replace(mailer, url="smtp://127.0.0.1:1")).result is TrialResult.UNREACHABLE


def test_a_server_that_takes_no_password(serve: Callable[..., Mailer]) -> None:
    mailer = serve()
    signed = replace(mailer, url=mailer.url.replace("//", "//fanal:wrong@"))
    assert outcome(signed).result in {TrialResult.SIGN_IN, TrialResult.UNREACHABLE}


def test_a_server_that_never_answers(serve: Callable[..., Mailer]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        mailer = replace(serve(), url=f"smtp://127.0.0.1:{port}")
        assert outcome(mailer).result is TrialResult.SILENT
