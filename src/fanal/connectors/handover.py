"""Delivery of one mail message to an SMTP server within a deadline, in parallel sessions where needed.

It copes with a server of which one IP address is slow or faulty, or which fails at a single recipient.

A line is a sequence of SMTP sessions for the same recipients, each at another IP address of the server. The
common line has all recipients. A further line begins for each single recipient, in parallel, in two cases:
the common line has not begun to send the message after a quarter of the time, or the server fails at one
recipient. In every line the next address is tried when one fails or is slow, while the slow session
continues. The first session that reaches a recipient sends the message; no other session sends to that
recipient afterwards.
"""

import math
import smtplib
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import partial
from itertools import zip_longest
from typing import Final

from fanal.connectors import smtp

_PATIENCE: Final = 0.25
"""Part of the time for a message that a session may need to begin sending it, before others begin too.

That is two of eight seconds: some servers refuse an address after five seconds.
"""
_GREETING: Final = 0.25
"""Part of the patience for the greeting, at a first attempt: half a second (as in RFC 8305)."""
_MOST_SESSIONS: Final = 20
"""Most sessions of one message at once: many servers let no more of one machine in."""
_FULL_SECONDS: Final = 1.0
"""Wait before another session with a server that let no more in."""
_END_SECONDS: Final = 0.5
"""Time that sessions have to end once all is known, or after the deadline has cut them."""
PERMANENT: Final = 500
"""Replies of 500 and more are permanent (RFC 5321, 4.2.1); others mean "try again later"."""


class _Taken(smtplib.SMTPException):
    """Error: another session has sent, or is sending, the message to one of this session's recipients."""


class _TakenBefore(_Taken):
    """Error: as `_Taken`, while this session has not yet sent any part of the message."""


@dataclass
class _Line:
    """The state of one line: sessions for the recipients `to`, each at another IP address of the server.

    `tried` are the addresses used so far. At the addresses `waits`, a session of the common line waits for
    the server's reply on the recipient. `closed`: no further address is tried. `running` is the number of
    open sessions. The last one began at `begun` (monotonic clock, seconds); `greeted`: the server has greeted
    a session since then. `full` are addresses at which the server allows no further session, with the instant
    (monotonic clock) from which they are tried again.
    """

    to: list[str]
    tried: set[smtp.Address] = field(default_factory=set)
    waits: set[smtp.Address] = field(default_factory=set)
    closed: bool = False
    running: int = 0
    full: dict[smtp.Address, float] = field(default_factory=dict)
    begun: float = 0.0
    greeted: bool = False


