"""The main loop of the alarm calls: claim the due calls, send them as e-mail, record the outcomes.

A call is an e-mail to the people on duty about a child in danger, stored in an outbox that is polled twice a
second. LISTEN/NOTIFY would be overwhelmed if a public node sent a million notifications, which no privilege
forbids. Failures are independent: an unwritable ledger or an unavailable database delays no call already
claimed. Work that may be slow in a flood (late calls, escalations, ledger entries of raised alarms) runs in
another process (`outbox`).
"""

import contextlib
import hashlib
import logging
import math
import os
import secrets
import signal
import smtplib
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final

from django.db import connection

from fanal import reference
from fanal.calls.outbox import FAILURES, SESSION, keepers
from fanal.connectors import mail
from fanal.db import sql
from fanal.db.hoarding import HoardingWatch
from fanal.kernel.actors import system_actor
from fanal.kernel.failpoints import failpoint
from fanal.kernel.process import die_with_parent, take_own_share
from fanal.orient.alarms.operations import outbox as orient
from fanal.orient.domain.clocks import Delivery, wait_after
from fanal.orient.domain.records import Call

# One child process a message, killed at its deadline: a slow mail server delays no other call.

PLACES: Final = 24
"""Messages in transit at once; calls with failed attempts take at most half of these places."""
DEADLINE_SECONDS: Final = 10.0
"""Seconds after which a child is killed: above the connector's own deadline, below the lease of a call."""
LOT: Final = 2000
"""Most calls in a single message."""
_LANGUAGES: Final = ("fr", "en")
_DELIVERIES: Final = {
    mail.Reached.ALL: Delivery.SENT,
    mail.Reached.SOME: Delivery.PARTLY,
    mail.Reached.NOBODY: Delivery.LEFT,
}
_FORK: Final = get_context("fork")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSent:
    """The outcome of one message for the calls in `lot`: whom it reached, or the code of its failure.

    `sent` is None after a failure, `failure` is "" otherwise. `again` is set if the message went to the
    addresses that an earlier one did not reach.
    """

    lot: tuple[Call, ...]
    failure: str = ""
    sent: mail.Sent | None = None
    again: "AskedAgain | None" = None
    """The message was one to addresses that an earlier one did not reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAgain:
    """A message to try again for the addresses `to`: the server refused them for now and accepted others.

    It is kept in memory only: the calls (`lot`) have reached somebody. `lost` says whether some addresses
    were refused for good; `attempts` is the number of the next attempt; `due` is an instant of the monotonic
    clock.
    """

    lot: tuple[Call, ...]
    to: tuple[str, ...]
    lost: bool
    attempts: int
    due: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _CallsChild:
    lot: tuple[Call, ...]
    process: BaseProcess
    answer: Connection
    ends: float
    again: AskedAgain | None


class Senders:
    """The child processes that send messages: each is a fork that sends one e-mail and returns one code."""

    def __init__(self) -> None:
        self._children: list[_CallsChild] = []
        self._unstarted: list[CallSent] = []

    def __len__(self) -> int:
        return len(self._children)

    @property
    def again(self) -> int:
        """Return the number of messages in transit that are a second or later attempt."""
        return sum(bool(c.again) or c.lot[0].attempts > 1 for c in self._children)

    @property
    def calls(self) -> list[Call]:
        """Return the calls in transit, and those with a failure not yet returned by `finished`."""
        lots = [*(child.lot for child in self._children), *(sent.lot for sent in self._unstarted)]
        return [call for lot in lots for call in lot]

    @property
    def descriptors(self) -> list[int]:
        """Return the file descriptors that become readable when a child answers or ends."""
        return [child.answer.fileno() for child in self._children]

    def start(self, lot: Sequence[Call], *, now: datetime, again: AskedAgain | None = None) -> None:
        """Send the calls of `lot` as one e-mail from a child process.

        The e-mail goes to all people on duty or, with `again`, to the addresses named there. `finished`
        returns the outcome later; a failed fork counts as a failure.
        """
        calls, to = tuple(lot), again.to if again else ()
        try:
            reading, writing = _FORK.Pipe(duplex=False)
            process = _FORK.Process(target=_send, args=(writing, calls, to, now), daemon=True)
            process.start()
        except OSError:
            self._unstarted.append(CallSent(lot=calls, failure="MACHINE", again=again))
            return
        writing.close()
        ends = time.monotonic() + DEADLINE_SECONDS
        self._children.append(
            _CallsChild(lot=calls, process=process, answer=reading, ends=ends, again=again)
        )

    def finished(self) -> list[CallSent]:
        """Return the outcomes of the completed messages; kill the children past their deadline."""
        unstarted, self._unstarted = self._unstarted, []
        over = [c for c in self._children if c.answer.poll() or time.monotonic() >= c.ends]
        self._children = [child for child in self._children if child not in over]
        return [*unstarted, *(_close(child) for child in over)]

    def stop(self) -> None:
        """Kill the remaining children; their calls stay in the outbox and will be sent again."""
        for child in self._children:
            _close(child)
        self._children = []


def _close(child: _CallsChild) -> CallSent:
    """Read a child's answer, end the child, and return the outcome; without an answer: TIMEOUT or DIED."""
    answer: mail.Sent | str = ""
    if child.answer.poll():
        with contextlib.suppress(EOFError, OSError):
            answer = child.answer.recv()
    late = time.monotonic() >= child.ends
    child.process.kill()
    child.process.join()
    child.process.close()
    child.answer.close()
    if isinstance(answer, mail.Sent):
        return CallSent(lot=child.lot, sent=answer, again=child.again)
    failure = answer or ("TIMEOUT" if late else "DIED")
    return CallSent(lot=child.lot, failure=failure, again=child.again)


