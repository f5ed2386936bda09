"""Whether a supervised process still gives its sign of life, the one that `/readyz` reads."""

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
    """The sign of the process that calls. `address` gives that of a role which may read it.

    Silent is who gave no sign for thirty seconds at three looks in a row, five seconds apart, while the
    database answered each time: a database that was away silences everybody, and is no fault of theirs.
    """

    def __init__(self, address: Callable[[], str]) -> None:
        self._address, self._number = address, 0
        self._begun = self._looked = 0.0
        self._silent = 0

    def begin(self) -> dict[str, str]:
        """Return the variables of a process that starts now: a number that no earlier one had."""
        self._number, self._silent = secrets.randbelow(2**31 - 1) + 1, 0
        self._begun = self._looked = time.monotonic()
        return {NUMBER_VARIABLE: str(self._number)}

    def is_over(self) -> bool:
        """Return whether the process that began last hangs; looks every five seconds at most."""
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
