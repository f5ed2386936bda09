"""The worker's main loop: stages, the ledger's sequencer and checkpoints, alarms.

These run here and not as jobs, since they must be prompt: an entry is numbered within a second, an
alarm is out within ten.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import DatabaseError, connection

from fanal.kernel.actors import system_actor
from fanal.ledger import operations as ledger
from fanal.worker.alarms import run_alarms
from fanal.worker.stages import StageLoop

CHECKPOINT_EVERY = timedelta(seconds=60)
ALARMS_EVERY = timedelta(seconds=2)
_IDLE_SECONDS = 0.5
_AWAY_SECONDS = 1.0
log = logging.getLogger("fanal.worker")


class WorkerLoop:
    """One worker. `clock` and `sleep` come from the edge."""

    def __init__(self, *, clock: Callable[[], datetime], sleep: Callable[[float], None]) -> None:
        self._clock, self._sleep = clock, sleep
        self._stages = StageLoop(actor=system_actor("pipeline"), clock=clock)
        self._checkpoint_at = self._alarms_at = clock()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; a database that is away is waited for."""
        while not stop.is_set():
            try:
                if not self.beat():
                    self._wait()
            except DatabaseError as failure:
                log.warning("database away: %s", type(failure).__name__)
                connection.close()
                self._sleep(_AWAY_SECONDS)

    def beat(self) -> int:
        """Do what is due once; return how many reports moved."""
        moved = self._stages.run_once()
        now = self._clock()
        ledger.sequence_pending(now=now)
        if now >= self._alarms_at:
            run_alarms(now=now)
            self._alarms_at = now + ALARMS_EVERY
        if now >= self._checkpoint_at:
            ledger.sign_checkpoint(now=now)
            self._checkpoint_at = now + CHECKPOINT_EVERY
        return moved

    def _wait(self) -> None:
        """Sleep until somebody deposits, at most half a second."""
        with connection.cursor() as cursor:
            cursor.execute("LISTEN fanal_work")
        for _ in connection.connection.notifies(timeout=_IDLE_SECONDS, stop_after=1):
            return
