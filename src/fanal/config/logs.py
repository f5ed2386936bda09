"""What a process says when something fails: where, never with which values.

Messages quote what people typed, addresses asked for, headers; so a line holds the time, the logger, the
level and the route's pattern, and a failure is told by its class and the places in the code.
"""

import logging
import traceback
from collections.abc import Iterator
from typing import Final

_OURS: Final = "fanal."
"""Loggers whose messages are written for the log: ids and codes only."""


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
        failure = record.exc_info[1] if record.exc_info else None
        return "\n".join([head, *_told(failure)])


def _told(failure: BaseException | None) -> Iterator[str]:
    while failure is not None:
        yield f"Traceback: {type(failure).__module__}.{type(failure).__qualname__}"
        for place in traceback.extract_tb(failure.__traceback__):
            yield f"  {place.filename}:{place.lineno} {place.name}"
        failure = failure.__cause__ or failure.__context__


SPARING: Final = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"places": {"()": "fanal.config.logs.PlacesOnly"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "places"}},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "django.server": {"handlers": [], "level": "ERROR", "propagate": False},
        "fanal": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}
"""Django's setting LOGGING."""
