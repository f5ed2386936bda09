"""The liveness check of a supervised process, by the sign of life that `/readyz` also reads."""

import contextlib
import secrets
import time
from collections.abc import Callable

import psycopg

from fanal.calls import NUMBER_VARIABLE

_SILENT = 30
_EVERY = 5.0
_LOOKS = 3
_STARTING = 180.0
_READ = "SELECT seen_at < now() - make_interval(secs => %s) FROM orient_caller WHERE holder = %s"
_OPTIONS = "-c statement_timeout=2s -c lock_timeout=1s -c default_transaction_read_only=on"


class CallsSign:
    """The liveness check of the process that sends alarm calls (e-mails about a child in danger).

    `address` returns a database URL with read access. Put `begin()` into the environment of each new process,
    then call `is_over()` repeatedly. The process counts as hung after three checks, five seconds apart,
    without a sign of life for thirty seconds (after its start: three minutes), if the database answered each
    time: an unavailable database silences every process.
    """

    def __init__(self, address: Callable[[], str]) -> None:
        self._address, self._number = address, 0
        self._begun = self._looked = 0.0
        self._silent = 0

    def begin(self) -> dict[str, str]:
        """Return the environment variable of a new process: a number that identifies its sign of life."""
        self._number, self._silent = secrets.randbelow(2**31 - 1) + 1, 0
        self._begun = self._looked = time.monotonic()
        return {NUMBER_VARIABLE: str(self._number)}

    def is_over(self) -> bool:
        """Return whether the latest process hangs; check at most every five seconds."""
        if time.monotonic() - self._looked < _EVERY:
            return False
        silent = self._look()
        self._looked = time.monotonic()
        self._silent = self._silent + 1 if silent else 0
        return self._silent >= _LOOKS

    def _look(self) -> bool:
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(self._address(), connect_timeout=2, options=_OPTIONS) as connection,
        ):
            row = connection.execute(_READ, [_SILENT, self._number]).fetchone()
            return bool(row[0]) if row else time.monotonic() - self._begun > _STARTING
        return False
