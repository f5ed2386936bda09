"""The child process that sends the alarm calls: SMTP sessions in threads, each decided on by `Dispatch`."""

import hashlib
import logging
import math
import os
import signal
import smtplib
import ssl
import threading
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.policy import SMTP, SMTPUTF8
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Final

from fanal import reference
from fanal.calls.dispatch import SESSION_SECONDS, Dispatch
from fanal.calls.people import Outcome, Session
from fanal.calls.places import Addresses
from fanal.connectors import mail, smtp
from fanal.kernel.process import die_with_parent, take_own_share
from fanal.orient.domain.clocks import UNCONFIRMED, Delivery
from fanal.orient.domain.records import Call

GOT: Final = "got"
"""Message of the child: it has received a list of calls."""
ALIVE: Final = "alive"
"""Message of the child, each second while it has calls: it is alive."""
WORKS: Final = "works"
"""Message of the child: result of a test of the sign-in (a failure code, or "" for success)."""
_BEAT_SECONDS: Final = 0.05
_IDLE_SECONDS: Final = 1.0
_ALIVE_SECONDS: Final = 1.0
_LOOK_UP_IDLE_SECONDS: Final = 60.0
"""Interval between two DNS queries for the mail server's addresses while no call waits."""
_LOOK_UP_SECONDS: Final = 20.0
"""Age of the mail server's addresses from which on they are queried again when a call arrives."""
_LOOK_UP_AGAIN_SECONDS: Final = 1.0
"""Interval between two such queries while a call waits and the server has accepted no message for so long."""
_HANGING_SECONDS: Final = 5.0
"""Time after which a new DNS query does not wait for the answer to the previous one."""
_FULL: Final = 432
"""Reply code with which some servers refuse even a complete message because too many sessions are open."""
_LANGUAGES: Final = ("fr", "en")
_OK, _NO_UTF8 = 250, 553
"""Replies: accepted; and, for an address that is not ASCII, of a server without SMTPUTF8 (RFC 6531)."""
_CODES: Final = (
    (mail.MailRefused, "SETTINGS"),
    (smtp.Unconfirmed, UNCONFIRMED),
    (smtplib.SMTPAuthenticationError, "PASSWORD"),
    (smtplib.SMTPResponseException, "REFUSED"),
    (smtplib.SMTPRecipientsRefused, "REFUSED"),
    (TimeoutError, "TIMEOUT"),
    (smtplib.SMTPServerDisconnected, "TIMEOUT"),
    (ssl.SSLError, "TLS"),
)
"""Codes of failures (`code_of`); the first that fits counts."""
log = logging.getLogger("fanal.calls")


class _Overtaken(Exception):
    """Error: another session has just sent the message to a recipient of this session."""


