"""Mail servers that are slow in one thing: an address, a recipient, the reply to a message."""

import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from fanal.connectors import handover, mail, smtp
from tests.unit.connectors.test_mail_servers import NOW, resolve

NAME = "mail.desk.test"
GOOD, GONE, ODD = "good@desk.fr", "gone@desk.fr", "odd@desk.fr"
Replies = Callable[[str], bytes | None]
"""What a server answers to a line; None for its usual answer."""


class Inbox:
    """An SMTP server of many connections at once, that keeps the recipients of each message it has."""

    def __init__(self, replies: Replies = lambda _: None) -> None:
        self.messages: list[list[str]] = []
        self.connections = 0
        self._replies = replies

    def talk(self, connection: socket.socket) -> None:
        self.connections += 1
        with connection.makefile("rb") as file:
            connection.sendall(self._replies("") or b"220 here\r\n")
            to: list[str] = []
            while line := file.readline().decode().strip():
                verb = line[:4].upper()
                if verb == "MAIL":
                    to = []
                reply = self._replies(line) or b"250 ok\r\n"
                if verb == "DATA" and reply.startswith(b"2"):
                    connection.sendall(b"354 go\r\n")
                    if b".\r\n" not in iter(file.readline, b""):
                        return
                    self.messages.append(to)
                    verb = "."
                    reply = self._replies(verb) or reply
                if not reply.strip():
                    return
                if verb == "RCPT" and reply.startswith(b"2"):
                    to.append(line.partition("<")[2].partition(">")[0])
                connection.sendall(reply)
                if verb == "QUIT":
                    return


@contextmanager
def served(talk: Callable[[socket.socket], None], address: str, port: int = 0) -> Iterator[int]:
    """Serve each connection to an address in a thread of its own; yield the port."""
    listening = socket.create_server((address, port))

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            talk(connection)

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


@contextmanager
def unanswered(address: str, port: int) -> Iterator[None]:
    """Let an address answer no connection: its queue is full."""
    with socket.socket() as full:
        full.bind((address, port))
        full.listen(0)
        kept = [socket.socket() for _ in range(4)]
        for one in kept:
            one.setblocking(False)
            one.connect_ex((address, port))
        try:
            yield
        finally:
            for one in kept:
                one.close()


def send(
    port: int, folder: Path, *duty: str, host: str = "127.0.0.1", how: mail.How | None = None
) -> tuple[mail.Sent, float]:
    """Send one message; return its outcome and the seconds that it took."""
    url, started = f"smtp://{host}:{port}", time.monotonic()
    mailer = mail.Mailer(url=url, sender="desk@desk.fr", duty=duty or (GOOD,), folder=folder)
    sent = mailer.send(to=mailer.duty, subject="s", text="t", message_id="m1", now=NOW, how=how)
    return sent, time.monotonic() - started


ALL = mail.Sent(reached=mail.Reached.ALL)


def test_addresses_that_answer_nothing_keep_no_message_from_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve(monkeypatch, NAME, "127.0.0.66", "127.0.0.67", "127.0.0.68", "127.0.0.69")
    inbox = Inbox()
    with (
        served(inbox.talk, "127.0.0.69") as port,
        unanswered("127.0.0.66", port),
        served(lambda _: time.sleep(9), "127.0.0.67", port),
        served(lambda connection: connection.close(), "127.0.0.68", port),
    ):
        sent, seconds = send(port, tmp_path, host=NAME)
    assert (sent, inbox.messages) == (ALL, [[GOOD]])
    assert seconds < 4.0