class Handover:
    """The delivery of one mail message to the recipients `to` (mail addresses), for a single call of `run`.

    Args:
        message: the message; None to sign in only.
        to: the mail addresses of the recipients.
        server: the mail server.
        sign_in: called with each session; encrypts it and signs in.
        seconds: time for all, from the creation of this object.
        attempt: number of the attempt to send this message, from 1. Each begins at another address of the
            server. From the second on, the next address is tried only after a quarter of `seconds`: a faulty
            address that answers faster would otherwise get the message each time.
    """

    def __init__(
        self,
        message: EmailMessage | None,
        to: Iterable[str],
        *,
        server: smtp.Server,
        sign_in: Callable[[smtp.Session], None],
        seconds: float,
        attempt: int,
    ) -> None:
        self._message, self._to = message, list(dict.fromkeys(to))
        self._server, self._sign_in, self._attempt = server, sign_in, attempt
        self._patience = seconds * _PATIENCE
        self._greeting = self._patience * (_GREETING if attempt == 1 else 1.0)
        self._ends = time.monotonic() + seconds
        self._stops, self._slow_at = self._ends + _END_SECONDS, math.inf
        self._guard = threading.Condition()
        self._addresses, self._answering = list[smtp.Address](), list[smtp.Address]()
        self._common, self._alone = _Line(self._to), list[_Line]()
        self._running, self._over = 0, False
        self._faulty, self._asked = set[smtp.Address](), dict[smtp.Address, str]()
        self._sessions = list[smtp.Session]()
        self._sending: set[str] = set()
        self._accepted: set[str] = set()
        self._unconfirmed: set[str] = set()
        self._refused: set[str] = set()
        self._failures: dict[str, Exception] = {}

    def run(self) -> dict[str, int]:
        """Deliver the message; return the SMTP reply code of each recipient that was not accepted.

        The result maps mail addresses to codes (RFC 5321), 0 without a reply. It is empty if the server
        accepted the message for all.

        Raises:
            OSError, ValueError: the server accepted it for nobody. With several failures, a temporary one is
                raised rather than a permanent one.
        """
        with self._guard:
            self._start(self._look_up)
            while self._goes_on():
                self._guard.wait(0.1)
            self._over = True
            lost = [recipient for recipient in self._to if recipient not in self._accepted]
            none = TimeoutError("no reply in time")
            failures = {recipient: self._failures.get(recipient, none) for recipient in lost}
            codes = {recipient: _code_of(failures, recipient) for recipient in lost}
            if not self._accepted:
                raise failures[min(lost, key=lambda x: (x not in self._unconfirmed, codes[x]))]
            return codes

    def _goes_on(self) -> bool:
        """Begin the sessions that are due; return whether any session is worth waiting for."""
        now = time.monotonic()
        if not self._sending and not self._open(self._to):
            self._stops = min(self._stops, now + _END_SECONDS)
        elif now < self._ends:
            if now >= self._slow_at and not self._sending and not self._alone:
                self._split()
            for line in (self._common, *self._alone):
                address = self._next(line) or _next_full(line, now)
                if address and self._is_due(line, now):
                    self._begin_session(line, address, now)
        return self._running > 0 and now < self._stops

    def _open(self, to: Iterable[str]) -> list[str]:
        """Return those of the recipients `to` to whom the message is still to be sent.

        A permanent refusal of a recipient counts only once the server has accepted another recipient. A
        server that refuses all of them may itself be at fault, and may accept them at another IP address.
        """
        known = self._accepted | self._unconfirmed | (self._refused if self._accepted else set())
        return [recipient for recipient in to if recipient not in known]

    def _next(self, line: _Line) -> smtp.Address | None:
        """Return the address that a line tries next, or None.

        The common line finds the addresses that accept recipients. The lines of single recipients follow
        there; the other addresses are theirs once the common line has tried all, the last one first, and one
        that failed for all only where no session of the line is open.
        """
        order = self._addresses
        if line is not self._common:
            others = [] if self._next(self._common) else self._addresses[::-1]
            order = [one for one in self._answering + others if one not in self._faulty]
            order += [] if line.running else [one for one in others if one in self._faulty]
        return next((one for one in order if not line.closed and one not in line.tried), None)

    def _is_due(self, line: _Line, now: float) -> bool:
        if self._running >= _MOST_SESSIONS or self._sending.intersection(line.to):
            return False
        waits = self._patience if line.greeted else self._greeting
        return bool(self._open(line.to)) and (not line.running or now >= line.begun + waits)

    def _split(self, first: smtp.Address | None = None) -> None:
        """Begin a line for each recipient, at the server address `first` if it is given."""
        if not self._alone and len(self._to) > 1:
            for one in self._order_alone():
                waits = self._asked_at(one)
                self._alone.append(_Line([one], set(waits), waits))
        if first:
            self._answering = [first, *(one for one in self._answering if one != first)]
            for line in self._alone:
                line.tried.discard(first)

    def _asked_at(self, recipient: str) -> set[smtp.Address]:
        """Return the addresses of the server where a session waits for the reply on a recipient."""
        return {address for address, asked in self._asked.items() if asked == recipient}

    def _order_alone(self) -> list[str]:
        """Return the recipients in the order in which each gets a line of its own.

        Recipients that the server accepted on the common line alternate with those that this line has not
        reached yet, the latter from the end of the list. The recipient for which it waits now comes last. At
        later attempts the order begins at another recipient, since as many as there are sessions may be slow.
        """
        waited = set(self._asked.values())
        taken = {one for session in self._sessions for one in session.taken} - waited
        accepted = [one for one in self._to if one in taken]
        others = [one for one in self._to[::-1] if one not in taken | waited]
        turns = zip_longest(accepted, others)
        order = [one for pair in turns for one in pair if one] + sorted(waited)
        turn = (self._attempt - 1) * (_MOST_SESSIONS - 1) % len(order)
        return order[turn:] + order[:turn]

    def _start(self, work: Callable[[], None]) -> None:
        def counted() -> None:
            try:
                work()
            finally:
                with self._guard:
                    self._running -= 1
                    self._guard.notify_all()

        self._running += 1
        threading.Thread(target=counted, daemon=True).start()

    def _look_up(self) -> None:
        try:
            found = self._server.addresses()
        except (OSError, ValueError) as failure:
            with self._guard:
                self._failures.update(dict.fromkeys(self._to, failure))
            return
        first = (self._attempt - 1) % max(1, len(found))
        with self._guard:
            self._addresses = found[first:] + found[:first]
            self._slow_at = time.monotonic() + self._patience

    def _begin_session(self, line: _Line, address: smtp.Address, now: float) -> None:
        line.running += 1
        line.tried.add(address)
        line.full.pop(address, None)
        line.begun, line.greeted = now, False
        self._start(partial(self._work, line, self._open(line.to), address))

    def _work(self, line: _Line, to: list[str], address: smtp.Address) -> None:
        """Send the message to the recipients `to` of a line in a session at `address`; note a failure."""
        session = None
        try:
            seconds = max(0.0, self._ends - time.monotonic())
            with self._server.session(address, seconds=seconds) as session:
                line.greeted = True
                session.skips = partial(self._skip, address)
                if line is self._common:
                    self._sessions.append(session)
                self._send(session, line, to, address)
        except _Taken:
            with self._guard:
                if len(to) > 1:
                    self._split(
                        address
                    )  # some had the message from others, the rest may have it here
        except (OSError, ValueError) as failure:  # SMTPException is an OSError
            with self._guard:
                if session and len(to) > 1 and _is_of_one(failure, session, to):
                    self._split(address)
                else:
                    self._note_failure(failure, line, to, address)
        finally:
            with self._guard:
                line.running -= 1
                if session:
                    self._release(session)

    def _note_failure(
        self, failure: Exception, line: _Line, to: list[str], address: smtp.Address
    ) -> None:
        """Record the failure of a session for the recipients `to` of a line, and which sessions may begin."""
        if len(to) > 1:
            self._faulty.add(address)
            if isinstance(failure, smtplib.SMTPDataError) and not self._next(self._common):
                self._split()  # one of them may be the cause
        if _is_full(failure):
            line.full[address] = time.monotonic() + _FULL_SECONDS
        if _is_final(failure):
            self._failures.update(dict.fromkeys(to, failure))
            for one in (self._common, *self._alone):
                one.closed = True
        for recipient in to:
            self._failures.setdefault(recipient, failure)

    def _skip(self, address: smtp.Address, recipient: str) -> bool:
        """Note that an address of the server answers; return whether a recipient has the message already."""
        with self._guard:
            if address not in self._answering:
                self._answering.append(address)
            self._asked[address] = recipient
            return recipient in self._accepted | self._unconfirmed | self._sending

    def _send(
        self, session: smtp.Session, line: _Line, to: list[str], address: smtp.Address
    ) -> None:
        self._sign_in(session)
        if self._message is None:
            with self._guard:
                self._accepted.update(to)
            return
        session.refuses = self._refuse
        session.checks = partial(self._check, session, address)
        session.begins = partial(self._begin, session)
        try:
            self._send_to_left(session, self._message, to)
        except smtp.Unconfirmed as failure:
            with self._guard:
                self._unconfirmed.update(session.taken)
                self._failures.update(dict.fromkeys(session.taken, failure))
        else:
            with self._guard:
                self._accepted.update(session.taken)
                self._release(session)
                if session.taken:
                    line.closed, self._slow_at = True, math.inf
                    self._ask_again(address)

    def _ask_again(self, address: smtp.Address) -> None:
        """Let lines of single recipients try an address again that has accepted the message meanwhile.

        The common line's session waits there for the reply on their recipient. That session may be lost,
        without any fault of the recipient.
        """
        for line in self._alone:
            if address in line.waits:
                line.waits.discard(address)
                line.tried.discard(address)

    def _send_to_left(self, session: smtp.Session, message: EmailMessage, to: list[str]) -> None:
        """Send the message to those of the recipients `to` for whom no other session sends or has sent it.

        The server accepts recipients one after the other: meanwhile another session may have been faster.
        """
        while to:
            try:
                session.send_message(message, to_addrs=to)
            except _TakenBefore:
                left = [one for one in to if one not in session.turned_away]
                to = self._wait_for_left(left)
                session.rset()
                session.taken.clear()
            else:
                return

    def _wait_for_left(self, to: list[str]) -> list[str]:
        """Return those of the recipients `to` who still need the message and to whom no session sends it.

        If other sessions are sending to all of them, wait for their end, since they may fail.
        """

        def left() -> list[str]:
            return [one for one in self._open(to) if one not in self._sending]

        with self._guard:
            seconds = max(0.0, self._ends - time.monotonic())
            self._guard.wait_for(lambda: left() or not self._open(to), timeout=seconds)
            return left()

    def _check(self, session: smtp.Session, address: smtp.Address) -> None:
        """Check, before any of the message is sent, that no other session sends to this session's recipients.

        Raises:
            _TakenBefore: another session sends or has sent to one of them, or no recipient is left.
        """
        with self._guard:
            self._asked.pop(address, None)
            others = self._accepted | self._unconfirmed | self._sending
            if not session.taken or others.intersection(session.taken):
                raise _TakenBefore

    def _release(self, session: smtp.Session) -> None:
        """Let other sessions send to the recipients of a session whose message was sent, or failed."""
        if session.sends:
            self._sending.difference_update(session.taken)
            self._guard.notify_all()

    def _refuse(self, recipient: str, code: int, text: bytes) -> None:
        with self._guard:
            self._failures[recipient] = smtplib.SMTPRecipientsRefused({recipient: (code, text)})
            if code >= PERMANENT:
                self._refused.add(recipient)
                self._guard.notify_all()

    def _begin(self, session: smtp.Session) -> None:
        """Reserve the recipients of a session for it; wait for another session that sends to one of them.

        Raises:
            _Taken: the message was sent to one of them already, or the time is over.
        """
        mine = set(session.taken)
        with self._guard:
            self._guard.wait_for(
                lambda: not self._sending & mine, timeout=max(0.0, self._ends - time.monotonic())
            )
            if self._over or mine & (self._accepted | self._unconfirmed | self._sending):
                raise _Taken
            self._sending |= mine
            session.sends = True


