"""One attempt after the other at a mail server of several addresses, and one person named twice."""

import datetime as dt
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from fanal.connectors import mail, smtp
from tests.unit.connectors.test_mail_servers import resolve
from tests.unit.connectors.test_slow_mail import ALL, GONE, GOOD, NAME, ODD, Inbox, Replies, served

NOW = dt.datetime(2026, 11, 30, 18, 30, tzinfo=dt.UTC)
ADDRESSES = ("127.0.0.71", "127.0.0.72", "127.0.0.73")
REFUSED = b"550 no such person\r\n"
Attempt = Callable[..., mail.Sent]
"""Sends the message once: the number of the attempt, its seconds, the duty addresses."""


@contextmanager
def sending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *inboxes: Inbox) -> Iterator[Attempt]:
    """Serve a mail server with an address for each inbox; yield what sends a message to it."""
    resolve(monkeypatch, NAME, *ADDRESSES[: len(inboxes)])
    with ExitStack() as stack:
        port = 0
        for inbox, address in zip(inboxes, ADDRESSES, strict=False):
            port = stack.enter_context(served(inbox.talk, address, port))

        def attempt(number: int, seconds: float, *duty: str) -> mail.Sent:
            mailer = mail.Mailer(
                url=f"smtp://{NAME}:{port}", sender="desk@desk.fr", duty=duty, folder=tmp_path
            )
            return mailer.send(
                to=duty,
                subject="s",
                text="t",
                message_id="m1",
                now=NOW,
                how=mail.How(seconds=seconds, attempt=number),
            )

        yield attempt


def at(verb: str, answer: Callable[[], bytes | None]) -> Replies:
    """Answer one kind of line by `answer`, all others as usual."""
    return lambda line: answer() if line[:4].upper() == verb else None


def hangs(verb: str, seconds: float = 9.0) -> Inbox:
    return Inbox(at(verb, lambda: time.sleep(seconds)))


def told(*inboxes: Inbox) -> list[str]:
    return sorted(who for inbox in inboxes for to in inbox.messages for who in to)


@pytest.mark.parametrize("duty", [(GOOD, GOOD), (GOOD, ODD, GOOD), (GOOD, f"Night <{GOOD}>")])
def test_a_message_that_nobody_got_is_no_success_where_an_address_stands_twice(
    tmp_path: Path, duty: tuple[str, ...]
) -> None:
    """It counted as one that reached some, so that the call ended."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    mailer = mail.Mailer(
        url=f"smtp://127.0.0.1:{port}", sender="desk@desk.fr", duty=duty, folder=tmp_path
    )
    with pytest.raises(ConnectionRefusedError):
        mailer.send(to=duty, subject="s", text="t", message_id="m1", now=NOW)


def test_an_address_that_stands_twice_gets_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox(lambda line: REFUSED if GONE in line else None)
    with sending(tmp_path, monkeypatch, inbox) as attempt:
        assert attempt(1, 8.0, GOOD, ODD, f"Night <{GOOD}>", ODD) == ALL
        with pytest.raises(mail.smtplib.SMTPRecipientsRefused):
            attempt(1, 8.0, GONE, GONE)
        sent = attempt(1, 8.0, GOOD, GONE, GONE)
    assert sent == mail.Sent(reached=mail.Reached.SOME, lost=1)
    assert inbox.messages == [[GOOD, ODD], [GOOD]]


@pytest.mark.parametrize("duty", [(GOOD,), (GOOD, ODD)])
@pytest.mark.parametrize("leaves", [True, False])
def test_an_address_that_confirms_nothing_does_not_get_each_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, duty: tuple[str, ...], leaves: bool
) -> None:
    """The next attempt begins at the other address, which may be slower than the first."""

    def lost() -> bytes | None:
        return b"\r\n" if leaves else time.sleep(9)

    bad, good = Inbox(at(".", lost)), hangs("MAIL", 0.8)
    with sending(tmp_path, monkeypatch, bad, good) as attempt:
        with pytest.raises(smtp.Unconfirmed):
            attempt(1, 1.0, *duty)
        assert good.messages == []
        assert attempt(2, 8.0, *duty) == ALL
    assert told(good) == [*duty]
    assert told(bad) == [*duty]


@pytest.mark.parametrize("duty", [(GOOD,), (GOOD, ODD)])
@pytest.mark.parametrize("stage", ["EHLO", "MAIL", "RCPT", "DATA"])
def test_two_addresses_that_greet_and_hang_keep_no_message_from_the_third(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, duty: tuple[str, ...], stage: str
) -> None:
    inboxes = hangs(stage), hangs(stage), Inbox()
    started = time.monotonic()
    with sending(tmp_path, monkeypatch, *inboxes) as attempt:
        assert attempt(1, 4.0, *duty) == ALL
    assert time.monotonic() - started < 4.0
    assert told(*inboxes) == told(inboxes[-1]) == [*duty]


@pytest.mark.parametrize("duty", [(GOOD,), (GOOD, ODD)])
def test_an_address_that_refuses_everybody_for_good_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, duty: tuple[str, ...]
) -> None:
    """Its table of users is broken, say."""
    inboxes = Inbox(at("RCPT", lambda: REFUSED)), Inbox()
    with sending(tmp_path, monkeypatch, *inboxes) as attempt:
        assert attempt(1, 8.0, *duty) == ALL
    assert inboxes[1].messages == [[*duty]]


def test_who_is_turned_away_beside_the_first_session_has_the_message_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some servers let few sessions of one machine in."""
    first: list[socket.socket] = []

    class Few(Inbox):
        def talk(self, connection: socket.socket) -> None:
            if first and first[0].fileno() >= 0:
                connection.sendall(b"421 too many connections\r\n")
                return
            first[:] = first or [connection]
            super().talk(connection)

    def slow(line: str) -> bytes | None:
        if GONE in line:
            time.sleep(1.5)
            return b"\r\n"
        return None

    inbox = Few(slow)
    with sending(tmp_path, monkeypatch, inbox) as attempt:
        sent = attempt(1, 4.0, GOOD, GONE)
    assert sent == mail.Sent(reached=mail.Reached.SOME, later=(GONE,))
    assert inbox.messages == [[GOOD]]


