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
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CONNECT_SECONDS: Final = 5.0
"""Longest wait for one address to take a connection."""
_NEXT_SECONDS: Final = 0.5
"""Seconds after which the next address is tried as well; after a refusal it is tried at once."""
_END_OF_MESSAGE: Final = b"\r\n.\r\n"
_CLOSING: Final = 421
"""Reply of a server that closes the connection (RFC 5321, 4.2.2)."""


class RecipientFailed(smtplib.SMTPException):
    """Error: the server let one of several recipients wait, or ended the session; nothing was sent."""


class Unconfirmed(smtplib.SMTPServerDisconnected):
    """Error: the server has the whole message, and neither accepted nor refused it in time."""

    def __init__(self) -> None:
        super().__init__("the server has the message, but did not confirm it in time")


class Session(smtplib.SMTP):
    """An SMTP session of the standard library over an open connection.

    `recipient_seconds`: longest wait for the reply to each of several recipients; None: as for any reply.
    """

    def __init__(
        self, connection: socket.socket, host: str, *, own: str, tls: bool, reply: float
    ) -> None:
        self._connection, self._tls, self._reply = connection, tls, reply
        self._has_message = False
        self.recipient_seconds: float | None = None
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
            RecipientFailed: `recipient_seconds` is set, and the server replied late or closed the session.
            SMTPServerDisconnected: the same without `recipient_seconds`.
        """
        if self.recipient_seconds is None:
            return super().rcpt(recip, options)
        assert self.sock is not None  # noqa: S101 - connected
        self.sock.settimeout(self.recipient_seconds)
        try:
            reply = super().rcpt(recip, options)
        except smtplib.SMTPServerDisconnected as failure:
            raise RecipientFailed from failure
        if reply[0] == _CLOSING:
            raise RecipientFailed
        self.sock.settimeout(self._reply)
        return reply

    def send(self, s: "ReadableBuffer | str") -> None:
        """Send data to the server, and note whether it ends a message."""
        super().send(s)
        self._has_message = isinstance(s, bytes) and s.endswith(_END_OF_MESSAGE)

    def data(self, msg: "ReadableBuffer | str") -> tuple[int, bytes]:
        """Send a message; return the server's reply, code and text.

        Raises:
            Unconfirmed: the whole message was sent, without a reply.
            SMTPException: no message was sent.
        """
        try:
            return super().data(msg)
        except smtplib.SMTPServerDisconnected:
            if self._has_message:
                raise Unconfirmed from None
            raise


@contextlib.contextmanager
def connected(
    host: str, port: int | None, *, own: str, tls: bool, seconds: float, reply: float
) -> Iterator[Session]:
    """Yield an SMTP session with `host` that is closed after `seconds`, however slowly the server answers.

    `reply`: seconds that one reply may take. `tls`: TLS from the start (port 465 by default, else 25). The
    library's time-outs apply to one read: a server sending a byte a second never reaches them. `own` is the
    name in EHLO: the library would look it up in the DNS, without deadline.

    Raises:
        OSError, SMTPException: no address of the host sent a greeting; the error of the first that failed.
    """
    race = _Race(host, own=own, tls=tls, reply=reply, ends=time.monotonic() + seconds)
    cut = threading.Timer(seconds, race.shut)
    cut.daemon = True
    cut.start()
    try:
        with contextlib.closing(race.run(port or (465 if tls else 25))) as server:
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

    def run(self, port: int) -> Session:
        """Return the session with the address that sent its greeting first.

        Raises:
            OSError, SMTPException: none did.
        """
        waiting = socket.getaddrinfo(self._host, port, type=socket.SOCK_STREAM)
        running, first = 0, None
        while waiting or running:
            if waiting:
                one = waiting.pop(0)
                threading.Thread(target=self._try, args=(one[:3], one[4]), daemon=True).start()
                running += 1
            left = max(0.0, self._ends - time.monotonic())
            try:
                result = self._results.get(timeout=min(_NEXT_SECONDS, left) if waiting else left)
            except queue.Empty:
                if not left:
                    break
                continue
            running -= 1
            if isinstance(result, Session):
                return result
            first = first or result
        raise first or TimeoutError("no address of the mail server answered in time")

    def _try(self, kind: tuple[int, int, int], address: tuple[str | int, ...]) -> None:
        try:
            with contextlib.ExitStack() as opened:
                raw = opened.enter_context(socket.socket(*kind))
                # The TLS socket takes the descriptor over: a duplicate is needed to shut it.
                self._twins.append(raw.dup())
                raw.settimeout(_CONNECT_SECONDS)
                raw.connect(address)
                won = Session(raw, self._host, own=self._own, tls=self._tls, reply=self._reply)
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
