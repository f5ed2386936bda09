"""The worker process: it runs the processing stages, and forks a process for scheduled and queued jobs.

With the argument `stages` it forks no job process: one job process is enough for a machine.
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
from fanal.kernel.process import loading

if TYPE_CHECKING:
    from fanal.worker.job_process import Keeper

_COLLECT_AFTER = 250_000
_MMAP_THRESHOLD = -3  # malloc.h
_LARGE = 256 * 1024


def tune_memory() -> None:
    """Tune the garbage collector and the C allocator for batches of many small records.

    The collector runs rarely, and objects loaded so far are exempt (`gc.freeze`). Blocks from 256 KiB on are
    mapped separately, so that the system gets them back when they are freed: by default glibc raises this
    threshold, and a worker would grow by a quarter over a day of reports (mallopt(3), M_MMAP_THRESHOLD).
    """
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 50, 50)
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)


def main() -> None:
    """Run the worker until SIGTERM or SIGINT; the current step ends first, its batch returns to the queue."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fanal.config.settings")
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
        datefmt=clock.LOG_TIME,
    )
    with loading():
        django.setup()
        from fanal.analyse.signals.engine import start_beside  # noqa: PLC0415
        from fanal.worker.expiry import check_erasers  # noqa: PLC0415 - needs Django
        from fanal.worker.job_process import Keeper  # noqa: PLC0415
        from fanal.worker.jobs import SLOTS, run_jobs  # noqa: PLC0415
        from fanal.worker.loop import WorkerLoop  # noqa: PLC0415
        from fanal.worker.watch import Watch  # noqa: PLC0415

        check_erasers(reference.load())
        start_beside()
    tune_memory()

    connections.close_all()  # a forked process must inherit no open connection
    keeper = None if "stages" in sys.argv[1:] else Keeper(run_jobs, slots=sum(SLOTS.values()))
    stop = _stopped_by_signals(keeper)
    watch = Watch()
    watch.spare_compiler()
    WorkerLoop(clock=clock.now, sleep=time.sleep, watch=watch).run(stop)
    if keeper is not None and not keeper.wait():
        sys.exit(1)


def _stopped_by_signals(keeper: "Keeper | None") -> threading.Event:
    """Return an event that is set by SIGTERM or SIGINT, or by the end of `keeper`.

    `keeper` is the process that supervises the job process (schedule, notices); None: no job process. Signals
    are forwarded to it. After its own end the worker ends too, and is restarted: it must not continue without
    schedule and notices.
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