def test_the_first_address_that_greets_gets_the_only_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that refuses at its greeting is passed over; one that is slow by a second loses."""

    def slowly(line: str) -> bytes | None:
        return time.sleep(1.5) if not line else None

    resolve(monkeypatch, NAME, "127.0.0.66", "127.0.0.67", "127.0.0.68")
    full, slow, good = Inbox(lambda _: b"421 too many\r\n"), Inbox(slowly), Inbox()
    with (
        served(full.talk, "127.0.0.66") as port,
        served(slow.talk, "127.0.0.67", port),
        served(good.talk, "127.0.0.68", port),
    ):
        assert send(port, tmp_path, host=NAME)[0] == ALL
    assert [full.messages, slow.messages, good.messages] == [[], [], [[GOOD]]]


def test_the_failure_of_the_first_address_is_told_where_none_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve(monkeypatch, NAME, "127.0.0.66", "127.0.0.67")
    monkeypatch.setattr(mail, "SEND_SECONDS", 1.5)
    with (
        served(lambda connection: connection.close(), "127.0.0.66") as port,
        unanswered("127.0.0.67", port),
        pytest.raises(mail.smtplib.SMTPServerDisconnected),
    ):
        send(port, tmp_path, host=NAME)


@pytest.mark.parametrize("bad", [(GONE,), (GONE, ODD)])
@pytest.mark.parametrize("first", [True, False])
def test_addresses_that_are_refused_slowly_keep_no_message_from_the_others(
    tmp_path: Path, bad: tuple[str, ...], first: bool
) -> None:
    """Some servers answer after five seconds, so that nobody finds out their addresses."""
    came: list[float] = []
    started = time.monotonic()

    def tarpit(line: str) -> bytes | None:
        if line == ".":
            came.append(time.monotonic() - started)
        if line[:4].upper() == "RCPT" and GOOD not in line:
            time.sleep(5.3)
            return b"550 no such person\r\n"
        return None

    inbox = Inbox(tarpit)
    with served(inbox.talk, "127.0.0.1") as port:
        sent, _ = send(port, tmp_path, *([*bad, GOOD] if first else [GOOD, *bad]))
    assert sent == mail.Sent(reached=mail.Reached.SOME, lost=len(bad))
    assert inbox.messages == [[GOOD]]
    assert came[0] < 4.0


@pytest.mark.parametrize("reply", [b"\r\n", b"421 too many errors\r\n"])
def test_a_server_that_leaves_at_one_recipient_has_the_message_for_the_others(
    tmp_path: Path, reply: bytes
) -> None:
    inbox = Inbox(lambda line: reply if GONE in line else None)
    with served(inbox.talk, "127.0.0.1") as port:
        sent, _ = send(port, tmp_path, GOOD, GONE)
    assert sent == mail.Sent(reached=mail.Reached.SOME, later=(GONE,))
    assert inbox.messages == [[GOOD]]


def test_who_gets_no_answer_at_all_is_asked_later(tmp_path: Path) -> None:
    how = mail.How(seconds=3.0)
    inbox = Inbox(lambda line: time.sleep(6) if GONE in line else None)
    with served(inbox.talk, "127.0.0.1") as port:
        assert send(port, tmp_path, GOOD, GONE, how=how)[0] == mail.Sent(
            reached=mail.Reached.SOME, later=(GONE,)
        )
        with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
            send(port, tmp_path, GONE, f"all.{GONE}", how=how)


def test_a_single_address_has_the_time_of_any_reply(tmp_path: Path) -> None:
    inbox = Inbox(lambda line: time.sleep(2.5) if "RCPT" in line.upper() else None)
    with served(inbox.talk, "127.0.0.1") as port:
        assert send(port, tmp_path)[0] == ALL
    assert inbox.connections == 1


@pytest.mark.parametrize("duty", [(GOOD,), (GOOD, GONE)])
@pytest.mark.parametrize("leaves", [True, False])
def test_a_server_that_has_the_message_and_does_not_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, duty: tuple[str, ...], leaves: bool
) -> None:
    monkeypatch.setattr(mail, "SEND_SECONDS", 1.0)

    def silent(line: str) -> bytes | None:
        if line == ".":
            time.sleep(0 if leaves else 2.0)
            return b"\r\n"
        return None

    inbox = Inbox(silent)
    with served(inbox.talk, "127.0.0.1") as port, pytest.raises(smtp.Unconfirmed):
        send(port, tmp_path, *duty)
    assert inbox.messages == [[*duty]]


@pytest.mark.parametrize(("greets", "refuses"), [(3.1, 2.5), (3.5, 3.0), (4.0, 5.5), (5.0, 2.2)])
@pytest.mark.parametrize("first", [True, False])
def test_a_server_that_greets_late_too_has_the_message_at_the_first_attempt(
    tmp_path: Path, greets: float, refuses: float, first: bool
) -> None:
    """A second session after the first had been given up for one address paid the greeting once more."""

    def slow(line: str) -> bytes | None:
        if not line:
            time.sleep(greets)
        if GONE in line:
            time.sleep(refuses)
            return b"550 no such person\r\n"
        return None

    inbox = Inbox(slow)
    with served(inbox.talk, "127.0.0.1") as port:
        sent, seconds = send(port, tmp_path, *((GONE, GOOD) if first else (GOOD, GONE)))
    assert sent.reached is mail.Reached.SOME
    assert inbox.messages == [[GOOD]]
    assert seconds < 9


def test_several_slow_recipients_keep_no_message_from_the_others(tmp_path: Path) -> None:
    inbox = Inbox(lambda line: time.sleep(1.6) if "RCPT" in line.upper() else None)
    duty = [f"{number}@desk.fr" for number in range(6)]
    with served(inbox.talk, "127.0.0.1") as port:
        assert send(port, tmp_path, *duty)[0] == ALL
    assert sorted(who for to in inbox.messages for who in to) == duty


FULL = b"452 insufficient system storage\r\n"


@pytest.mark.parametrize("duty", [(GOOD,), (GOOD, ODD)])
@pytest.mark.parametrize(
    ("stage", "hangs"),
    [
        ("EHLO", True),
        *[(x, y) for x in ("MAIL", "RCPT", "DATA") for y in (True, False)],
        (".", False),
    ],
)
def test_an_address_that_greets_and_takes_nothing_keeps_no_message_from_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, duty: tuple[str, ...], stage: str, hangs: bool
) -> None:
    """Its disk is full, say. What it has, and did not confirm, is tried later."""

    def broken(line: str) -> bytes | None:
        if line[:4].upper() == stage:
            return time.sleep(9) if hangs else FULL
        return None

    resolve(monkeypatch, NAME, "127.0.0.66", "127.0.0.67")
    bad, good = Inbox(broken), Inbox()
    with served(bad.talk, "127.0.0.66") as port, served(good.talk, "127.0.0.67", port):
        sent, seconds = send(port, tmp_path, *duty, host=NAME)
    assert sent == ALL
    assert sorted(who for to in good.messages for who in to) == [*duty]
    assert seconds < 6


def test_dead_addresses_keep_the_message_of_no_recipient_from_the_ninth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The common session goes on after two seconds: single ones at dead addresses would take all places."""
    resolve(monkeypatch, NAME, *(f"127.0.0.{n}" for n in range(61, 70)))
    inbox, duty = Inbox(), [f"d{n}@desk.fr" for n in range(8)]
    with served(inbox.talk, "127.0.0.69") as port, ExitStack() as dead:
        for n in range(61, 69):
            dead.enter_context(unanswered(f"127.0.0.{n}", port))
        sent, seconds = send(port, tmp_path, *duty, host=NAME)
    assert sent == ALL
    assert sorted(to for message in inbox.messages for to in message) == duty
    assert seconds < 6.0


