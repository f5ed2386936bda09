"""A mail server: its IP addresses, and SMTP sessions with a deadline at one of them."""

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CONNECT_SECONDS: Final = 5.0
"""Longest wait for one address to take a connection."""
_QUIT_SECONDS: Final = 2.0
_END_OF_MESSAGE: Final = b"\r\n.\r\n"
_ACCEPTED: Final = (250, 251)
CLOSING: Final = 421
"""Reply of a server that closes the connection (RFC 5321, 4.2.2)."""
Address: TypeAlias = tuple[tuple[int, int, int], tuple[str | int | bytes, ...]]
"""Address of a server: the kind of socket, and the place that it connects to."""


class Unconfirmed(smtplib.SMTPServerDisconnected):
    """Error: the server has the whole message, and neither accepted nor refused it in time."""

    def __init__(self) -> None:
        super().__init__("the server has the message, but did not confirm it in time")


class Handle:
    """A handle by which another thread closes an SMTP session at any time, even before it is open.

    A session whose handle was shut before it connected never opens.
    """

    def __init__(self) -> None:
        self._guard, self._shut = threading.Lock(), False
        self._connection: socket.socket | None = None

    def hold(self, connection: socket.socket | None) -> None:
        """Set the socket that `shut` closes; None once it is closed."""
        with self._guard:
            self._connection = connection
            if connection and self._shut:
                _shut(connection)

    def shut(self) -> None:
        """Close the session: a pending read or write on it fails at once."""
        with self._guard:
            self._shut = True
            if self._connection:
                _shut(self._connection)


class Session(smtplib.SMTP):
    """An SMTP session of the standard library over an open connection, with hooks for its caller.

    `host` is the server's name, `own` this machine's; `reply` is the limit for a reply in seconds. `taken`
    holds the recipients that the server accepted so far, `turned_away` those that it refused; `at_recipients`
    is true while their addresses are being sent. The hooks are functions: `refuses` is called with each
    recipient that the server refuses, reply code and text; `skips` with each recipient before its address is
    sent, and skips it by returning true; `checks` before DATA, and `begins` before the end of the message is
    sent: both may raise an exception to prevent that. `hears` is called after each reply. `sends` is a flag
    for the hooks' own use, to note that the message is sent.
    """

    def __init__(
        self,
        connection: socket.socket,
        host: str,
        *,
        own: str,
        tls: bool,
        reply: float,
    ) -> None:
        self._connection, self._tls = connection, tls
        self._has_message = False
        self.taken: list[str] = []
        self.turned_away: list[str] = []
        self.at_recipients = self.sends = False
        self.refuses: Callable[[str, int, bytes], None] | None = None
        self.skips: Callable[[str], bool] | None = None
        self.checks: Callable[[], None] | None = None
        self.begins: Callable[[], None] | None = None
        self.hears: Callable[[], None] | None = None
        super().__init__(host, local_hostname=own, timeout=reply)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        del port
        self._connection.settimeout(timeout)
        if self._tls:
            context = ssl.create_default_context()
            return context.wrap_socket(self._connection, server_hostname=host)
        return self._connection

    def getreply(self) -> tuple[int, bytes]:
        """Return the server's next reply, as (code, text).

        Raises:
            SMTPServerDisconnected: the server closed the session, or did not reply in time.
        """
        reply = super().getreply()
        if self.hears:
            self.hears()
        return reply

    def rcpt(self, recip: str, options: Sequence[str] = ()) -> tuple[int, bytes]:
        """Send the address of one recipient to the server, unless `skips` leaves it out; return (code, text).

        For a recipient that is left out, the result is (250, b"") without any reply of the server. `options`
        are parameters of the command RCPT, as in smtplib.

        Raises:
            SMTPServerDisconnected: the server closed the session, or did not reply in time.
        """
        if self.skips and self.skips(recip):
            return _ACCEPTED[0], b""
        self.at_recipients = True
        code, text = super().rcpt(recip, options)
        if code in _ACCEPTED:
            self.taken.append(recip)
            return code, text
        self.turned_away.append(recip)
        if self.refuses and code != CLOSING:
            self.refuses(recip, code, text)
        return code, text

    def send(self, s: "ReadableBuffer | str") -> None:
        """Send data (`s`) to the server; call `begins`, if set, before the end of a message is sent.

        It also remembers whether the whole message was sent.
        """
        ends = isinstance(s, bytes) and s.endswith(_END_OF_MESSAGE)
        if ends and self.begins:
            self.begins()
        super().send(s)
        self._has_message = ends

    def data(self, msg: "ReadableBuffer | str") -> tuple[int, bytes]:
        """Send a message; return the server's reply (code, text).

        Raises:
            Unconfirmed: the whole message was sent, without a reply.
            SMTPException: no message was sent.
        """
        self.at_recipients = False
        if self.checks:
            self.checks()
        try:
            return super().data(msg)
        except smtplib.SMTPServerDisconnected:
            if self._has_message:
                raise Unconfirmed from None
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A mail server at `host` and `port`, and how to connect to it.

    `tls`: TLS from the start. `own` is our name in EHLO; without it, smtplib would look it up in the DNS,
    without deadline. `reply`: seconds that one reply may take.
    """

    host: str
    port: int
    own: str
    tls: bool
    reply: float

    def addresses(self) -> list[Address]:
        """Return the IP addresses of the server (each a kind of socket and a place), in the resolver's order.

        Raises:
            OSError: the name has no address, or the DNS does not answer.
        """
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys((one[:3], one[4]) for one in found))

    @contextlib.contextmanager
    def session(
        self, address: Address, *, seconds: float, handle: Handle | None = None
    ) -> Iterator[Session]:
        """Yield an SMTP session at one of the server's addresses; after `seconds` it is closed in any state.

        The time-outs of smtplib apply to one read only: a server that sends a byte a second never reaches
        them. `handle` allows another thread to close the session earlier.

        Raises:
            OSError, SMTPException: no greeting of the server in time.
        """
        kind, place = address
        with contextlib.ExitStack() as opened:
            raw = opened.enter_context(socket.socket(*kind))
            # The TLS socket takes the descriptor over: a duplicate is needed to shut it.
            twin = opened.enter_context(raw.dup())
            cut = threading.Timer(seconds, _shut, [twin])
            cut.daemon = True
            cut.start()
            opened.callback(cut.cancel)
            if handle:
                handle.hold(twin)
                opened.callback(handle.hold, None)
            raw.settimeout(_CONNECT_SECONDS)
            raw.connect(place)
            session = Session(raw, self.host, own=self.own, tls=self.tls, reply=self.reply)
            yield opened.enter_context(contextlib.closing(session))
            # The message is accepted: an error in reply to QUIT changes nothing.
            if session.sock:
                session.sock.settimeout(_QUIT_SECONDS)
            with contextlib.suppress(smtplib.SMTPException):
                session.quit()


def _shut(connection: socket.socket) -> None:
    """Shut a connection down: a pending read or write on it fails at once."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
