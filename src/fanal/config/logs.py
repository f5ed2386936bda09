"""What a process says when something fails: where, never with which values.

Messages quote what people typed, addresses asked for, headers; so a line holds the time, the logger, the
level and the route's pattern, and a failure is told by its class and the places in the code. Whoever sends
the same nonsense again and again gets a few lines a minute and a count: the disk holds the vault too.
"""

import logging
import time
import traceback
from collections.abc import Iterator
from typing import Final

_OURS: Final = "fanal."
"""Loggers whose messages are written for the log: ids and codes only."""
_REFUSED: Final = "django.security"
"""Logger of requests that Django refuses by itself, such as one for a host that is not ours."""


class PlacesOnly(logging.Formatter):
    """Formats a record without any value that came from outside."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record in a line, and a failure's classes and places below."""
        head = f"{self.formatTime(record)} {record.name} {record.levelname}"
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
            failure = (
                None  # what a stranger sent is no fault of the code: there is no place to look at
            )
        return "\n".join([head, *_told(failure)])


def _told(failure: BaseException | None) -> Iterator[str]:
    while failure is not None:
        yield f"Traceback: {type(failure).__module__}.{type(failure).__qualname__}"
        for place in traceback.extract_tb(failure.__traceback__):
            yield f"  {place.filename}:{place.lineno} {place.name}"
        failure = failure.__cause__ or failure.__context__


class Bounded(logging.Filter):
    """Passes a few records of one kind a minute; the next one after that says how many were left out.

    A kind is a logger, a level and a failure's class and last place: no value that came from outside, so
    that strangers cannot make new kinds.
    """

    def __init__(self, *, most: int = 20, seconds: float = 60.0) -> None:
        super().__init__()
        self._most, self._seconds = most, seconds
        self._seen: dict[tuple[object, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written; note in `left_out` how many before it were not."""
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