def _is_of_one(failure: Exception, session: smtp.Session, to: Sequence[str]) -> bool:
    """Return whether a session's `failure` may be due to a single one of its recipients (`to`, several).

    The others may then be reached in sessions of their own.
    """
    if isinstance(failure, smtplib.SMTPDataError):
        return bool(failure.smtp_code >= PERMANENT)
    if isinstance(failure, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in failure.recipients.values()]
        return len(codes) < len(to) or smtp.CLOSING in codes
    return session.at_recipients


def _next_full(line: _Line, now: float) -> smtp.Address | None:
    if line.closed:
        return None
    return next((address for address, at in line.full.items() if now >= at), None)


def _is_full(failure: Exception) -> bool:
    """Return whether the server let no session more in, and may do so in a moment."""
    return isinstance(failure, smtplib.SMTPConnectError) and failure.smtp_code == smtp.CLOSING


def _is_final(failure: Exception) -> bool:
    """Return whether no other address of the server would answer otherwise: wrong password, no SMTPUTF8."""
    return isinstance(failure, smtplib.SMTPAuthenticationError | smtplib.SMTPNotSupportedError)


def _code_of(failures: Mapping[str, Exception], recipient: str) -> int:
    failure = failures[recipient]
    if isinstance(failure, smtplib.SMTPResponseException):
        return failure.smtp_code
    if isinstance(failure, smtplib.SMTPRecipientsRefused) and recipient in failure.recipients:
        return int(failure.recipients[recipient][0])
    return 0
