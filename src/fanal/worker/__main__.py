"""The worker process: stages in the main thread, schedule and sends (procrastinate) beside it."""

import ctypes
import gc
import logging
import os
import signal
import threading
import time
from contextlib import suppress

import django

from fanal import reference
from fanal.kernel import clock
from fanal.kernel.collector import loading

_COLLECT_AFTER = 250_000
_MMAP_THRESHOLD = -3  # malloc.h
_LARGE = 256 * 1024
_JOBS_STOP = 15.0


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
        from fanal.worker.erasers import check_erasers  # noqa: PLC0415 - needs Django
        from fanal.worker.jobs import run_jobs  # noqa: PLC0415
        from fanal.worker.loop import WorkerLoop  # noqa: PLC0415
        from fanal.worker.watch import Watch  # noqa: PLC0415

        check_erasers(reference.load())
    tune_memory()

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    jobs = threading.Thread(target=run_jobs, args=(stop,), daemon=True, name="jobs")
    jobs.start()
    watch = Watch()
    watch.spare_compiler()
    WorkerLoop(clock=clock.now, sleep=time.sleep, watch=watch).run(stop)
    jobs.join(_JOBS_STOP)


if __name__ == "__main__":
    main()
