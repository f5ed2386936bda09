"""Keeps the outbox of calls in order, in a child process beside the loop that sends.

What is done here may take seconds each time, behind a flood that a public node tells of: it keeps no message
waiting that is due already. Late calls are queued again before each other step, since children wait for them.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

import psycopg
from django.db import DatabaseError, InterfaceError, connection

from fanal.db import sql
from fanal.db.child import KeptChild
from fanal.kernel.actors import system_actor
from fanal.orient import operations as orient

FAILURES: Final = (DatabaseError, InterfaceError, psycopg.Error)
SESSION: Final = "SET lock_timeout = '1s'; SET statement_timeout = '5s'"
_BEAT_SECONDS = 0.5
log = logging.getLogger("fanal.calls")


def keeper(*, clock: Callable[[], datetime]) -> KeptChild:
    """Return who keeps the outbox, in a child process with a session of its own."""
    return KeptChild(
        lambda: Outbox(clock=clock).beat, every=_BEAT_SECONDS, task="queues late calls", log=log
    )


class Outbox:
    """What the outbox needs beside the sending of what is due: one step after another, each failing alone."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock, self._actor = clock, system_actor("alarm")
        self._session: object = None

    def beat(self) -> None:
        """Do what is due once; a database that is away is waited for by the next beat."""
        for step in (self._end_answered, self._escalate, self._record_raised):
            self._try("queue_late", self._queue_late)
            self._try(step.__name__.removeprefix("_"), step)

    def _try(self, name: str, step: Callable[[], object]) -> None:
        try:
            self._prepare()
            step()
        except FAILURES as failure:
            log.warning("%s is put off: %s", name, type(failure).__name__)
            # One that works is kept: where locks have run out, no new one finds a place.
            connection.close_if_unusable_or_obsolete()

    def _prepare(self) -> None:
        """Set the bounds of a session that Django has opened silently."""
        if self._session is None or connection.connection is not self._session:
            sql.run(SESSION)
            self._session = connection.connection

    def _queue_late(self) -> None:
        orient.queue_late(actor=self._actor)

    def _end_answered(self) -> None:
        orient.end_answered(actor=self._actor)

    def _escalate(self) -> None:
        orient.escalate_alarms(actor=self._actor, now=self._clock())

    def _record_raised(self) -> None:
        orient.record_raised(actor=self._actor, now=self._clock())
