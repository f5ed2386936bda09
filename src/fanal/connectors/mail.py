"""Mail to the desk's own people, by SMTP, or into a folder when no server is configured.

A mail never holds content of a report, only a reference and a URL of the desk. Mail to another machine is
encrypted (RFC 3207, RFC 8314): a server without TLS receives neither password nor message.
"""

import ipaddress
import logging
import smtplib
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.utils import format_datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from fanal.connectors import smtp
from fanal.connectors.handover import PERMANENT, Handover
from fanal.kernel.process import follow_folder

log = logging.getLogger("fanal.mail")

SEND_SECONDS = 8.0
"""Deadline for sending one message, from connection to the server's last reply."""
_REPLY_SECONDS = 7.0
"""Longest wait for one reply: some servers greet after five or six seconds only, to detect spam senders."""
_SCHEMES = ("smtp", "smtps")
_RESERVED = ("test", "example", "invalid", "localhost", "example.com", "example.net", "example.org")
"""Reserved domain names (RFC 2606, RFC 6761), where no mail can arrive."""


class Reached(StrEnum):
    """How many recipients a sent message reaches, as far as the server says: all, some or nobody.

    ALL: the server accepted every address.
    """

    ALL = "ALL"
    SOME = "SOME"
    """The server accepted some of the addresses and refused the others."""
    NOBODY = "NOBODY"
    """No server is configured: the message is in the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The result of sending one message.

    `reached`: whether it reached all, some or none of its recipients. `later` holds the addresses to try
    again, `lost` is the number of addresses refused for good.
    """

    reached: Reached
    later: tuple[str, ...] = ()
    """Addresses that the server refused for now (greylisting, full mailbox): it may accept them later."""
    lost: int = 0
    """Number of addresses refused for good."""


class MailFault(StrEnum):
    """A fault in the mail settings that keeps messages from reaching anybody.

    NO_SERVER: none is set; SERVER_REFUSED: its URL is invalid. NO_DUTY: no duty address; DUTY_RESERVED,
    SENDER_RESERVED: that address is in a domain reserved for examples.
    """

    NO_SERVER = "NO_SERVER"
    SERVER_REFUSED = "SERVER_REFUSED"
    NO_DUTY = "NO_DUTY"
    DUTY_RESERVED = "DUTY_RESERVED"
    SENDER_RESERVED = "SENDER_RESERVED"


class How(NamedTuple):
    """Settings of one attempt to send a message.

    `seconds` is the deadline for the whole message. If it exceeds the default (`SEND_SECONDS`), one reply of
    the server may take all of it, otherwise seven seconds. `attempt` is the number of the attempt, from 1:
    each begins at another IP address of the server.
    """

    seconds: float = SEND_SECONDS
    attempt: int = 1


class MailRefused(OSError):
    """Error: a message was not sent, for lack of a recipient, a valid server URL or TLS (see the text)."""


