"""An SMTP session with a deadline, over the address of the server that greets first.

A server may have several addresses, some of which do not answer: they are tried half a second apart, without
waiting for each other (as in RFC 8305).
"""

import contextlib
import queue
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CONNECT_SECONDS: Final = 5.0
"""Longest wait for one address to take a connection."""
_NEXT_SECONDS: Final = 0.5
"""Seconds after which the next address is tried as well; after a refusal it is tried at once."""
_LAST_SECONDS: Final = 2.0
"""The same for an address at which another session is slow."""
_END_OF_MESSAGE: Final = b"\r\n.\r\n"
_ACCEPTED: Final = (250, 251)
CLOSING: Final = 421
"""Reply of a server that closes the connection (RFC 5321, 4.2.2)."""
Address: TypeAlias = tuple[str | int | bytes, ...]
"""Address of a server, as a socket takes it."""
_Kind: TypeAlias = tuple[int, int, int]


class Unconfirmed(smtplib.SMTPServerDisconnected):
    """Error: the server has the whole message, and neither accepted nor refused it in time."""

    def __init__(self) -> None:
        super().__init__("the server has the message, but did not confirm it in time")


class Session(smtplib.SMTP):
    """An SMTP session of the standard library over an open connection to `address`.

    `taken` holds the recipients that the server accepted so far; `at_recipients` is true while their
    addresses are being sent. `refuses` is called with each recipient that the server refuses, reply code and
    text. `begins` is called before the message is sent, and may raise an exception to prevent that; `sends`
    is for its use, to note that the message is sent.
    """

    def __init__(
        self,
        connection: socket.socket,
        host: str,
        *,
        address: Address,
        own: str,
        tls: bool,
        reply: float,
    ) -> None:
        self._connection, self._tls = connection, tls
        self._has_message = False
        self.address = address
        self.taken: list[str] = []
        self.at_recipients = self.sends = False
        self.refuses: Callable[[str, int, bytes], None] | None = None
        self.begins: Callable[[], None] | None = None
        super().__init__(host, local_hostname=own, timeout=reply)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        del port
        self._connection.settimeout(timeout)
        if self._tls:
            context = ssl.create_default_context()
            return context.wrap_socket(self._connection, server_hostname=host)
        return self._connection

    def rcpt(self, recip: str, options: Sequence[str] = ()) -> tuple[int, bytes]:
        """Send the address of one recipient; return the server's reply, code and text.

        Raises:
            SMTPServerDisconnected: the server closed the session, or did not reply in time.
        """
        self.at_recipients = True
        code, text = super().rcpt(recip, options)
        if code in _ACCEPTED:
            self.taken.append(recip)
        elif self.refuses and code != CLOSING:
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
        """Send a message; return the server's reply, code and text.

        Raises:
            Unconfirmed: the whole message was sent, without a reply.
            SMTPException: no message was sent.
        """
        self.at_recipients = False
        try:
            return super().data(msg)
        except smtplib.SMTPServerDisconnected:
            if self._has_message:
                raise Unconfirmed from None
            raise


@contextlib.contextmanager
def connected(
    host: tuple[str, int | None],
    *,
    own: str,
    tls: bool,
    seconds: float,
    reply: float,
    without: Collection[Address] = (),
    last: Collection[Address] = (),
) -> Iterator[Session]:
    """Yield an SMTP session with a server that is closed after `seconds`, however slowly it answers.

    `host`: its name, and its port unless that is 25 (465 with TLS). `reply`: seconds that one reply may take.
    `tls`: TLS from the start. The library's time-outs apply to one read: a server sending a byte a second
    never reaches them. `own` is the name in EHLO: the library would look it up in the DNS, without deadline.
    The addresses `without` are not tried, those in `last` after all others.

    Raises:
        OSError, SMTPException: no address of the host sent a greeting; the error of the first that failed.
    """
    name, port = host
    race = _Race(name, own=own, tls=tls, reply=reply, ends=time.monotonic() + seconds)
    found = race.resolve(port or (465 if tls else 25), without=without, last=last)
    cut = threading.Timer(seconds, race.shut)
    cut.daemon = True
    cut.start()
    try:
        with contextlib.closing(race.run(found)) as server:
            yield server
            # The message is accepted: an error in reply to QUIT changes nothing.
            with contextlib.suppress(smtplib.SMTPException):
                server.quit()
    finally:
        cut.cancel()
        race.close()


class _Race:
    """Attempts to connect with all addresses of one host; the first one that greets wins.

    `own`: the name in EHLO; `tls`: TLS from the start; `reply`: seconds that one reply may take; `ends`:
    instant of the monotonic clock at which the attempts end.
    """

    def __init__(self, host: str, *, own: str, tls: bool, reply: float, ends: float) -> None:
        self._host, self._own, self._tls, self._reply = host, own, tls, reply
        self._ends, self._over = ends, False
        self._twins: list[socket.socket] = []
        self._results: queue.SimpleQueue[Session | OSError] = queue.SimpleQueue()

    def resolve(
        self, port: int, *, without: Collection[Address], last: Collection[Address]
    ) -> list[tuple[float, _Kind, Address]]:
        """Return the addresses of the host at `port`, in the order of the race.

        Each comes with the seconds that it starts after the one before, and its kind of socket. Addresses in
        `without` are left out, those in `last` come last.
        """
        found = socket.getaddrinfo(self._host, port, type=socket.SOCK_STREAM)
        used = [one for one in found if one[4] not in without]
        used.sort(key=lambda one: one[4] in last)
        return [
            (_LAST_SECONDS if one[4] in last else _NEXT_SECONDS, one[:3], one[4]) for one in used
        ]

    def run(self, waiting: list[tuple[float, _Kind, Address]]) -> Session:
        """Connect to the addresses `waiting` (from `resolve`); return the session whose greeting came first.

        Raises:
            OSError, SMTPException: none greeted in time; the error of the first that failed.
        """
        running, first = 0, None
        while waiting or running:
            if waiting:
                _, *one = waiting.pop(0)
                threading.Thread(target=self._try, args=one, daemon=True).start()
                running += 1
            left = max(0.0, self._ends - time.monotonic())
            try:
                result = self._results.get(timeout=min(waiting[0][0], left) if waiting else left)
            except queue.Empty:
                if not left:
                    break
                continue
            running -= 1
            if isinstance(result, Session):
                return result
            first = first or result
        raise first or TimeoutError("no address of the mail server answered in time")

    def _try(self, kind: _Kind, address: Address) -> None:
        try:
            with contextlib.ExitStack() as opened:
                raw = opened.enter_context(socket.socket(*kind))
                # The TLS socket takes the descriptor over: a duplicate is needed to shut it.
                self._twins.append(raw.dup())
                raw.settimeout(_CONNECT_SECONDS)
                raw.connect(address)
                won = Session(
                    raw,
                    self._host,
                    address=address,
                    own=self._own,
                    tls=self._tls,
                    reply=self._reply,
                )
                opened.pop_all()
        except OSError as failure:  # SMTPException is one
            self._results.put(failure)
        else:
            self._results.put(won)
        if self._over:
            self.close()

    def shut(self) -> None:
        """Shut all connections down: a pending read or write on one of them fails at once."""
        for twin in self._twins:
            with contextlib.suppress(OSError):
                twin.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Shut all connections down, and close the sessions that were opened too late."""
        self._over = True
        self.shut()
        for twin in self._twins:
            twin.close()
        with contextlib.suppress(queue.Empty):
            while True:
                late = self._results.get_nowait()
                if isinstance(late, Session):
                    late.close()
