"""A timer that closes a database session whose server has fallen silent.

After a failover, or behind a firewall that lost its state, what a session sends vanishes: no error arrives,
and a client waits for hours. The timeouts of the server do not help, since their message vanishes too.
"""

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator

import psycopg
from django.db import connection


class SilenceTimer:
    """A timer that shuts the database session's socket in this process when a statement gets no answer.

    The statement then fails as with any lost connection. It uses the process's alarm signal (SIGALRM), which
    no child process inherits; `begin` must be called in the main thread.

    Args:
        seconds: longest time from the start of a statement to the start of the next or to `rest`. It must
            exceed the server's own timeouts.
        session: returns the session in use, None if there is none.
    """

    def __init__(
        self,
        *,
        seconds: float,
        session: Callable[[], psycopg.Connection[tuple[object, ...]] | None],
    ) -> None:
        self._seconds, self._session = seconds, session

    def begin(self) -> None:
        """Install the handler of the alarm signal, which shuts the session's socket; needed by `start`."""
        signal.signal(signal.SIGALRM, lambda *_: self._shut())

    def start(self) -> None:
        """Restart the timer, at the start of a statement."""
        signal.setitimer(signal.ITIMER_REAL, self._seconds, self._seconds)

    def rest(self) -> None:
        """Stop the timer, before a pause in which the session waits for no answer."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _shut(self) -> None:
        session = self._session()
        with contextlib.suppress(OSError, psycopg.Error):
            if session is not None:
                with socket.socket(fileno=os.dup(session.fileno())) as twin:
                    twin.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def watch_statements(*, seconds: float) -> Iterator[SilenceTimer]:
    """Yield a timer of `seconds` that shuts the socket of this process's Django database session.

    Each statement in the block restarts it. Only `SilenceTimer.rest` and the end of the block stop it, not
    the answer: call `rest` before a pause, or an idle session is shut too. The next use of a shut session
    fails as with any lost connection (`OperationalError`). Main thread only: it uses SIGALRM.
    """
    timer = SilenceTimer(seconds=seconds, session=lambda: connection.connection)

    def execute(run, sql, params, many, context):  # type: ignore[no-untyped-def]
        timer.start()
        return run(sql, params, many, context)

    before = signal.getsignal(signal.SIGALRM)
    timer.begin()
    try:
        with connection.execute_wrapper(execute):
            yield timer
    finally:
        timer.rest()
        signal.signal(signal.SIGALRM, before)
