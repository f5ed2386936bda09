"""The main loop of the calls: claim what is due, send it, record what became of it.

It looks twice a second and listens to nobody: a session that hears notifications drowns when a public node
sends a million of them, and nothing forbids it to. Whatever fails here fails alone: a
ledger that cannot be written, an escalation that waits for a lock or a database that is away delay no message
that is claimed already.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from datetime import datetime
from multiprocessing.connection import wait

import psycopg
from django.db import DatabaseError, InterfaceError, connection

from fanal.calls.sending import LOT, PLACES, Senders, Sent, lots_of
from fanal.db.hoarding import HoardingWatch
from fanal.kernel.actors import system_actor
from fanal.kernel.failpoints import failpoint
from fanal.orient import operations as orient

_BEAT_SECONDS = 0.5
_AWAY_SECONDS = 0.5
_ALIVE_SECONDS = 5.0
_FAILURES = (DatabaseError, InterfaceError, psycopg.Error)
_SESSION = "SET lock_timeout = '1s'; SET statement_timeout = '5s'"
log = logging.getLogger("fanal.calls")


class CallsLoop:
    """One process that calls. `clock` comes from the edge.

    `number` is the one that the supervisor reads its sign of life by; no two processes may share one.
    """

    def __init__(self, *, clock: Callable[[], datetime], number: int | None = None) -> None:
        self._clock, self._actor = clock, system_actor("alarm")
        self._number, self._holder = number or _random(), 0
        self._senders, self._over = Senders(), list[Sent]()
        self._hoarding = HoardingWatch()
        self._alive_at = 0.0
        self._session: object = None

    def run(self, stop: threading.Event) -> None:
        """Call until `stop` is set; a database that is away is waited for."""
        try:
            while not stop.is_set():
                self._hoarding.keep()
                try:
                    self.beat()
                    self._wait()
                except _FAILURES as failure:
                    log.warning("database away: %s", type(failure).__name__)
                    # One that works is kept: where locks have run out, no new one finds a place.
                    connection.close_if_unusable_or_obsolete()
                    stop.wait(_AWAY_SECONDS)
        finally:
            self._senders.stop()
            self._hoarding.close()
            connection.close()

    def beat(self) -> None:
        """Do what is due once.

        Raises:
            DatabaseError, InterfaceError, psycopg.Error: the database is away.
        """
        self._over += self._senders.finished()
        if not self._holds():
            self._hold()
        self._claim()
        self._record()
        now = self._clock()
        self._try(lambda: orient.end_answered(actor=self._actor))
        self._try(lambda: orient.escalate_alarms(actor=self._actor, now=now))
        self._try(lambda: orient.record_raised(actor=self._actor, now=now))
        if time.monotonic() >= self._alive_at:
            self._try(lambda: orient.show_alive(actor=self._actor, holder=self._number))
            self._alive_at = time.monotonic() + _ALIVE_SECONDS

    def _holds(self) -> bool:
        """Return whether the session is the one that was prepared: Django opens another one silently."""
        return self._session is not None and connection.connection is self._session

    def _hold(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_SESSION)
        # Another one each time: whoever waited for the lock of the last one would keep this process out.
        self._holder = _random()
        orient.hold_caller(holder=self._holder)
        self._session, self._alive_at = connection.connection, 0.0

    def _claim(self) -> None:
        """Start what is due: first attempts in every place that is free, others in half of them."""
        now = self._clock()
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
                most=max(1, free // 2) * LOT,
                again=again,
            )
            for lot in lots_of(calls, places=free):
                failpoint("send.begin")
                self._senders.start(lot, now=now)

    def _record(self) -> None:
        """Record the outcomes; what cannot be written is kept for the next look."""
        while self._over:
            self._record_one(self._over[0])
            del self._over[0]

    def _record_one(self, sent: Sent) -> None:
        now = self._clock()
        if sent.delivery is not None:
            failpoint("send.sent")
            orient.record_delivery(
                actor=self._actor, calls=sent.lot, delivery=sent.delivery, now=now
            )
            return
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

    @staticmethod
    def _try(step: Callable[[], object]) -> None:
        """Make a step that may wait: a lock held elsewhere keeps no call waiting."""
        try:
            step()
        except _FAILURES as failure:
            log.warning("put off: %s", type(failure).__name__)

    def _wait(self) -> None:
        """Sleep until a child answers, at most half a second."""
        wait(self._senders.descriptors, timeout=_BEAT_SECONDS)


def _random() -> int:
    return secrets.randbelow(2**31 - 1) + 1
