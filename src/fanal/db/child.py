"""A child process that works beside its parent, over a session of the database of its own."""

import logging
import os
import signal
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Final

from django.db import connections

from fanal.kernel.parent import die_with_parent

_FORK: Final = get_context("fork")
_SILENT_SECONDS = 60.0
"""After which a child that gave no sign is killed, and another one started."""


class KeptChild:
    """Keeps a child process that does one thing again and again, whatever its parent waits for meanwhile.

    Args:
        begin: called in the child; returns what is done at each beat.
        every: seconds between two beats.
        task: what the child does, for the log.
        log: of whom the child is.
    """

    def __init__(
        self,
        begin: Callable[[], Callable[[], None]],
        *,
        every: float,
        task: str,
        log: logging.Logger,
    ) -> None:
        self._begin, self._every, self._task, self._log = begin, every, task, log
        self._child: BaseProcess | None = None
        self._seen_at = _FORK.Value("d", 0.0, lock=False)

    @property
    def alive(self) -> bool:
        """Return whether the child is."""
        return self._child is not None and self._child.is_alive()

    def keep(self) -> None:
        """Start a child where none is alive, or the one that is has been silent for a minute.

        Where none can be had, the next look tries again.
        """
        if self.alive and time.monotonic() - self._seen_at.value < _SILENT_SECONDS:
            return
        self.close()
        self._seen_at.value = time.monotonic()
        child = _FORK.Process(target=self._work, args=(os.getpid(),), daemon=True)
        try:
            child.start()
        except OSError as failure:
            self._log.critical("nobody %s: %s", self._task, failure.strerror)
            return
        self._child = child

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.join()
        self._child = None

    def _work(self, parent: int) -> None:
        """Work until the parent is gone."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent()
        # Kept as it is: closed, it would say goodbye to the database in the parent's name.
        self._inherited = connections["default"]
        del connections["default"]
        try:
            beat = self._begin()
            while os.getppid() == parent:
                self._seen_at.value = time.monotonic()
                beat()
                time.sleep(self._every)
        except Exception as failure:  # noqa: BLE001 - the parent starts the next one; nobody else would tell
            self._log.critical("who %s ended: %s", self._task, type(failure).__name__)
        finally:
            os._exit(0)
