"""The main loop of the alarm calls: claim the due calls, send them as e-mail, record the outcomes.

A call is an e-mail to the people on duty about a child in danger, stored in an outbox that is polled twice a
second. LISTEN/NOTIFY would be overwhelmed if a public node sent a million notifications, which no privilege
forbids. Failures are independent: an unwritable ledger or an unavailable database delays no call already
claimed. Work that may be slow in a flood (late calls, escalations, ledger entries of raised alarms) runs in
another process (`outbox`).
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing.connection import wait
from typing import Final
from uuid import UUID

from django.db import connection

from fanal.calls.outbox import ANSWER_SECONDS, FAILURES, SESSION, database_now, keepers
from fanal.calls.senders import LOT, PLACES, AskedAgain, CallSent, Senders, lots_of
from fanal.calls.standing import Standing
from fanal.connectors import mail
from fanal.db import sql
from fanal.db.hoarding import HoardingWatch
from fanal.db.silence import SilenceTimer, watch_statements
from fanal.kernel.actors import system_actor
from fanal.kernel.failpoints import failpoint
from fanal.orient.alarms.operations import outbox as orient
from fanal.orient.domain.clocks import MOST_COPIES, UNCONFIRMED, Delivery, wait_after
from fanal.orient.domain.records import Call

_DELIVERIES: Final = {
    mail.Reached.ALL: Delivery.SENT,
    mail.Reached.SOME: Delivery.PARTLY,
    mail.Reached.NOBODY: Delivery.LEFT,
}

_BEAT_SECONDS = 0.5
_AWAY_SECONDS = 0.5
_CONNECT_SECONDS = 4
"""Longest wait for a connection: a longer one would send its next packet long after the network is back."""
_ALIVE_SECONDS = 5.0
_RECORDING_SECONDS = 1.0
_LATE_SECONDS = 2.0
_OVERDUE_SECONDS = 1.0
"""Time that a due call waits for a process whose messages arrive before one whose message failed takes it."""
_MOST_AGAIN = 60
_MOST_KEPT = 200
_MOST_ASKING = 2
"""Messages in transit at once to addresses that an earlier one did not reach."""
_ALL_EVERY = 3
"""Each third attempt of a call goes to all people on duty, also to those whom the last message missed."""
log = logging.getLogger("fanal.calls")


class CallsLoop:
    """The loop of a process sending alarm calls (e-mails to people on duty). `clock` is injected, for tests.

    What it sends and records is dated by the database's clock: this machine's may be wrong. `number`
    identifies the process's heartbeat for the supervisor; it must be unique.
    """

    def __init__(self, *, clock: Callable[[], datetime], number: int | None = None) -> None:
        self._clock, self._actor = clock, system_actor("alarm")
        self._number, self._holder = number or _random(), 0
        self._senders, self._over, self._early = Senders(), list[CallSent](), list[CallSent]()
        self._later = list[AskedAgain]()
        self._alive_at = self._late_at = 0.0
        self._session: object = None
        self._ahead = timedelta(0)
        configured = bool(mail.current().url) and not mail.current().faults()
        self._standing, self._left = Standing(configured=configured), False
        self._children = (HoardingWatch(), *keepers(reaches=configured))

    def run(self, stop: threading.Event) -> None:
        """Send alarm calls until `stop` is set; while the database is unavailable, wait and retry."""
        connection.settings_dict["OPTIONS"]["connect_timeout"] = _CONNECT_SECONDS
        try:
            with watch_statements(seconds=ANSWER_SECONDS) as timer:
                while not stop.is_set():
                    self._turn(stop, timer)
        finally:
            self._senders.stop()
            for child in self._children:
                child.close()

    def _turn(self, stop: threading.Event, timer: SilenceTimer) -> None:
        """Restart dead child processes, run one iteration (`beat`), and wait for the next.

        While the database is unavailable, the wait is longer, and the connection is opened again. `timer`
        closes a session whose server has fallen silent.
        """
        for child in self._children:
            child.keep()
        try:
            self.beat()
            timer.rest()
            self._wait()
        except FAILURES as failure:
            timer.start()
            # Of a refused sign-in the server's words, such as a wrong password; of a statement none.
            why = f": {' '.join(str(failure).split())}" if not connection.connection else ""
            log.warning("database away: %s%s", type(failure).__name__, why)
            # A working connection is kept: without free locks no new one can be opened.
            connection.close_if_unusable_or_obsolete()
            timer.rest()
            stop.wait(_AWAY_SECONDS)
            connection.close()

    def beat(self) -> None:
        """Run one iteration: collect outcomes, claim and send due alarm calls, record, write a heartbeat.

        Raises:
            DatabaseError, InterfaceError, psycopg.Error: the database is unavailable.
        """
        self._finish()
        if not self._holds():
            self._hold()
        # Before the first claim: a process without a mail server leaves the calls to this one.
        if time.monotonic() >= self._alive_at:
            self._ahead = database_now() - self._clock()
            self._show_alive()
            self._alive_at = time.monotonic() + _ALIVE_SECONDS
        self._claim()
        self._ask_again()
        self._record()

    def _finish(self) -> None:
        """Collect the outcomes of completed messages; note whether this process reaches the people on duty.

        If that changes, the next heartbeat is written at once, so that the other processes take over or stop.
        A message to the addresses that an earlier one did not reach says nothing about the mail server.
        """
        reached = self._standing.reaches
        self._over += self._early
        self._early = []
        for sent in self._senders.finished():
            if not sent.lot:
                self._standing.answered(works=not sent.failure)
                continue
            self._over.append(sent)
            if sent.again is None and sent.failure:
                self._standing.failed()
            elif sent.again is None:
                self._standing.delivered()
        if self._standing.reaches is not reached:
            self._alive_at = 0.0
            log.warning(
                "messages are accepted again"
                if self._standing.reaches
                else "messages fail: calls are left to another process whose messages arrive, if one does"
            )

    def _holds(self) -> bool:
        """Return whether this is still the database session that `_hold` prepared (settings, advisory lock).

        Django replaces a lost session silently.
        """
        return self._session is not None and connection.connection is self._session

    def _hold(self) -> None:
        sql.run(SESSION)
        # A new number each time: another session that waits for the old one's lock could block this process.
        before, self._holder = self._holder, _random()
        orient.hold_caller(holder=self._holder, before=before)
        self._session, self._alive_at = connection.connection, 0.0

    def _claim(self) -> None:
        """Claim due calls from the outbox and send them: first attempts in all free places, others in half.

        A place is a child process. While another process reaches the people on duty, one without mail server
        claims nothing, and one whose last message failed only calls that have been due for a second: the
        other may have died. When its mail server seems to work again, it claims one call at once. Late calls
        (from a public node with very many) wait until the outcomes so far are recorded, for two seconds at
        most.
        """
        self._left = not self._standing.reaches and self._others_reach()
        if self._left and not self._standing.configured:
            return
        if self._left and self._standing.is_to_ask():
            self._senders.start((), now=self._now())
        tries = self._left and self._standing.may_try and not self._senders
        now, started = self._now(), time.monotonic()
        late = not self._over or started - self._late_at > _LATE_SECONDS
        self._late_at = started if late else self._late_at
        for again, most in ((False, PLACES), (True, 0 if tries else PLACES // 2)):
            taken = self._senders.again if again else 0
            free = min(PLACES - len(self._senders), most - taken)
            if free <= 0:
                continue
            calls = orient.claim_calls(
                actor=self._actor,
                holder=self._holder,
                in_hand=list(self._in_hand()),
                most=1 if tries else max(1, free // 8) * LOT,
                again=again,
                late=late,
                overdue=_OVERDUE_SECONDS if self._left and not tries else 0.0,
            )
            missed = self._not_reached()
            for lot in lots_of(calls, places=free):
                failpoint("send.begin")
                left_out = missed if lot[0].attempts % _ALL_EVERY else ()
                self._senders.start(lot, now=now, left_out=left_out)
                if left_out:
                    self._ask_left_out(lot, left_out)

    def _ask_left_out(self, lot: Sequence[Call], left_out: Sequence[str]) -> None:
        """Keep a message, due at once, to the addresses that the message for the calls of `lot` left out.

        Not for calls of which such a message waits, or is in transit, since an earlier attempt.
        """
        asked = {call.id for one in (*self._later, *self._senders.asking) for call in one.lot}
        new = tuple(call for call in lot if call.id not in asked)
        if new:
            self._keep(
                AskedAgain(
                    lot=new,
                    to=tuple(sorted(left_out)),
                    lost=False,
                    attempts=1,
                    due=time.monotonic(),
                    failure="",
                )
            )

    def _in_hand(self) -> set[UUID]:
        """Return the ids of the calls in transit, and of those whose outcome is not recorded yet."""
        over = [call for sent in self._over if not sent.again for call in sent.lot]
        return {call.id for call in (*self._senders.calls, *over)}

    def _not_reached(self) -> list[str]:
        """Return the duty addresses that the last message did not reach; none if that holds for all.

        A call goes to the others: sessions that wait for these addresses would occupy the mail server. They
        are asked in a message of their own at the same time.
        """
        missed = {to for message in (*self._later, *self._senders.asking) for to in message.to}
        duty = mail.current().duty
        return [to for to in duty if to in missed] if not missed.issuperset(duty) else []

    def _others_reach(self) -> bool:
        """Return whether another process reaches the people on duty; False if that cannot be read.

        For a process without mail server one whose last message failed counts too: it goes on trying.
        """
        or_fail = not self._standing.configured
        try:
            return orient.others_reach(actor=self._actor, holder=self._number, or_fail=or_fail)
        except FAILURES as failure:
            log.warning("the other signs of life are not read: %s", type(failure).__name__)
            return False

    def _ask_again(self) -> None:
        """Send the due messages to addresses that were refused for now, two at a time.

        They also wait while half of the places (child processes) are taken.
        """
        for message in [m for m in self._later if m.due <= time.monotonic()]:
            if len(self._senders) >= PLACES // 2 or len(self._senders.asking) >= _MOST_ASKING:
                return
            self._later.remove(message)
            self._senders.start(message.lot, now=self._now(), again=message)

    def _keep_for_later(self, sent: CallSent) -> None:
        """Keep the addresses that a message (`sent`) did not reach, to try them again for about an hour.

        After too many attempts, or with too many messages kept, an error is logged instead.
        """
        before = sent.again
        to = sent.sent.later if sent.sent else before.to if before else ()
        attempts = before.attempts + 1 if before else 1
        if not to:
            return
        unconfirmed = sent.failure == UNCONFIRMED
        most = MOST_COPIES if unconfirmed else _MOST_AGAIN
        if attempts > most or len(self._later) >= _MOST_KEPT:
            log.error("%d duty addresses were not reached, others were", len(to))
            return
        lost = bool(sent.sent and sent.sent.lost) or bool(before and before.lost)
        jitter = secrets.randbelow(1001) / 1000
        wait = wait_after(attempts=attempts, jitter=jitter, unconfirmed=unconfirmed)
        self._keep(
            AskedAgain(
                lot=sent.lot,
                to=tuple(sorted(to)),
                lost=lost,
                attempts=attempts,
                due=time.monotonic() + wait.total_seconds(),
                failure=sent.failure,
            )
        )

    def _keep(self, kept: AskedAgain) -> None:
        """Keep a message to try again; with one to the same addresses it becomes one."""
        same = next((m for m in self._later if _are_one(m, kept)), None)
        if same:
            self._later.remove(same)
            kept = replace(
                kept,
                lot=(*same.lot, *kept.lot),
                attempts=min(same.attempts, kept.attempts),
                due=min(same.due, kept.due),
            )
        self._later.append(kept)

    def _record(self) -> None:
        """Record outcomes for at most a second; the rest, and failed ones, remain for the next iteration."""
        until = time.monotonic() + _RECORDING_SECONDS
        while self._over and time.monotonic() < until:
            self._record_one(self._over[0])
            del self._over[0]

    def _record_one(self, sent: CallSent) -> None:
        now = self._now()
        if sent.again is not None:
            if not self._in_hand().isdisjoint(call.id for call in sent.lot):
                self._early.append(sent)  # the outcome of the message to the others comes first
                return
            if sent.sent is not None and not (sent.sent.later or sent.sent.lost or sent.again.lost):
                orient.record_reached(actor=self._actor, calls=sent.lot, now=now)
        elif sent.sent is not None:
            failpoint("send.sent")
            reached = mail.Reached.SOME if sent.left_out else sent.sent.reached
            delivery = _DELIVERIES[reached]
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
            at_once=self._left,
        )

    def _show_alive(self) -> None:
        """Write a heartbeat to the database; a failure to do so delays no alarm call."""
        try:
            orient.show_alive(
                actor=self._actor,
                holder=self._number,
                reaches=self._standing.reaches,
                has_server=self._standing.configured,
            )
        except FAILURES as failure:
            log.warning("a sign of life is put off: %s", type(failure).__name__)

    def _now(self) -> datetime:
        return self._clock() + self._ahead

    def _wait(self) -> None:
        """Sleep until a child answers, at most half a second."""
        wait(self._senders.descriptors, timeout=_BEAT_SECONDS)


def _are_one(one: AskedAgain, other: AskedAgain) -> bool:
    """Return whether two messages to try again can be one: the same addresses, and few enough calls."""
    same = (one.to, one.lost) == (other.to, other.lost)
    return same and len(one.lot) + len(other.lot) <= LOT


def _random() -> int:
    return secrets.randbelow(2**31 - 1) + 1
