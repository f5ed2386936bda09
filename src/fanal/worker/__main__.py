"""The worker process: the stages here; schedule, fetches and notices (procrastinate) in a process beside it.

With the argument `stages` there is no process beside: one on a machine is enough.
"""

import ctypes
import gc
import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import django
from django.db import connections

from fanal import reference
from fanal.kernel import clock
from fanal.kernel.collector import loading

if TYPE_CHECKING:
    from fanal.worker.job_process import Keeper

_COLLECT_AFTER = 250_000
_MMAP_THRESHOLD = -3  # malloc.h
_LARGE = 256 * 1024


def tune_memory() -> None:
    """Let a batch's many small records live without the collector walking them again and again.

    Its few large blocks go back to the system when they are freed: glibc would soon keep such blocks among
    the small ones (mallopt(3), M_MMAP_THRESHOLD), and a worker would grow by a quarter over a day of reports.
    """
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 50, 50)
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)


def main() -> None:
    """Run until SIGTERM or SIGINT; the batch in hand is finished first."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fanal.config.settings")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    with loading():
        django.setup()
        from fanal.worker.expiry import check_erasers  # noqa: PLC0415 - needs Django
        from fanal.worker.job_process import Keeper  # noqa: PLC0415
        from fanal.worker.jobs import SLOTS, run_jobs  # noqa: PLC0415
        from fanal.worker.loop import WorkerLoop  # noqa: PLC0415
        from fanal.worker.watch import Watch  # noqa: PLC0415

        check_erasers(reference.load())
    tune_memory()

    connections.close_all()  # a fork shares nothing that is open
    keeper = None if "stages" in sys.argv[1:] else Keeper(run_jobs, slots=sum(SLOTS.values()))
    stop = _stopped_by_signals(keeper)
    watch = Watch()
    watch.spare_compiler()
    WorkerLoop(clock=clock.now, sleep=time.sleep, watch=watch).run(stop)
    if keeper is not None and not keeper.wait():
        sys.exit(1)


def _stopped_by_signals(keeper: "Keeper | None") -> threading.Event:
    """Return what is set by SIGTERM or SIGINT, which the keeper gets too, and by the keeper's own end.

    Without it a worker would go on without schedule and notices: it ends, and is started again.
    """
    stop = threading.Event()

    def end(*_: object) -> None:
        stop.set()
        if keeper is not None:
            keeper.ask_to_stop()

    def look(*_: object) -> None:
        if keeper is not None and keeper.is_gone():
            stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    signal.signal(signal.SIGCHLD, look)
    return stop


if __name__ == "__main__":
    main()
