"""Logging without personal data: log lines give places in the code, never values from outside.

Messages quote user input, requested addresses and headers. A line therefore holds the time, the logger, the
level and the route's pattern; a failure is logged by its class and its places in the code. Repeated records
of one kind are limited to a few lines a minute and a count, because the disk also holds the vault.
"""

import logging
import time
import traceback
from collections.abc import Iterator
from typing import Final

from fanal.kernel.clock import LOG_TIME

_OURS: Final = "fanal."
"""Prefix of our own loggers, whose messages hold only identifiers and codes."""
_REFUSED: Final = "django.security"
"""Logger of the requests that Django refuses itself, such as one for an unknown host."""


class PlacesOnly(logging.Formatter):
    """A log formatter that writes places in the code (file, line) and leaves out values from outside."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, followed by the classes and code locations of its exceptions.

        The text of an exception or of another package's message is left out.
        """
        head = f"{self.formatTime(record, LOG_TIME)} {record.name} {record.levelname}"
        if record.name.startswith(_OURS):
            head += f" {record.getMessage()}"
        request = getattr(record, "request", None)
        match = getattr(request, "resolver_match", None)
        if match is not None:
            head += f" {match.route}"
        if left_out := getattr(record, "left_out", 0):
            head += f" (and {left_out} of this kind before it)"
        failure = record.exc_info[1] if record.exc_info else None
        if record.name.startswith(_REFUSED):
            failure = None  # invalid input is not a fault of the code: no location to report
        return "\n".join([head, *_told(failure)])


def _told(failure: BaseException | None) -> Iterator[str]:
    while failure is not None:
        yield f"Traceback: {type(failure).__module__}.{type(failure).__qualname__}"
        for place in traceback.extract_tb(failure.__traceback__):
            yield f"  {place.filename}:{place.lineno} {place.name}"
        failure = failure.__cause__ or failure.__context__


class Bounded(logging.Filter):
    """A log filter with a limit for records of one kind: at most `most` in `seconds`, then a count.

    A kind is a logger, a level, and an exception's class and last location; without an exception, the
    location of the log call. It contains no value from outside, so that strangers cannot create new kinds.
    """

    def __init__(self, *, most: int = 20, seconds: float = 60.0) -> None:
        super().__init__()
        self._most, self._seconds = most, seconds
        self._seen: dict[tuple[object, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write the record; store the number of dropped ones in its `left_out`."""
        kind, now = _kind(record), time.monotonic()
        began, count = self._seen.get(kind, (now, 0))
        if now - began >= self._seconds:
            record.left_out = max(0, count - self._most)
            began, count = now, 0
        self._seen[kind] = began, count + 1
        return count < self._most


def _kind(record: logging.LogRecord) -> tuple[object, ...]:
    failure = record.exc_info[1] if record.exc_info else None
    if failure is None:
        return record.name, record.levelno, record.pathname, record.lineno
    last = traceback.extract_tb(failure.__traceback__)[-1:]
    return record.name, record.levelno, type(failure), *((p.filename, p.lineno) for p in last)


SPARING: Final = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"places": {"()": "fanal.config.logs.PlacesOnly"}},
    "filters": {"bounded": {"()": "fanal.config.logs.Bounded"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "places",
            "filters": ["bounded"],
        }
    },
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "django.server": {"handlers": [], "level": "ERROR", "propagate": False},
        "fanal": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}
"""Django's setting LOGGING."""
