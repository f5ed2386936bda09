"""Maintenance of the outbox of calls, in a child process next to the sending loop.

Each step may take seconds during a flood from a public node, and must not delay due messages. Late calls (not
queued when their alarm was raised) are queued before every other step, because children depend on them.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from itertools import cycle
from typing import Final

import psycopg
from django.db import DatabaseError, InterfaceError, connection

from fanal.db import sql
from fanal.db.child import KeptChild
from fanal.kernel.actors import system_actor
from fanal.orient import operations as orient

FAILURES: Final = (DatabaseError, InterfaceError, psycopg.Error)
SESSION: Final = "SET lock_timeout = '1s'; SET statement_timeout = '5s'"
_BEAT_SECONDS = 0.25
_SILENT_SECONDS = 20.0
"""Above a beat's two statement timeouts and one connection."""
log = logging.getLogger("fanal.calls")


def keeper(*, clock: Callable[[], datetime]) -> KeptChild:
    """Return the supervised child process that maintains the outbox."""
    return KeptChild(
        lambda: Outbox(clock=clock).beat,
        every=_BEAT_SECONDS,
        task="queues late calls",
        log=log,
        silent=_SILENT_SECONDS,
    )


class Outbox:
    """The maintenance steps of the outbox; each may fail independently."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock, self._actor = clock, system_actor("alarm")
        self._session: object = None
        self._steps = cycle((self._end_answered, self._escalate, self._record_raised))

    def beat(self) -> None:
        """Queue late calls, then run the next of the other steps; after a failure the next beat goes on."""
        step = next(self._steps)
        self._try("queue_late", self._queue_late)
        self._try(step.__name__.removeprefix("_"), step)

    def _try(self, name: str, step: Callable[[], object]) -> None:
        try:
            self._prepare()
            step()
        except FAILURES as failure:
            log.warning("%s is put off: %s", name, type(failure).__name__)
            # A working connection is kept: without free locks no new one can be opened.
            connection.close_if_unusable_or_obsolete()

    def _prepare(self) -> None:
        """Set the timeouts of a session that Django has opened silently."""
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
