"""Mail left in a folder: what stands in it, and that messages leave no classes behind."""

import email
import gc
from datetime import UTC, datetime
from email import policy
from email.headerregistry import BaseHeader
from pathlib import Path

import pytest

from fanal.connectors.mail import Mailer

SUBJECT = "Un signalement urgent, à voir sans attendre par les personnes d'astreinte de ce pôle"
NOW = datetime(2026, 11, 27, 5, 30, tzinfo=UTC)


def _left(folder: Path, number: int) -> Path:
    Mailer(url="", sender="desk@fanal.example", duty=(), folder=folder).send(
        to=["one@desk.example", "two@desk.example"],
        subject=SUBJECT,
        text="Un signalement attend.\n\nA report waits.",
        message_id=f"m{number}",
        now=NOW,
    )
    return folder / f"m{number}.eml"


def test_a_message_reads_as_it_was_written(tmp_path: Path) -> None:
    message = email.message_from_bytes(_left(tmp_path, 1).read_bytes(), policy=policy.default)
    assert message["From"] == "desk@fanal.example"
    assert [a.addr_spec for a in message["To"].addresses] == [
        "one@desk.example",
        "two@desk.example",
    ]
    assert message["Subject"] == SUBJECT
    assert message["Date"].datetime == NOW
    assert message["Message-ID"] == "<m1@fanal.example>"
    assert message.get_content() == "Un signalement attend.\n\nA report waits.\n"


@pytest.mark.parametrize("text", ["Une alerte.\nÀ voir.", "é" * 300, "plain", "plain " * 300])
@pytest.mark.parametrize("rules", [policy.SMTP, policy.SMTPUTF8])
def test_a_text_needs_no_server_that_takes_more_than_seven_bits(
    rules: policy.EmailPolicy, text: str
) -> None:
    """Such a server says so (8BITMIME, RFC 6152), and wants to be told."""
    mailer = Mailer(url="", sender="desk@fanal.example", duty=(), folder=Path())
    message = mailer.compose(
        to=["one@desk.example"], subject="s", text=text, message_id="m", now=NOW
    )
    wire = message.as_bytes(policy=rules)
    assert wire.isascii()
    assert max(map(len, wire.splitlines())) <= 78
    read = email.message_from_bytes(wire, policy=policy.default)
    assert read.get_content().splitlines() == text.splitlines()


def test_messages_leave_no_classes_of_headers(tmp_path: Path) -> None:
    _left(tmp_path, 0)
    gc.disable()
    try:
        before = len(BaseHeader.__subclasses__())
        for number in range(1, 6):
            _left(tmp_path, number)
        assert len(BaseHeader.__subclasses__()) == before
    finally:
        gc.enable()