def run(orders: Connection, answers: Connection) -> None:
    """Run the child process: send the calls read from `orders`, report to `answers`, exit with the parent.

    An order is a list of calls with the time at which they were claimed, or None for a test of the sign-in at
    the mail server. An answer is a list of outcomes, the result of a test, or a sign of life. The exit closes
    no inherited database session: that would end the parent's.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent()
    take_own_share()
    try:
        Sending(mail.current(), answers).run(orders)
    except Exception as failure:  # noqa: BLE001 - the parent replaces this process
        # Its own text may hold an address.
        where = "".join(traceback.format_tb(failure.__traceback__))
        log.error("the process that sends the calls failed: %s\n%s", type(failure).__name__, where)
    finally:
        os._exit(0)  # the child must not end the parent's database session


class Sending:
    """The SMTP sessions of this child process, one thread each; `answers` gets the outcomes of calls."""

    def __init__(self, mailer: mail.Mailer, answers: Connection) -> None:
        self._mailer, self._answers = mailer, answers
        self._guard = threading.RLock()
        self._dispatch = Dispatch(mailer.duty)
        self._addresses = Addresses()
        self._looked_up, self._asked_at = -_LOOK_UP_SECONDS, -math.inf
        self._open: dict[int, smtp.Handle] = {}
        self._alive_at = 0.0
        self._told = (time.monotonic(), datetime.min.replace(tzinfo=UTC))

    def run(self, orders: Connection) -> None:
        """Read orders and run the sessions until the other end of `orders` is closed."""
        self._look_up(after=0.0)
        while True:
            seconds = _BEAT_SECONDS if self._open or self._dispatch.in_hand else _IDLE_SECONDS
            if wait([orders], timeout=seconds):
                try:
                    order = orders.recv()
                except EOFError:
                    return
                self._take(order)
            self.beat()

    def _take(self, order: tuple[list[Call], datetime] | None) -> None:
        if order is None:
            threading.Thread(target=self._ask, daemon=True).start()
            return
        calls, now = order
        self._answers.send(GOT)
        self._told = (time.monotonic(), now)
        unsent = [x for x in calls if not self._mailer.url or not (x.to or self._mailer.duty)]
        if unsent:
            self._answers.send([self._leave(call, now) for call in unsent])
        if len(unsent) == len(calls):
            return
        self._look_up(after=_LOOK_UP_SECONDS if self._addresses else 0.0)
        with self._guard:
            for call in [one for one in calls if one not in unsent]:
                self._dispatch.add(call, time.monotonic())

    def _ask(self) -> None:
        failure = ""
        try:
            self._mailer.ask()
        except Exception as reason:  # noqa: BLE001 - any failure is an answer
            failure = code_of(reason)
        with self._guard:
            self._answers.send((WORKS, failure))

    def _leave(self, call: Call, now: datetime) -> Outcome:
        """Write a call's message into the mail folder, as there is no mail server; return the outcome.

        Without recipients the outcome is a failure.
        """
        try:
            to = call.to or self._mailer.duty
            words = _words([call])
            self._mailer.send(
                to=to,
                subject=words["subject"],
                text=words["text"],
                message_id=words["message_id"],
                now=now,
            )
        except (OSError, ValueError) as failure:
            return Outcome(call=call, failure=code_of(failure))
        return Outcome(call=call, delivery=Delivery.LEFT)

    def beat(self) -> None:
        """Run one iteration: start and close the sessions that are due, and report the outcomes of calls."""
        with self._guard:
            for session in self._dispatch.step(time.monotonic()):
                handle = self._open[session.number] = smtp.Handle()
                address = self._addresses[session.place]
                work = partial(self._talk, session, address, handle)
                threading.Thread(target=work, daemon=True).start()
            for number in self._dispatch.cut():
                self._open[number].shut()
            if time.monotonic() > self._dispatch.unserved_since + _LOOK_UP_AGAIN_SECONDS:
                self._look_up(after=_LOOK_UP_AGAIN_SECONDS)
            self._look_up(after=_LOOK_UP_IDLE_SECONDS)
            if self._dispatch.in_hand and time.monotonic() >= self._alive_at + _ALIVE_SECONDS:
                self._alive_at = time.monotonic()
                self._answers.send(ALIVE)
            outcomes = self._dispatch.outcomes()
            if outcomes:
                self._answers.send(outcomes)

    # The addresses of the mail server

    def _look_up(self, after: float) -> None:
        """Start a DNS query for the mail server's addresses, if the last one is over `after` seconds old."""
        now = time.monotonic()
        hangs = now < self._asked_at + _HANGING_SECONDS
        if self._mailer.url and not hangs and now >= self._looked_up + after:
            self._asked_at = now
            threading.Thread(target=self._find, daemon=True).start()

    def _find(self) -> None:
        """Query the addresses of the mail server and pass them to the dispatch.

        Addresses of earlier answers are kept for some time: some names give one of several addresses in each
        answer.
        """
        try:
            found, failure = self._mailer.server(seconds=SESSION_SECONDS).addresses(), ""
        except (OSError, ValueError) as reason:
            found, failure = [], code_of(reason)
        with self._guard:
            now = time.monotonic()
            self._asked_at, self._looked_up = -math.inf, now
            if found:
                self._dispatch.set_places(self._addresses.keep(found, now))
            if not self._addresses:
                self._dispatch.no_place(failure)

    # One session, in a thread of its own

    def _talk(self, session: Session, address: smtp.Address, handle: smtp.Handle) -> None:
        """Run one session with the mail server as the dispatch decides; report its end there."""
        number, failed = session.number, None
        try:
            server = self._mailer.server(seconds=SESSION_SECONDS)
            with server.session(address, seconds=SESSION_SECONDS, handle=handle) as talk:
                talk.hears = partial(self._hear, number)
                self._mailer.sign_in(talk)
                with self._guard:
                    to, calls = self._dispatch.signed_in(number, time.monotonic())
                if to and self._send(talk, number, to, calls):
                    with self._guard:
                        self._dispatch.accepted(number, time.monotonic())
                        self._open.pop(number)
        except _Overtaken:
            pass
        except Exception as failure:  # noqa: BLE001 - after any failure the call is tried again
            failed = failure
        with self._guard:
            if self._open.pop(number, None) is None:
                return
            if failed is None:
                self._dispatch.ended(number, time.monotonic())
            else:
                code = getattr(failed, "smtp_code", 0)
                self._dispatch.failed(
                    number,
                    code_of(failed),
                    time.monotonic(),
                    full=code == _FULL,
                    replied=code // 100 == 4,
                )

    def _hear(self, number: int) -> None:
        with self._guard:
            if number in self._open:
                self._dispatch.advances(number, time.monotonic())

    def _send(
        self, talk: smtp.Session, number: int, to: Sequence[str], calls: Sequence[Call]
    ) -> bool:
        """Send a message that announces `calls` to `to`, as far as the server accepts; return if sent.

        Raises:
            OSError, smtplib.SMTPException: the server failed, or accepted the message for nobody.
            _Overtaken: another session has sent the message to a recipient meanwhile.
        """
        names = [one for one in to if one.isascii() or talk.has_extn("smtputf8")]
        options = ["SMTPUTF8"] if any(not one.isascii() for one in names) else []
        code, text = talk.mail(self._mailer.sender, options)
        if code != _OK and options:  # refused for SMTPUTF8, say: the others' addresses need none
            names, options = [one for one in to if one.isascii()], []
            code, text = talk.mail(self._mailer.sender)
        if code != _OK:
            raise smtplib.SMTPSenderRefused(code, text, self._mailer.sender)
        self._name(talk, number, to, names)
        with self._guard:
            if not self._dispatch.may_send(number, time.monotonic()):
                return False
            taken = list(self._dispatch.taken(number))
        talk.begins = partial(self._begins, number)
        code, text = talk.data(self._message(taken, calls))
        if code != _OK:
            raise smtplib.SMTPDataError(code, text)
        return True

    def _name(
        self, talk: smtp.Session, number: int, to: Sequence[str], names: Sequence[str]
    ) -> None:
        """Name the recipients `to` to the server (`RCPT TO`), without those that it cannot accept.

        `names` are the addresses whose spelling the server supports; any other recipient is recorded as
        refused.

        Raises:
            SMTPException: the server closes the session.
        """
        refused = list[int]()
        for one in to:
            with self._guard:
                goes = self._dispatch.asks(number, one, time.monotonic())
            if not goes:
                continue
            code, text = talk.rcpt(one) if one in names else (_NO_UTF8, b"")
            if code == smtp.CLOSING:
                raise smtplib.SMTPRecipientsRefused({one: (code, text)})
            refused += [code] if code // 100 != 2 else []
            with self._guard:
                self._dispatch.answered(number, one, code, time.monotonic())
        if refused:
            codes = ", ".join(map(str, sorted(set(refused))))
            log.error("the server refused %d of %d addresses: %s", len(refused), len(to), codes)

    def _begins(self, number: int) -> None:
        with self._guard:
            if not self._dispatch.sends(number, time.monotonic()):
                raise _Overtaken

    def _message(self, to: Sequence[str], calls: Sequence[Call]) -> bytes:
        """Return the message as it goes over the wire; its date is by the database's clock."""
        since, then = self._told
        now = then + timedelta(seconds=time.monotonic() - since)
        message = self._mailer.compose(to=to, now=now, **_words(calls))
        return message.as_bytes(policy=SMTP if all(one.isascii() for one in to) else SMTPUTF8)


