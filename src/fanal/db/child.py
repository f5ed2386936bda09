"""A supervised child process with a database session of its own."""

import logging
import math
import os
import signal
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Final

from django.db import connections

from fanal.kernel.process import die_with_parent, take_own_share

_FORK: Final = get_context("fork")


class KeptChild:
    """Supervises a child process that repeats one task, independently of what blocks its parent.

    The parent must call `keep` regularly: it restarts a child that ended or hangs.

    Args:
        begin: called once in the child; returns the function that performs the task once.
        every: pause, in seconds, between two calls of that function.
        task: the child's task, for the log.
        log: the logger of the child's failures.
        silent: seconds without a finished call (heartbeat) after which the child is killed and replaced; by
            default never.
    """

    def __init__(
        self,
        begin: Callable[[], Callable[[], None]],
        *,
        every: float,
        task: str,
        log: logging.Logger,
        silent: float = math.inf,
    ) -> None:
        self._silent = silent
        self._begin, self._every, self._task, self._log = begin, every, task, log
        self._child: BaseProcess | None = None
        self._seen_at = _FORK.Value("d", 0.0, lock=False)

    @property
    def alive(self) -> bool:
        """Whether the child process is alive."""
        return self._child is not None and self._child.is_alive()

    def keep(self) -> None:
        """Start a child if none is alive; replace one that gave no heartbeat for `silent` seconds.

        If the fork fails, the next call tries again.
        """
        if self.alive and time.monotonic() - self._seen_at.value < self._silent:
            return
        if self._child is not None:
            self._log.error("who %s died or fell silent: another one starts", self._task)
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
        """Kill the child process, if there is one, and wait for its end."""
        if self._child is not None:
            self._child.kill()
            self._child.join()
        self._child = None

    def _work(self, parent: int) -> None:
        """Run the task in the child until the parent (process id `parent`) has ended."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent()
        take_own_share()
        # Kept open: a close would end the parent's database session.
        self._inherited = connections["default"]
        del connections["default"]
        try:
            beat = self._begin()
            while os.getppid() == parent:
                self._seen_at.value = time.monotonic()
                beat()
                time.sleep(self._every)
        except Exception as failure:  # noqa: BLE001 - the parent restarts it; only this line reports it
            self._log.critical("who %s ended: %s", self._task, type(failure).__name__)
        finally:
            os._exit(0)
