"""Mail over real connections: TLS or this machine, a whole deadline, and what a setting lacks."""

import contextlib
import datetime as dt
import itertools
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fanal.connectors import mail
from fanal.connectors.mail import Mailer, MailFault, MailRefused

NOW = dt.datetime(2026, 11, 28, 5, 30, tzinfo=dt.UTC)
HOST = "mail.fanal.example"
SECRET = "S3cret-password"

Talk = Callable[[socket.socket], None]


def _mailer(url: str, folder: Path) -> Mailer:
    return Mailer(url=url, sender="desk@fanal.example", duty=("a@b.example",), folder=folder)


def _send(mailer: Mailer) -> mail.Reached:
    return mailer.send(to=mailer.duty, subject="s", text="t", message_id="m1", now=NOW)


_ANSWERS = {
    b"STAR": b"220 go\r\n",
    b"AUTH": b"235 yes\r\n",
    b"DATA": b"354 go\r\n",
    b"QUIT": b"451 not now\r\n",
}


class Server:
    """An SMTP server of one connection at a time that notes each line and octet it was sent."""

    def __init__(
        self, folder: Path, *, offers_tls: bool, wraps: bool = False, greets_after: float = 0.0
    ) -> None:
        self.lines: list[bytes] = []
        self.encrypted: list[bytes] = []
        self.refuses = b""
        self._offers = offers_tls
        self._wraps, self._greets_after = wraps, greets_after
        self._context = _certified(folder)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            try:
                self._talk(connection)
            except OSError:
                continue
            finally:
                connection.close()

    def _talk(self, connection: socket.socket) -> None:
        noted = self.lines
        if self._wraps:
            connection, noted = self._encrypt(connection), self.encrypted
        time.sleep(self._greets_after)
        connection.sendall(b"220 here\r\n")
        while self._answer(connection, connection.makefile("rb"), noted):
            connection, noted = self._encrypt(connection), self.encrypted
        connection.close()

    def _encrypt(self, connection: socket.socket) -> ssl.SSLSocket:
        return self._context.wrap_socket(connection, server_side=True)

    def _answer(self, connection: socket.socket, file: BinaryIO, noted: list[bytes]) -> bool:
        """Answer until the client leaves; return whether it asked for TLS."""
        offer = b"250-STARTTLS\r\n" if self._offers and noted is self.lines else b""
        answers = {b"EHLO": b"250-here\r\n" + offer + b"250 AUTH PLAIN\r\n"} | _ANSWERS
        in_message = False
        while line := file.readline():
            noted.append(line.strip())
            verb = b"." if line == b".\r\n" else line[:4].upper()
            if in_message and verb != b".":
                continue
            refused = self.refuses and self.refuses in line
            connection.sendall(b"550 no\r\n" if refused else answers.get(verb, b"250 ok\r\n"))
            in_message = verb == b"DATA"
            if verb in {b"STAR", b"QUIT"}:
                return verb == b"STAR"
        return False


def _certified(folder: Path) -> ssl.SSLContext:
    """Return a server's context for HOST, and leave its certificate in `folder` as `ca.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def resolve(monkeypatch: pytest.MonkeyPatch, name: str, *addresses: str) -> None:
    """Give a name these addresses of this machine, in this order."""
    known = socket.getaddrinfo

    def look_up(host: str, port: int, **kinds: int) -> list[tuple[object, ...]]:
        asked = addresses if host == name else [host]
        return [found for one in asked for found in known(one, port, **kinds)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make HOST a name of this machine that counts as another one, and trust its certificate."""
    resolve(monkeypatch, HOST, "127.0.0.1")
    monkeypatch.setattr(mail, "_is_this_machine", lambda _: False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@pytest.mark.usefixtures("elsewhere")
def test_a_server_that_offers_tls_gets_the_password_over_tls_only(tmp_path: Path) -> None:
    server = Server(tmp_path, offers_tls=True)
    assert _send(_mailer(f"smtp://desk:{SECRET}@{HOST}:{server.port}", tmp_path)) == mail.Sent(
        reached=mail.Reached.ALL
    )
    assert [line[:4] for line in server.lines] == [b"ehlo", b"STAR"]
    assert any(line.startswith(b"AUTH PLAIN") for line in server.encrypted)
    assert b"Message-ID: <m1@fanal.example>" in server.encrypted
    server.close()


@pytest.mark.usefixtures("elsewhere")
def test_a_server_elsewhere_without_tls_gets_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path, offers_tls=False)
    with pytest.raises(MailRefused, match="no TLS"):
        _send(_mailer(f"smtp://desk:{SECRET}@{HOST}:{server.port}", tmp_path))
    assert [line[:4] for line in server.lines] == [b"ehlo"]
    server.close()


