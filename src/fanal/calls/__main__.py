"""Entry point of the process of the alarm calls (e-mails), supervised by `fanal run` like web and worker."""

import logging
import os
import signal
import threading

import django

from fanal.calls import NUMBER_VARIABLE
from fanal.kernel import clock
from fanal.kernel.process import loading


def main() -> None:
    """Send alarm calls (e-mails to people on duty) from the outbox until SIGTERM or SIGINT."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fanal.config.settings")
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
        datefmt=clock.LOG_TIME,
    )
    with loading():
        django.setup()
        from fanal.calls.loop import CallsLoop  # noqa: PLC0415 - needs Django

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    caller = int(os.environ.get(NUMBER_VARIABLE, "0")) or None
    CallsLoop(clock=clock.now, number=caller).run(stop)


if __name__ == "__main__":
    main()
