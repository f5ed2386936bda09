"""The hand-over of one message to a mail server that may be slow or fail in one thing, within a deadline.

One SMTP session sends it for all recipients. If that session has not begun to send the message after two
seconds, or the server fails at one recipient, a session for each recipient begins in parallel, at the
server's other addresses first. The session that is first at a recipient sends; no other does then.
"""

import contextlib
import smtplib
import threading
import time
from collections.abc import Callable, Collection, Sequence
from email.message import EmailMessage
from functools import partial
from typing import Final, Protocol

from fanal.connectors import smtp

_PATIENCE_SECONDS: Final = 2.0
"""Time for the first session to reach its message: some servers refuse an address after five seconds."""
_MOST_SESSIONS: Final = 20
"""Most sessions at once that each serve one recipient."""
_END_SECONDS: Final = 0.5
"""Time that sessions have to end once all is known, or after the deadline has cut them."""
_PERMANENT: Final = 500
"""Replies of 500 and more are permanent (RFC 5321, 4.2.1); others mean "try again later"."""


class _Taken(smtplib.SMTPException):
    """Error: another session has sent, or is sending, the message to one of this session's recipients."""


class Connect(Protocol):
    """The type of a function that opens an SMTP session with the mail server (see `smtp.connected`)."""

    def __call__(
        self,
        *,
        seconds: float,
        without: Collection[smtp.Address],
        last: Collection[smtp.Address],
    ) -> contextlib.AbstractContextManager[smtp.Session]:
        """Return a context manager that opens the session, and closes it after `seconds` at the latest.

        Server addresses in `without` are not tried, those in `last` only after all others.
        """