def test_a_session_that_comes_late_sends_to_those_who_are_left(tmp_path: Path) -> None:
    """More people than sessions, a server slow to greet and to take an address: it refuses nobody."""

    def slowly(line: str) -> bytes | None:
        time.sleep(3.0 if not line else 0.1 if line.upper().startswith("RCPT") else 0.0)
        return None

    inbox, duty = Inbox(slowly), [f"d{n:02}@desk.fr" for n in range(30)]
    with served(inbox.talk, "127.0.0.1") as port:
        sent, seconds = send(port, tmp_path, *duty)
    assert sent == ALL
    assert sorted(to for message in inbox.messages for to in message) == duty
    assert seconds < 8.0


def test_a_message_refused_for_all_since_one_of_them_is_full_goes_to_each(tmp_path: Path) -> None:
    """The server finds out at the end of the message, slowly, and does not say for whom."""

    def full(line: str) -> bytes | None:
        refused = line == "." and GONE in inbox.messages[-1]
        return time.sleep(0.5) or b"451 try again later\r\n" if refused else None

    inbox = Inbox(full)
    with served(inbox.talk, "127.0.0.1") as port:
        sent, _ = send(port, tmp_path, GOOD, GONE, ODD)
    assert sent == mail.Sent(reached=mail.Reached.SOME, later=(GONE,))


def test_who_stood_in_a_session_that_fell_silent_is_asked_in_another(tmp_path: Path) -> None:
    """The network lost the session, say: no fault of the recipient."""
    asked = 0

    def silent(line: str) -> bytes | None:
        nonlocal asked
        if line[:4].upper() == "RCPT":
            asked += 1
            time.sleep(9 if asked == 1 else 0)
        return None

    inbox = Inbox(silent)
    with served(inbox.talk, "127.0.0.1") as port:
        sent, seconds = send(port, tmp_path, GONE, GOOD)
    assert sent == ALL
    assert sorted(to for message in inbox.messages for to in message) == sorted([GONE, GOOD])
    assert seconds < 5


def test_a_message_begins_as_many_sessions_as_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "_MOST_SESSIONS", 3)
    duty = tuple(f"gone{n}@desk.fr" for n in range(6))
    inbox = Inbox(lambda line: time.sleep(9) if line.upper().startswith("RCPT") else None)
    with served(inbox.talk, "127.0.0.1") as port:
        mailer = mail.Mailer(
            url=f"smtp://127.0.0.1:{port}", sender="desk@desk.fr", duty=duty, folder=tmp_path
        )
        how = mail.How(seconds=4.0)
        with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
            mailer.send(to=duty, subject="s", text="t", message_id="m1", now=NOW, how=how)
    assert inbox.connections == 3