@pytest.mark.usefixtures("elsewhere")
def test_smtps_is_encrypted_from_the_first_octet(tmp_path: Path) -> None:
    server = Server(tmp_path, offers_tls=False, wraps=True)
    assert _send(_mailer(f"smtps://desk:{SECRET}@{HOST}:{server.port}", tmp_path)) == mail.Sent(
        reached=mail.Reached.ALL
    )
    assert server.lines == []
    assert any(line.startswith(b"AUTH PLAIN") for line in server.encrypted)
    server.close()


@pytest.mark.usefixtures("elsewhere")
def test_a_certificate_of_nobody_known_ends_the_send(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    server = Server(tmp_path, offers_tls=True)
    with pytest.raises(ssl.SSLCertVerificationError):
        _send(_mailer(f"smtp://desk:{SECRET}@{HOST}:{server.port}", tmp_path))
    assert server.encrypted == []
    server.close()


def test_this_machine_needs_no_tls_and_a_bad_goodbye_changes_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path, offers_tls=False)
    assert _send(_mailer(f"smtp://127.0.0.1:{server.port}", tmp_path)) == mail.Sent(
        reached=mail.Reached.ALL
    )
    assert b"." in server.lines
    server.close()


def _drip(connection: socket.socket) -> None:
    """Greet, then answer an octet at a time and never finish a line."""
    connection.sendall(b"220 here\r\n")
    for _ in itertools.count():
        connection.sendall(b"2")
        time.sleep(0.05)


def _drip_the_greeting(connection: socket.socket) -> None:
    for _ in itertools.count():
        connection.sendall(b"2")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("talk", "scheme"),
    [(_drip, "smtp"), (_drip_the_greeting, "smtp"), (lambda c: time.sleep(10), "smtps")],
    ids=["answer", "greeting", "handshake"],
)
def test_a_server_that_drips_is_cut_at_the_deadline(
    talk: Talk, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "SEND_SECONDS", 1.0)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            talk(connection)

    threading.Thread(target=serve, daemon=True).start()
    failed: list[BaseException] = []

    def send() -> None:
        try:
            _send(_mailer(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}", tmp_path))
        except (OSError, smtplib.SMTPException) as error:
            failed.append(error)

    sending = threading.Thread(target=send, daemon=True)
    sending.start()
    sending.join(timeout=30)
    assert not sending.is_alive(), "the send goes on without end"
    assert failed
    listening.close()


@pytest.mark.parametrize("patient", [False, True])
def test_a_server_slow_to_greet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patient: bool
) -> None:
    """For six seconds at once, as long as some make a stranger wait; far longer at a later attempt."""
    assert 6.0 < mail._REPLY_SECONDS < mail.SEND_SECONDS
    monkeypatch.setattr(mail, "_REPLY_SECONDS", 0.3)
    monkeypatch.setattr(mail, "SEND_SECONDS", 0.6)
    server = Server(tmp_path, offers_tls=False, greets_after=1.0)
    mailer = _mailer(f"smtp://127.0.0.1:{server.port}", tmp_path)
    asked = {"to": mailer.duty, "subject": "s", "text": "t", "message_id": "m1", "now": NOW}
    with contextlib.nullcontext() if patient else pytest.raises(smtplib.SMTPServerDisconnected):
        seconds = 5.0 if patient else mail.SEND_SECONDS
        assert mailer.send(**asked, how=mail.How(seconds=seconds)).reached is mail.Reached.ALL
    server.close()