def _send(answer: Connection, lot: tuple[Call, ...], to: tuple[str, ...], now: datetime) -> None:
    """Send one message for the calls in `lot` in this child process, write the outcome to `answer`, and exit.

    Recipients are the addresses `to`, or all people on duty if there are none. The outcome is a `mail.Sent`
    or the code of a failure. The exit closes no inherited database session: that would end the parent's.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent()
    take_own_share()
    try:
        answer.send(_deliver(lot, to, now))
    except Exception as failure:  # noqa: BLE001 - after any failure the call is tried again
        answer.send(code_of(failure))
    finally:
        os._exit(0)  # the child must not end the parent's database session


def _deliver(lot: tuple[Call, ...], to: tuple[str, ...], now: datetime) -> mail.Sent:
    """Send the e-mail for the calls in `lot`: references of reports and the place to look, no content.

    Recipients are the addresses `to`, or all people on duty if there are none. Returns whom it reached.

    Raises:
        Exception: any failure of the mail server or its settings (see `code_of`).
    """
    mailer = mail.current()
    code = "ALARM_ESCALATED" if lot[0].escalated else "ALARM_RAISED"
    name = f"{lot[0].alarm_id}.{code.lower()}"
    parameters = {"reference": str(lot[0].report_id), "count": str(len(lot))}
    listed: list[str] = []
    if len(lot) > 1:
        # The message id depends on all calls: another lot with the same first call is another message.
        name = f"{_name_of(lot)}.{code.lower()}"
        code, listed = f"{code}_MANY", ["\n".join(str(call.report_id) for call in lot)]
    words = [reference.render(code, parameters, x, kind="mail") for x in _LANGUAGES]
    return mailer.send(
        to=to or mailer.duty,
        subject=reference.render(f"{code}_SUBJECT", parameters, _LANGUAGES[0], kind="mail"),
        text="\n\n".join([*words, *listed]),
        message_id=name,
        now=now,
    )


def _name_of(lot: tuple[Call, ...]) -> str:
    return hashlib.sha256(b"".join(sorted(call.alarm_id.bytes for call in lot))).hexdigest()[:32]


def lots_of(calls: Sequence[Call], *, places: int) -> Iterator[tuple[Call, ...]]:
    """Yield groups of calls, one a message: single calls while places suffice, else a few large groups.

    `places` is the number of free child processes; large groups take about an eighth of them. A flood of
    alarms thus becomes a few long messages: later calls still find a place, the people on duty and their mail
    server are not overwhelmed, and few processes are forked.
    """
    few = max(1, places // 8)
    for escalated in (False, True):
        same = [call for call in calls if call.escalated is escalated]
        size = 1 if len(calls) <= places // 2 else min(LOT, math.ceil(len(calls) / few))
        for first in range(0, len(same), size):
            yield tuple(same[first : first + size])


def code_of(failure: Exception) -> str:
    """Return the code of a failed delivery (labels of kind `call_failure`), AWAY for an unknown failure."""
    if isinstance(failure, mail.MailRefused):
        return "SETTINGS"
    if isinstance(failure, smtplib.SMTPAuthenticationError):
        return "PASSWORD"
    if isinstance(failure, smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused):
        return "REFUSED"
    if isinstance(failure, TimeoutError | smtplib.SMTPServerDisconnected):
        return "TIMEOUT"
    if isinstance(failure, ssl.SSLError):
        return "TLS"
    return "AWAY"


_BEAT_SECONDS = 0.5
_AWAY_SECONDS = 0.5
_ALIVE_SECONDS = 5.0
_RECORDING_SECONDS = 1.0
_LATE_SECONDS = 2.0
_MOST_AGAIN = 60
_MOST_KEPT = 200
log = logging.getLogger("fanal.calls")


class CallsLoop:
    """The loop of one process that sends alarm calls. `clock` is injected, for tests.

    `number` identifies the process's heartbeat for the supervisor; it must be unique.
    """

    def __init__(self, *, clock: Callable[[], datetime], number: int | None = None) -> None:
        self._clock, self._actor = clock, system_actor("alarm")
        self._number, self._holder = number or _random(), 0
        self._senders, self._over = Senders(), list[CallSent]()
        self._later = list[AskedAgain]()
        self._alive_at = self._late_at = 0.0
        self._session: object = None
        self._reaches = bool(mail.current().url) and not mail.current().faults()
        self._children = (HoardingWatch(), *keepers(clock=clock, reaches=self._reaches))

    def run(self, stop: threading.Event) -> None:
        """Send calls until `stop` is set; while the database is unavailable, wait and retry."""
        try:
            while not stop.is_set():
                for child in self._children:
                    child.keep()
                try:
                    self.beat()
                    self._wait()
                except FAILURES as failure:
                    # Of a refused sign-in the server's words, such as a wrong password; of a statement none.
                    why = f": {' '.join(str(failure).split())}" if not connection.connection else ""
                    log.warning("database away: %s%s", type(failure).__name__, why)
                    # A working connection is kept: without free locks no new one can be opened.
                    connection.close_if_unusable_or_obsolete()
                    stop.wait(_AWAY_SECONDS)
        finally:
            self._senders.stop()
            for child in self._children:
                child.close()
            connection.close()

    def beat(self) -> None:
        """Run one iteration: collect outcomes, claim and send due calls, record, write a heartbeat.

        Raises:
            DatabaseError, InterfaceError, psycopg.Error: the database is unavailable.
        """
        self._over += self._senders.finished()
        if not self._holds():
            self._hold()
        # Before the first claim: a process without a mail server leaves the calls to this one.
        if time.monotonic() >= self._alive_at:
            self._show_alive()
            self._alive_at = time.monotonic() + _ALIVE_SECONDS
        self._claim()
        self._ask_again()
        self._record()

    def _holds(self) -> bool:
        """Return whether the database session is still the one with the settings and the lock of `_hold`.

        Django replaces a lost session silently.
        """
        return self._session is not None and connection.connection is self._session

    def _hold(self) -> None:
        sql.run(SESSION)
        # A new number each time: another session that waits for the old one's lock could block this process.
        self._holder = _random()
        orient.hold_caller(holder=self._holder)
        self._session, self._alive_at = connection.connection, 0.0

    def _claim(self) -> None:
        """Claim due calls from the outbox and send them: first attempts in all free places, others in half.

        A place is a child process. A process whose mail reaches nobody claims nothing while another one's
        mail does. Late calls (from a public node with very many) wait until the outcomes so far are
        recorded, for two seconds at most.
        """
        if not self._reaches and orient.others_reach(actor=self._actor):
            return
        now, started = self._clock(), time.monotonic()
        late = not self._over or started - self._late_at > _LATE_SECONDS
        self._late_at = started if late else self._late_at
        for again, most in ((False, PLACES), (True, PLACES // 2)):
            taken = self._senders.again if again else 0
            free = min(PLACES - len(self._senders), most - taken)
            if free <= 0:
                continue
            calls = orient.claim_calls(
                actor=self._actor,
                holder=self._holder,
                in_hand=[
                    call.id
                    for lot in (self._senders.calls, *(sent.lot for sent in self._over))
                    for call in lot
                ],
                most=max(1, free // 8) * LOT,
                again=again,
                late=late,
            )
            for lot in lots_of(calls, places=free):
                failpoint("send.begin")
                self._senders.start(lot, now=now)

    def _ask_again(self) -> None:
        """Send the due messages to addresses that were refused for now, while half of the places are free.

        A place is a child process.
        """
        for message in [m for m in self._later if m.due <= time.monotonic()]:
            if len(self._senders) >= PLACES // 2:
                return
            self._later.remove(message)
            self._senders.start(message.lot, now=self._clock(), again=message)

    def _keep_for_later(self, sent: CallSent) -> None:
        """Keep the addresses that a message (`sent`) did not reach, to try them again for about an hour.

        After too many attempts, or with too many messages kept, an error is logged instead.
        """
        before = sent.again
        to = sent.sent.later if sent.sent else before.to if before else ()
        attempts = before.attempts + 1 if before else 1
        if not to:
            return
        if attempts > _MOST_AGAIN or len(self._later) >= _MOST_KEPT:
            log.error("%d duty addresses were not reached, others were", len(to))
            return
        lost = bool(sent.sent and sent.sent.lost) or bool(before and before.lost)
        wait = wait_after(attempts=attempts, jitter=secrets.randbelow(1001) / 1000)
        due = time.monotonic() + wait.total_seconds()
        self._later.append(AskedAgain(lot=sent.lot, to=to, lost=lost, attempts=attempts, due=due))

    def _record(self) -> None:
        """Record outcomes for at most a second; the rest, and failed ones, remain for the next iteration."""
        until = time.monotonic() + _RECORDING_SECONDS
        while self._over and time.monotonic() < until:
            self._record_one(self._over[0])
            del self._over[0]

    def _record_one(self, sent: CallSent) -> None:
        now = self._clock()
        if sent.again is not None:
            if sent.sent is not None and not (sent.sent.later or sent.sent.lost or sent.again.lost):
                orient.record_reached(actor=self._actor, calls=sent.lot, now=now)
        elif sent.sent is not None:
            failpoint("send.sent")
            delivery = _DELIVERIES[sent.sent.reached]
            orient.record_delivery(actor=self._actor, calls=sent.lot, delivery=delivery, now=now)
        else:
            self._record_failure(sent, now)
        self._keep_for_later(sent)

    def _record_failure(self, sent: CallSent, now: datetime) -> None:
        first = sent.lot[0]
        log.error(
            "%d calls were not delivered (attempt %d): %s",
            *(len(sent.lot), first.attempts, sent.failure),
        )
        orient.record_failure(
            actor=self._actor,
            calls=sent.lot,
            failure=sent.failure,
            jitter=secrets.randbelow(1001) / 1000,
            now=now,
        )

    def _show_alive(self) -> None:
        """Write a heartbeat to the database; a failure to do so delays no call."""
        try:
            orient.show_alive(actor=self._actor, holder=self._number, reaches=self._reaches)
        except FAILURES as failure:
            log.warning("a sign of life is put off: %s", type(failure).__name__)

    def _wait(self) -> None:
        """Sleep until a child answers, at most half a second."""
        wait(self._senders.descriptors, timeout=_BEAT_SECONDS)


def _random() -> int:
    return secrets.randbelow(2**31 - 1) + 1