class _Headers(HeaderRegistry):
    """Header registry that caches the class of each header type.

    The base class makes a new class for every header of every message. Such classes are in reference cycles
    until the garbage collector runs: a thousand alarm mails occupied thirty megabytes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, type[BaseHeader]] = {}

    def __getitem__(self, name: str) -> type[BaseHeader]:
        kind = name.lower()
        if kind not in self._made:
            self._made[kind] = super().__getitem__(kind)
        return self._made[kind]


_POLICY = policy.default.clone(header_factory=_Headers())


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailer:
    """The mail settings of this installation, and the sending of messages with them.

    `url` is that of the SMTP server; with an empty one, messages are written to `folder`, one file each, and
    reach nobody. `sender` is the sender's address, `duty` the addresses of the people on call. In a demo
    (`demo`) no setting counts as a fault. `host` is the name under which the desk's pages are served.
    """

    url: str
    sender: str
    duty: tuple[str, ...]
    folder: Path
    demo: bool = False
    """A demo needs no mail, so that missing settings are no fault."""
    host: str = "localhost"

    def faults(self) -> tuple[MailFault, ...]:
        """Return the faults that keep alarm calls from arriving; empty if there are none, or in a demo.

        An alarm call is an e-mail about a child in danger.
        """
        return () if self.demo else self.lacks()

    def lacks(self) -> tuple[MailFault, ...]:
        """Return the faults in the mail settings that keep alarm calls from arriving, also in a demo.

        An alarm call is an e-mail about a child in danger. `faults` returns the same, but nothing in a demo.
        """
        found: list[MailFault] = []
        if not self.url:
            found.append(MailFault.NO_SERVER)
        elif not _is_server(self.url):
            found.append(MailFault.SERVER_REFUSED)
        if not self.duty:
            found.append(MailFault.NO_DUTY)
        elif all(_is_reserved(address) for address in self.duty):
            found.append(MailFault.DUTY_RESERVED)
        if _is_reserved(self.sender):
            found.append(MailFault.SENDER_RESERVED)
        return tuple(found)

    def send(
        self,
        *,
        to: Sequence[str],
        subject: str,
        text: str,
        message_id: str,
        now: datetime,
        how: How | None = None,
    ) -> Sent:
        """Send one message; return whether all, some or none of its recipients (`to`) were reached.

        `text` is the plain-text body. `message_id` must be the same at each attempt, so that a repeated
        delivery is recognised. Without a server the message is written to the folder, and nobody is reached.
        `how` is by default a first attempt.

        Raises:
            MailRefused: no recipient, an invalid server URL, or a remote server without TLS.
            Unconfirmed: the server has the message, but did not confirm it in time.
            OSError, smtplib.SMTPException: not accepted in time; try again.
        """
        message = self.compose(to=to, subject=subject, text=text, message_id=message_id, now=now)
        if self.url:
            return self._hand_over(message, how or How())
        self._leave(message, message_id)
        return Sent(reached=Reached.NOBODY)

    def compose(
        self, *, to: Sequence[str], subject: str, text: str, message_id: str, now: datetime
    ) -> EmailMessage:
        """Return a message to the recipients `to`, dated `now`, with `text` as its plain-text body.

        `message_id` becomes the local part of its Message-ID.

        Raises:
            MailRefused: there is no recipient.
        """
        if not to:
            raise MailRefused("nobody to write to: FANAL_DUTY names no address")
        message = EmailMessage(policy=_POLICY)
        message["From"], message["To"] = self.sender, ", ".join(dict.fromkeys(to))
        message["Subject"], message["Date"] = subject, format_datetime(now)
        message["Message-ID"] = f"<{message_id}@{self.sender.rpartition('@')[2]}>"
        # Seven bits: a server must be told of more, and may take no more (8BITMIME, RFC 6152).
        message.set_content(text, cte=None if text.isascii() else "quoted-printable")
        return message

    def ask(self) -> None:
        """Check the settings: connect to the mail server and sign in, without sending a message.

        Raises:
            MailRefused: an invalid server URL, or a remote server without TLS.
            OSError, smtplib.SMTPException: no connection or no sign-in within `SEND_SECONDS`.
        """
        self._send_to(None, [self.sender], How())

    def server(self, *, seconds: float) -> smtp.Server:
        """Return the mail server of the setting `url`, for a message that may take `seconds` in all.

        A single reply may take all of `seconds` if they exceed the default, `SEND_SECONDS`.

        Raises:
            MailRefused: an invalid server URL.
        """
        url = urlsplit(self.url)
        if not _is_server(self.url):
            raise MailRefused("FANAL_SMTP_URL is no address of the form smtp[s]://host:port")
        tls = url.scheme == "smtps"
        return smtp.Server(
            host=url.hostname or "localhost",
            port=url.port or (465 if tls else 25),
            own=self.sender.rpartition("@")[2],
            tls=tls,
            reply=_REPLY_SECONDS if seconds <= SEND_SECONDS else seconds,
        )

    def sign_in(self, server: smtp.Session) -> None:
        """Encrypt an SMTP session (STARTTLS) to another machine, and sign in with the URL's password.

        Raises:
            MailRefused: a remote server without TLS.
            OSError, smtplib.SMTPException: no answer in time, or the sign-in is refused.
        """
        url = urlsplit(self.url)
        code, text = server.ehlo()
        if code // 100 == 4:  # it lets no more sessions in: its offers, TLS too, are unknown
            raise smtplib.SMTPHeloError(code, text)
        if url.scheme == "smtp" and not _is_this_machine(server):
            if not server.has_extn("starttls"):
                raise MailRefused(
                    f"{url.hostname} offers no TLS: neither password nor message was sent"
                )
            server.starttls(context=ssl.create_default_context())
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))

    def _hand_over(self, message: EmailMessage, how: How) -> Sent:
        """Send a message to the server within its time, for as many of its recipients as it accepts.

        Refused addresses are not tried again here: the accepted ones would receive the message twice. For a
        server without SMTPUTF8, addresses that are not ASCII are left out. Returns the addresses to try again
        later and the number of lost ones.

        Raises:
            OSError, smtplib.SMTPException: no recipient was accepted.
        """
        ends = time.monotonic() + how.seconds
        # Passed explicitly: from the header, Python 3.13 does not parse a domain in brackets.
        to = list(dict.fromkeys(address.addr_spec for address in message["To"].addresses))
        taken = to
        try:
            refused = self._send_to(message, to, how)
        except smtplib.SMTPNotSupportedError:  # no SMTPUTF8 (RFC 6531): nothing was sent yet
            taken = [address for address in to if address.isascii()]
            if len(taken) in {0, len(to)}:  # of all: the server takes no password
                raise
            log.error(
                "%d addresses with accents are left out: this server takes none",
                len(to) - len(taken),
            )
            del message["To"]
            message["To"] = ", ".join(taken)
            left = ends - time.monotonic()
            refused = self._send_to(message, taken, how._replace(seconds=left))
        if refused:
            log.error("the server refused %d of %d addresses", len(refused), len(to))
        later = tuple(address for address, code in refused.items() if code < PERMANENT)
        lost = len(to) - len(taken) + len(refused) - len(later)
        return Sent(reached=Reached.SOME if later or lost else Reached.ALL, later=later, lost=lost)

    def _send_to(self, message: EmailMessage | None, to: Sequence[str], how: How) -> dict[str, int]:
        """Send a message to the recipients `to` within its time; without a message, sign in only.

        Returns by address the SMTP reply code of each that was not accepted, 0 without a reply; empty if all
        were accepted.

        Raises:
            OSError, smtplib.SMTPException: none was accepted.
        """
        handover = Handover(
            message,
            to,
            server=self.server(seconds=how.seconds),
            sign_in=self.sign_in,
            **how._asdict(),
        )
        return handover.run()

    def _leave(self, message: EmailMessage, message_id: str) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self.folder / f".{message_id}.tmp"
        unfinished.write_bytes(message.as_bytes())
        follow_folder(unfinished)
        unfinished.rename(self.folder / f"{message_id}.eml")


def _is_this_machine(server: smtplib.SMTP) -> bool:
    """Return whether the connected server is this machine (loopback address)."""
    assert server.sock is not None  # noqa: S101 - connected by `_connected`
    return ipaddress.ip_address(server.sock.getpeername()[0].partition("%")[0]).is_loopback


def _is_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_reserved(address: str) -> bool:
    domain = address.rpartition("@")[2].rstrip(".").lower()
    return any(domain == name or domain.endswith(f".{name}") for name in _RESERVED)


_installed: list[Mailer] = []


def install(mailer: Mailer) -> None:
    """Set the mail settings (`Mailer`) that `current` returns in this process."""
    _installed[:] = [mailer]


def current() -> Mailer:
    """Return the mail settings of this process, as set by `install`; IndexError before that."""
    return _installed[0]