@pytest.mark.usefixtures("elsewhere")
def test_a_server_that_lets_no_more_sessions_in_after_its_greeting_says_so_in_its_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for one without TLS."""
    monkeypatch.setitem(_ANSWERS, b"EHLO", b"421 too many sessions\r\n")
    server = Server(tmp_path, offers_tls=False)
    with pytest.raises(smtplib.SMTPHeloError) as failure:
        _send(_mailer(f"smtp://desk:{SECRET}@{HOST}:{server.port}", tmp_path))
    assert failure.value.smtp_code == 421
    server.close()


def test_a_server_that_is_asked_gets_no_message(tmp_path: Path) -> None:
    server = Server(tmp_path, offers_tls=False)
    _mailer(f"smtp://desk:{SECRET}@127.0.0.1:{server.port}", tmp_path).ask()
    server.close()
    assert [line[:4].lower() for line in server.lines] == [b"ehlo", b"auth", b"quit"]


@pytest.mark.parametrize("international", [False, True])
def test_one_address_that_the_server_cannot_take_keeps_nothing_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, international: bool
) -> None:
    """Names and hosts of the inner network stay what they are: nobody who was called is left out."""
    if international:
        monkeypatch.setitem(_ANSWERS, b"EHLO", b"250-here\r\n250 SMTPUTF8\r\n")
    server = Server(tmp_path, offers_tls=False)
    duty = ("Night <night@desk.test>", "duty@mailhub", "duty@[192.0.2.1]", "garde@désk.test")
    mailer = Mailer(
        url=f"smtp://127.0.0.1:{server.port}", sender="desk@fanal.test", duty=duty, folder=tmp_path
    )
    reached = mail.Reached.ALL if international else mail.Reached.SOME
    assert _send(mailer) == mail.Sent(reached=reached, lost=1 - international)
    server.close()
    told = [line for line in server.lines if line.startswith((b"rcpt", b"RCPT"))]
    assert [b"night@desk.test" in told[0], b"mailhub" in told[1], b"[192.0.2.1]" in told[2]] == [
        True
    ] * 3
    assert len(told) == 3 + international


def test_an_address_that_the_server_refuses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(mail.log, "error", lambda text, *values: said.append(text % values))
    server = Server(tmp_path, offers_tls=False)
    server.refuses = b"two@desk.test"
    mailer = Mailer(
        url=f"smtp://127.0.0.1:{server.port}",
        sender="desk@fanal.test",
        duty=("one@desk.test", "two@desk.test"),
        folder=tmp_path,
    )
    assert _send(mailer) == mail.Sent(reached=mail.Reached.SOME, lost=1)
    server.close()
    assert said == ["the server refused 1 of 2 addresses"]


def test_what_is_left_in_the_folder_reached_nobody(tmp_path: Path) -> None:
    assert _send(_mailer("", tmp_path)) == mail.Sent(reached=mail.Reached.NOBODY)
    assert (tmp_path / "m1.eml").exists()


def test_nobody_to_write_to_is_an_error(tmp_path: Path) -> None:
    mailer = _mailer("", tmp_path)
    with pytest.raises(MailRefused, match="FANAL_DUTY"):
        mailer.send(to=(), subject="s", text="t", message_id="m1", now=NOW)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("url", "sender", "duty", "faults"),
    [
        ("smtps://m.desk.fr", "d@desk.fr", ("a@desk.fr",), ()),
        ("smtp://m.desk.fr:587", "d@desk.fr", ("a@desk.fr", "b@x.test"), ()),
        ("", "d@desk.fr", ("a@desk.fr",), (MailFault.NO_SERVER,)),
        ("smpt://m.desk.fr", "d@desk.fr", ("a@desk.fr",), (MailFault.SERVER_REFUSED,)),
        ("smtp://m.desk.fr:x", "d@desk.fr", ("a@desk.fr",), (MailFault.SERVER_REFUSED,)),
        ("smtp://", "d@desk.fr", ("a@desk.fr",), (MailFault.SERVER_REFUSED,)),
        ("smtp://m.desk.fr", "d@desk.fr", (), (MailFault.NO_DUTY,)),
        ("smtp://m.desk.fr", "d@desk.fr", ("a@x.test",), (MailFault.DUTY_RESERVED,)),
        ("smtp://m.desk.fr", "d@fanal.test", ("a@desk.fr",), (MailFault.SENDER_RESERVED,)),
        (
            "",
            "desk@fanal.test",
            (),
            (MailFault.NO_SERVER, MailFault.NO_DUTY, MailFault.SENDER_RESERVED),
        ),
    ],
)
def test_the_faults_of_a_setting(
    url: str, sender: str, duty: tuple[str, ...], faults: tuple[MailFault, ...], tmp_path: Path
) -> None:
    assert Mailer(url=url, sender=sender, duty=duty, folder=tmp_path).faults() == faults
