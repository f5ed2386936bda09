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
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from multiprocessing.connection import wait
from uuid import UUID

from django.db import connection

from fanal.calls.outbox import ANSWER_SECONDS, FAILURES, SESSION, database_now, keepers
from fanal.calls.people import Outcome
from fanal.calls.roster import Roster
from fanal.calls.sender import Sender
from fanal.calls.standing import Standing
from fanal.connectors import mail
from fanal.db import sql
from fanal.db.hoarding import HoardingWatch
from fanal.db.silence import SilenceTimer, watch_statements
from fanal.kernel.actors import system_actor
from fanal.kernel.failpoints import failpoint
from fanal.orient.alarms.operations import outbox as orient
from fanal.orient.domain.records import Call

_BEAT_SECONDS = 0.5
_AWAY_SECONDS = 0.5
_CONNECT_SECONDS = 4
"""Longest wait for a database connection. TCP repeats lost packets ever more rarely: a new one is faster."""
_ALIVE_SECONDS = 5.0
_RECORDING_SECONDS = 1.0
_LATE_SECONDS = 2.0
_OVERDUE_SECONDS = 1.0
"""Time for which a process whose message failed leaves a due call to other processes."""
log = logging.getLogger("fanal.calls")


class CallsLoop:
    """The main loop of a process that sends alarm calls (e-mails to the people on duty).

    `clock` is a parameter for tests. What the loop sends and records is dated by the database's clock: this
    machine's may be wrong. `number` identifies the process's heartbeat for the supervisor; it must be unique.
    """

    def __init__(self, *, clock: Callable[[], datetime], number: int | None = None) -> None:
        self._clock, self._actor = clock, system_actor("alarm")
        self._number, self._holder = number or _random(), 0
        self._sender, self._over = Sender(), list[Outcome]()
        self._alive_at = self._late_at = 0.0
        self._session: object = None
        self._ahead = timedelta(0)
        configured = bool(mail.current().url) and not mail.current().faults()
        self._standing, self._left = Standing(configured=configured), False
        self._roster = Roster(mail.current().duty)
        self._children = (HoardingWatch(), self._roster.reader, *keepers(reaches=configured))

    def run(self, stop: threading.Event) -> None:
        """Send alarm calls until `stop` is set; while the database is unavailable, wait and retry."""
        connection.settings_dict["OPTIONS"]["connect_timeout"] = _CONNECT_SECONDS
        try:
            with watch_statements(seconds=ANSWER_SECONDS) as timer:
                while not stop.is_set():
                    self._turn(stop, timer)
        finally:
            self._sender.stop()
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
        """Run one iteration of the loop: record outcomes, claim the due alarm calls, hand them to the sender.

        It also writes the heartbeat for the supervisor.

        Raises:
            DatabaseError, InterfaceError, psycopg.Error: the database is unavailable.
        """
        self._finish()
        self._sender.prepare()
        if not self._holds():
            self._hold()
        # Before the first claim: a process without a mail server leaves the calls to this one.
        if time.monotonic() >= self._alive_at:
            self._ahead = database_now() - self._clock()
            self._show_alive()
            self._alive_at = time.monotonic() + _ALIVE_SECONDS
        self._claim()
        self._record()

    def _finish(self) -> None:
        """Collect the outcomes of calls, and record whether this process can reach the people on duty.

        If that has changed, the next heartbeat is written at once, so that the other processes take over or
        stop.
        """
        reached = self._standing.reaches
        for works in self._sender.works():
            self._standing.answered(works=works)
        for outcome in self._sender.finished():
            self._over.append(outcome)
            if outcome.failure:
                self._standing.failed()
            else:
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
        """Claim due calls from the outbox and send them: first attempts, then others.

        While another process reaches the people on duty, one without mail server claims nothing, and one
        whose last message failed only calls that have been due for a second: the other may have died. When
        its mail server seems to work again, it claims one call at once. Late calls (from a public node with
        very many) wait until the outcomes so far are recorded, for two seconds at most.
        """
        self._left = not self._standing.reaches and self._others_reach()
        if self._left and not self._standing.configured:
            return
        if self._left and self._standing.is_to_ask():
            self._sender.ask()
        tries = self._left and self._standing.may_try and not self._sender.calls
        now, started = self._now(), time.monotonic()
        late = not self._over or started - self._late_at > _LATE_SECONDS
        self._late_at = started if late else self._late_at
        for again in (False, True):
            if not self._sender.room or (tries and self._sender.calls):
                break
            calls = orient.claim_calls(
                actor=self._actor,
                holder=self._holder,
                in_hand=list(self._in_hand()),
                most=1 if tries else self._sender.room,
                again=again,
                late=late,
                overdue=_OVERDUE_SECONDS if self._left and not tries else 0.0,
            )
            if calls:
                failpoint("send.begin")
                self._sender.start(self._roster.address(calls, now=now), now=now)

    def _in_hand(self) -> set[UUID]:
        """Return the ids of the calls in transit, and of those whose outcome is not recorded yet."""
        return {*self._sender.calls, *(outcome.call.id for outcome in self._over)}

    def _others_reach(self) -> bool:
        """Return whether another process reaches the people on duty; False if that cannot be read.

        For a process without a mail server, another process whose last message failed counts as well: it
        continues to try.
        """
        or_fail = not self._standing.configured
        try:
            return orient.others_reach(actor=self._actor, holder=self._number, or_fail=or_fail)
        except FAILURES as failure:
            log.warning("the other signs of life are not read: %s", type(failure).__name__)
            return False

    def _record(self) -> None:
        """Record outcomes for at most a second; the rest, and failed ones, remain for the next iteration."""
        until = time.monotonic() + _RECORDING_SECONDS
        while self._over and time.monotonic() < until:
            first = self._over[0]
            same = list(takewhile(partial(_are_alike, first), self._over))
            self._record_same(first, [outcome.call for outcome in same])
            del self._over[: len(same)]

    def _record_same(self, first: Outcome, calls: Sequence[Call]) -> None:
        now = self._now()
        if first.later:
            orient.record_reached(actor=self._actor, calls=calls, now=now)
        elif first.delivery:
            failpoint("send.sent")
            orient.record_delivery(actor=self._actor, calls=calls, delivery=first.delivery, now=now)
        else:
            log.error(
                "%d calls were not delivered (attempt %d): %s",
                *(len(calls), calls[0].attempts, first.failure),
            )
            orient.record_failure(
                actor=self._actor,
                calls=calls,
                failure=first.failure,
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
        wait(self._sender.descriptors, timeout=_BEAT_SECONDS)


def _are_alike(one: Outcome, other: Outcome) -> bool:
    """Return whether two outcomes can be recorded in one statement."""
    return (one.delivery, one.later, one.failure) == (other.delivery, other.later, other.failure)


def _random() -> int:
    return secrets.randbelow(2**31 - 1) + 1