def _words(lot: Sequence[Call]) -> dict[str, str]:
    """Return subject, text and id of the message for some calls: references of reports, no content."""
    code = "ALARM_ESCALATED" if lot[0].escalated else "ALARM_RAISED"
    name = f"{lot[0].alarm_id}.{code.lower()}"
    parameters = {"reference": str(lot[0].report_id), "count": str(len(lot))}
    listed: list[str] = []
    if len(lot) > 1:
        # The message id depends on all calls: another lot with the same first call is another message.
        name = f"{_name_of(lot)}.{code.lower()}"
        code, listed = f"{code}_MANY", ["\n".join(str(call.report_id) for call in lot)]
    words = [reference.render(code, parameters, x, kind="mail") for x in _LANGUAGES]
    return {
        "subject": reference.render(f"{code}_SUBJECT", parameters, _LANGUAGES[0], kind="mail"),
        "text": "\n\n".join([*words, *listed]),
        "message_id": name,
    }


def _name_of(lot: Sequence[Call]) -> str:
    return hashlib.sha256(b"".join(sorted(call.alarm_id.bytes for call in lot))).hexdigest()[:32]


def code_of(failure: Exception) -> str:
    """Return the code of a failed delivery (labels of kind `call_failure`), AWAY for an unknown failure."""
    return next((code for kind, code in _CODES if isinstance(failure, kind)), "AWAY")
