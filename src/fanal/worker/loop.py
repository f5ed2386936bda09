"""The worker's main loop: processing stages, ledger sequencer and checkpoints.

These run here rather than as jobs because they must be prompt: a ledger entry is numbered within a second.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from time import perf_counter
from uuid import uuid4

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from fanal import pipeline, trials
from fanal.analyse.priority.operations import load_shipped
from fanal.analyse.signals.operations.readers import store_shipped
from fanal.analyse.signals.queries import list_readers
from fanal.crosscheck.similar.operations.near import AT_ONCE as NEAR_AT_ONCE
from fanal.db import agreement
from fanal.kernel.actors import system_actor
from fanal.ledger import operations as ledger, signer
from fanal.worker.stages import StageLoop, unwatched
from fanal.worker.watch import NEAR, Watch

CHECKPOINT_EVERY = timedelta(seconds=60)
NEAR_AGAIN = timedelta(minutes=5)
"""Pause after a failure in the search for similar reports."""
TEXTS_AGAIN = timedelta(minutes=5)
"""Pause after a failure to read a text: the next ones may fail alike, and each has two attempts."""
_IDLE_SECONDS = 0.5
_NEAR_SECONDS = 0.5
_AWAY_SECONDS = 1.0
log = logging.getLogger("fanal.worker")


class WorkerLoop:
    """The main loop of one worker process.

    `watch` is the supervisor that kills the worker when a step takes too long (`Watch`). `clock` returns the
    present time, `sleep` waits for seconds; both can be replaced in tests.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        watch: Watch | None = None,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._watched = watch.step if watch else unwatched
        self._stages = StageLoop(
            actor=system_actor("pipeline"),
            clock=clock,
            between=self._keep_time,
            watched=self._watched,
        )
        self._watch = watch
        self._stop = threading.Event()
        self._checkpoint_at = self._near_at = self._texts_at = clock()
        self._near_size = NEAR_AT_ONCE
        self._rules_stored = False
        self._disagreed: frozenset[agreement.Disagreement] = frozenset()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; while the database is unavailable, wait and retry."""
        self._stop = stop
        while not stop.is_set():
            self._show_life()
            try:
                if self._disagrees():
                    self._sleep(_AWAY_SECONDS)
                elif not (
                    self.beat() or self._read_text() or self._renew_reader() or self._look_around()
                ):
                    self._wait()
            except (DatabaseError, InterfaceError, psycopg.Error) as failure:
                log.warning("database away: %s", type(failure).__name__)
                connection.close()
                self._sleep(_AWAY_SECONDS)

    def _disagrees(self) -> bool:
        """Return whether clock or schema disagree with the database, in which case no work is done.

        A change is logged.
        """
        parts = agreement.renew()
        if parts != self._disagreed:
            self._disagreed = parts
            log.warning("%s", f"waits: {agreement.words(parts)}" if parts else "works again")
        return bool(parts)

    def beat(self) -> int:
        """Run one iteration of the worker loop; return the number of reports claimed, 0 when none waits.

        The iteration numbers pending ledger entries, signs a checkpoint when one is due, and carries one
        batch through the stages. The first iteration also stores the shipped priority rules, and the shipped
        text reader where a desk has versions of its own.
        """
        if not self._rules_stored:
            load_shipped(actor=system_actor("install"), now=self._clock())
            if list_readers():
                store_shipped(now=self._clock())
            self._rules_stored = True
        self._keep_time()
        moved = self._stages.run_once()
        self._keep_time()
        return moved

    def _read_text(self) -> int:
        """Let the trained text model read the next waiting text; return how many were read, 0 or 1.

        Called when no report waits for a stage. 0 too after a failure, when reading pauses. Each text has a
        lease of its own: a text that ends the worker delays no other, nor the search for similar reports.
        """
        now, token = self._clock(), uuid4()
        if now < self._texts_at:
            return 0
        try:
            with self._watched(token, 1):
                return pipeline.read_later(token=token, now=now)
        except (OperationalError, InterfaceError):
            raise  # no database
        except Exception as failure:  # noqa: BLE001 - the phrases' analysis stands
            log.error("texts wait: %s", type(failure).__name__)
            self._texts_at = now + TEXTS_AGAIN
            return 0

    def _renew_reader(self) -> bool:
        """Continue the work that a new version of the text model causes; return whether any was done.

        After its activation, the texts of waiting reports are queued to be read again, a portion at a time;
        after its proposal, the next portion of its dry run on past reports is made. After a failure, and
        during the pause that follows it, the result is False although work waits.
        """
        now = self._clock()
        if now < self._texts_at:
            return False
        try:
            with self._watched(uuid4(), 1):
                return pipeline.continue_reread(now=now) or trials.continue_reader_trial(now=now)
        except (OperationalError, InterfaceError):
            raise  # no database
        except Exception as failure:  # noqa: BLE001 - the version in force reads on
            log.error("the dry run of a text reader waits: %s", type(failure).__name__)
            self._texts_at = now + TEXTS_AGAIN
            return False

    def _look_around(self) -> int:
        """Search for reports similar to those linked recently; return how many reports were looked up.

        This has the lowest priority: it runs only when nothing else waits, and pauses after a failure (0).
        """
        now = self._clock()
        if now < self._near_at:
            return 0
        started, most = perf_counter(), self._near_size
        try:
            with self._watched(NEAR, most):
                looked = pipeline.find_similar(now=now, most=most)
        except (OperationalError, InterfaceError):
            raise  # no database
        except Exception as failure:  # noqa: BLE001 - suggestions may wait, reports may not
            log.error("similar reports wait: %s", type(failure).__name__)
            self._near_at = now + NEAR_AGAIN
            return 0
        # Urgent reports wait for one portion: it stays short, however much there is to compare.
        if perf_counter() - started > _NEAR_SECONDS:
            self._near_size = max(1, self._near_size // 2)
        elif looked == self._near_size < NEAR_AT_ONCE:
            self._near_size += 1
        return looked

    def _keep_time(self) -> bool:
        """Show a sign of life, number pending ledger entries, and sign a checkpoint when due.

        Called between the steps of a batch too; returns False after a request to stop.
        """
        self._show_life()
        now = self._clock()
        ledger.sequence_pending(now=now)
        if now >= self._checkpoint_at:
            self._checkpoint_at = now + CHECKPOINT_EVERY
            self._sign(now)
        return not self._stop.is_set()

    def _show_life(self) -> None:
        if self._watch is not None:
            self._watch.keep()

    @staticmethod
    def _sign(now: datetime) -> None:
        """Sign a checkpoint of the ledger; a missing key or failed write is logged and delays no report."""
        try:
            ledger.sign_checkpoint(now=now)
        except (OSError, signer.SignerMissing) as failure:
            log.error("no checkpoint: %s", type(failure).__name__)

    def _wait(self) -> None:
        """Sleep half a second. LISTEN/NOTIFY would be overwhelmed by the traffic of a public node."""
        self._stop.wait(_IDLE_SECONDS)