def test_who_is_left_over_when_the_first_session_ends_unsent_has_the_message_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of its recipients had the message from a session of their own, the others were turned away."""
    beside, guard = list[socket.socket](), threading.Lock()

    class Few(Inbox):
        def talk(self, connection: socket.socket) -> None:
            time.sleep(0.3)
            with guard:
                beside[:] = [one for one in beside if one.fileno() >= 0]
                enters = len(beside) < 2
                beside.extend([connection] * enters)
            if enters:
                super().talk(connection)
            else:
                connection.sendall(b"421 too many connections\r\n")

    def slow(line: str) -> bytes | None:
        return time.sleep(2) if GONE in line or line[:4].upper() == "QUIT" else None

    inbox = Few(slow)
    duty = (GOOD, ODD, "late@desk.fr", GONE)
    with sending(tmp_path, monkeypatch, inbox) as attempt:
        sent = attempt(1, 6.0, *duty)
    had = told(inbox)
    assert had == sorted(set(had)), "nobody has it twice"
    assert sorted([*had, *sent.later]) == sorted(duty)
    assert len(had) > 1


def test_the_name_of_the_server_is_looked_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of two resolvers may be dead: each look takes five seconds then."""
    inbox = Inbox(lambda line: time.sleep(3) if GONE in line else None)
    with sending(tmp_path, monkeypatch, inbox) as attempt:
        known, looks = socket.getaddrinfo, []

        def look_up(host: str, port: int, **kinds: int) -> object:
            looks.append(host)
            return known(host, port, **kinds)

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        attempt(1, 2.0, GOOD, GONE)
    assert looks == [NAME]


def test_a_server_that_takes_no_password_is_asked_once(tmp_path: Path) -> None:
    """It was asked again without the addresses with accents, and there are none."""
    inbox = Inbox()
    with served(inbox.talk, "127.0.0.1") as port:
        mailer = mail.Mailer(
            url=f"smtp://desk:secret@127.0.0.1:{port}",
            sender="desk@desk.fr",
            duty=(GOOD,),
            folder=tmp_path,
        )
        with pytest.raises(smtplib.SMTPNotSupportedError):
            mailer.send(to=(GOOD,), subject="s", text="t", message_id="m1", now=NOW)
    assert inbox.connections == 1