class Handover:
    """The hand-over of `message` to the recipients `to` (mail addresses), for a single call of `run`.

    Args:
        connect: opens an SMTP session with the mail server.
        sign_in: encrypts a session and signs in.
        ends: deadline, an instant of the monotonic clock.
    """

    def __init__(
        self,
        message: EmailMessage,
        to: Sequence[str],
        *,
        connect: Connect,
        sign_in: Callable[[smtp.Session], None],
        ends: float,
    ) -> None:
        self._message, self._to, self._ends = message, list(to), ends
        self._connect, self._sign_in = connect, sign_in
        self._guard = threading.Condition()
        self._places = threading.BoundedSemaphore(_MOST_SESSIONS)
        self._running, self._stops = 0, ends + _END_SECONDS
        self._splits = self._alone = self._over = False
        self._first: smtp.Address | None = None
        self._failed: set[smtp.Address] = set()
        self._sending: set[str] = set()
        self._accepted: set[str] = set()
        self._settled: set[str] = set()
        self._failures: dict[str, Exception] = {}

    def run(self) -> dict[str, Exception]:
        """Hand the message over; return by address why a recipient's message was not accepted.

        The result is empty if the server accepted it for all; TimeoutError for a recipient without a reply.
        """
        slow_at = time.monotonic() + _PATIENCE_SECONDS
        with self._guard:
            self._start(self._to, without=self._failed)
            while not self._is_over():
                if not self._alone and (self._splits or self._is_slow(slow_at)):
                    self._start_alone()
                self._guard.wait(0.1)
            self._over = True
            return {
                recipient: self._failures.get(recipient, TimeoutError("no reply in time"))
                for recipient in self._to
                if recipient not in self._accepted
            }

    def _is_over(self) -> bool:
        done = not self._running and (self._alone or not self._splits)
        now = time.monotonic()
        if self._settled.issuperset(self._to):
            self._stops = min(self._stops, now + _END_SECONDS)
        return done or now >= self._stops

    def _is_slow(self, slow_at: float) -> bool:
        """Return whether the first session is slow (`slow_at` has passed), and other sessions may be faster.

        With a single recipient, only sessions at another address of the server may be. `slow_at` is an
        instant of the monotonic clock.
        """
        may = len(self._to) > 1 or self._first is not None
        return may and not self._sending and time.monotonic() >= slow_at

    def _start_alone(self) -> None:
        self._alone = True
        used = {self._first} if self._first and not self._splits else set()
        single = len(self._to) == 1
        for recipient in self._to:
            if recipient not in self._settled:
                without = self._failed | (used if single else set())
                self._start([recipient], without=without, last=used, places=self._places)

    def _start(
        self,
        to: list[str],
        *,
        without: set[smtp.Address],
        last: Collection[smtp.Address] = (),
        places: contextlib.AbstractContextManager[object] | None = None,
    ) -> None:
        def work() -> None:
            try:
                with places or contextlib.nullcontext():
                    self._work(to, without, last)
            finally:
                with self._guard:
                    self._running -= 1
                    self._guard.notify_all()

        self._running += 1
        threading.Thread(target=work, daemon=True).start()

    def _work(
        self, to: list[str], without: set[smtp.Address], last: Collection[smtp.Address]
    ) -> None:
        """Send the message to the recipients `to`, at one address of the server after the other.

        Addresses in `without` are not tried, those in `last` only after all others; an address that fails is
        added to `without`. Failures are stored by recipient.
        """
        while not self._over and (left := self._ends - time.monotonic()) > 0:
            session = None
            try:
                with self._connect(seconds=left, without=without, last=last) as session:
                    self._first = session.address
                    self._send(session, to)
                return
            except _Taken:
                return
            except (OSError, ValueError) as failure:  # SMTPException is an OSError
                with self._guard:
                    if session and len(to) > 1 and _is_of_one(failure, session, to):
                        self._splits = True
                        return
                    for recipient in to:
                        self._failures.setdefault(recipient, failure)
                    if session is None or _is_final(failure):
                        return
                    without.add(session.address)

    def _send(self, session: smtp.Session, to: list[str]) -> None:
        self._sign_in(session)
        session.refuses = self._refuse
        session.begins = partial(self._begin, session)
        ends: Exception | None = None
        try:
            session.send_message(self._message, to_addrs=to)
        except smtp.Unconfirmed as failure:
            ends = failure
        except BaseException:
            with self._guard:
                self._free(session)
            raise
        with self._guard:
            self._free(session)
            self._settled.update(session.taken)
            if ends is None:
                self._accepted.update(session.taken)
            else:
                self._failures.update(dict.fromkeys(session.taken, ends))
        if ends is not None:
            raise _Taken from ends

    def _free(self, session: smtp.Session) -> None:
        if session.sends:
            self._sending.difference_update(session.taken)
        self._guard.notify_all()

    def _refuse(self, recipient: str, code: int, text: bytes) -> None:
        with self._guard:
            self._failures[recipient] = smtplib.SMTPRecipientsRefused({recipient: (code, text)})
            if code >= _PERMANENT:
                self._settled.add(recipient)
                self._guard.notify_all()

    def _begin(self, session: smtp.Session) -> None:
        """Reserve the recipients of a session for it; wait for another session that sends to one of them.

        Raises:
            _Taken: another session has sent to one of them, or the time is over.
        """
        mine = set(session.taken)
        with self._guard:
            self._guard.wait_for(
                lambda: not self._sending & mine, timeout=max(0.0, self._ends - time.monotonic())
            )
            if self._over or mine & (self._settled | self._sending):
                raise _Taken
            self._sending |= mine
            session.sends = True


def _is_of_one(failure: Exception, session: smtp.Session, to: Sequence[str]) -> bool:
    """Return whether a session's `failure` may be due to a single one of its recipients (`to`, several).

    The others may then be reached in sessions of their own.
    """
    if isinstance(failure, smtplib.SMTPDataError):
        return bool(failure.smtp_code >= _PERMANENT)
    if isinstance(failure, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in failure.recipients.values()]
        return len(codes) < len(to) or smtp.CLOSING in codes
    return session.at_recipients


def _is_final(failure: Exception) -> bool:
    """Return whether no other address of the server would answer otherwise: a permanent refusal."""
    if isinstance(failure, smtplib.SMTPRecipientsRefused):
        return all(code >= _PERMANENT for code, _ in failure.recipients.values())
    return isinstance(failure, smtplib.SMTPAuthenticationError | smtplib.SMTPNotSupportedError)
