"""Maintenance of the outbox of alarm calls (e-mails), in two child processes next to the sending loop.

Each step may take seconds during a flood from a public node, and must not delay due messages. One process
queues late calls (not queued when their alarm was raised), because children depend on them; the other does
the rest.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import cycle
from typing import Final

import psycopg
from django.db import DatabaseError, InterfaceError, connection

from fanal.db import sql
from fanal.db.child import KeptChild
from fanal.db.silence import watch_statements
from fanal.kernel.actors import system_actor
from fanal.orient.alarms.operations.alarms import escalate_alarms, record_raised
from fanal.orient.alarms.operations.outbox import BY_KEY, end_answered, queue_late, requeue_left

FAILURES: Final = (DatabaseError, InterfaceError, psycopg.Error)
SESSION: Final = "SET lock_timeout = '1s'; SET statement_timeout = '5s'; " + BY_KEY.format(
    "", "", ""
)
_BEAT_SECONDS = 0.25
ANSWER_SECONDS: Final = 6.5
"""Seconds without an answer after which a session is closed: above the timeout of a statement."""
_SILENT_SECONDS = 20.0
"""Seconds of silence after which a child is replaced: above a beat's two timeouts and a connection."""
log = logging.getLogger("fanal.calls")


def keepers(*, reaches: bool) -> tuple[KeptChild, KeptChild]:
    """Return the two supervised child processes that maintain the outbox: for late calls, and for the rest.

    `reaches`: mail sent from this machine reaches people; only then are calls queued again that a process
    without mail server wrote into a folder. The time is the database's: this machine's clock may be wrong.
    """
    actor = system_actor("alarm")
    late = {"queue_late": lambda: queue_late(actor=actor)}
    rest = {
        "end_answered": lambda: end_answered(actor=actor),
        "escalate": lambda: escalate_alarms(actor=actor, now=database_now()),
        "record_raised": lambda: record_raised(actor=actor, now=database_now()),
    }
    if reaches:
        rest["requeue_left"] = lambda: requeue_left(actor=actor)
    return _kept("queues late calls", late), _kept("keeps the outbox of calls", rest)


def database_now() -> datetime:
    """Return the time of the database's clock."""
    now: datetime = sql.one("SELECT clock_timestamp()")[0]
    return now


def _kept(task: str, steps: Mapping[str, Callable[[], object]]) -> KeptChild:
    def begin() -> Callable[[], None]:
        outbox = Outbox(steps)

        def beat() -> None:
            with watch_statements(seconds=ANSWER_SECONDS):
                outbox.beat()

        return beat

    return KeptChild(
        begin,
        every=_BEAT_SECONDS,
        task=task,
        log=log,
        silent=_SILENT_SECONDS,
    )


class Outbox:
    """Maintenance of the outbox of alarm calls (e-mails): a cycle of steps, one at each beat.

    `steps` maps the name of a step (for the log) to its function. A step that fails does not stop the others.
    """

    def __init__(self, steps: Mapping[str, Callable[[], object]]) -> None:
        self._steps = cycle(steps.items())
        self._session: object = None

    def beat(self) -> None:
        """Run the next maintenance step of the cycle; a failure is logged and stops no later step."""
        name, step = next(self._steps)
        try:
            self._prepare()
            step()
        except FAILURES as failure:
            log.warning("%s is put off: %s", name, type(failure).__name__)
            # A working connection is kept: without free locks no new one can be opened.
            connection.close_if_unusable_or_obsolete()

    def _prepare(self) -> None:
        """Set the timeouts of the database session, if Django has silently opened a new one."""
        if self._session is None or connection.connection is not self._session:
            sql.run(SESSION)
            self._session = connection.connection
