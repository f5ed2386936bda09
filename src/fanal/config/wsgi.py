"""WSGI entry point, served by granian."""

import logging
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.signals import request_finished
from django.core.wsgi import get_wsgi_application
from django.db import connections

from fanal.config.gate import WORKING, Gate, KeptConnections
from fanal.kernel.collector import loading

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("fanal.web")
_WHOLE = 8 * 1024 * 1024
"""Bytes of an answer that is handed over whole."""


class Guarded:
    """The application, whose last failures are told by our own log, and whose answers are handed over whole.

    The server would print an exception that nobody caught with its message, which may quote what was sent.
    Of an answer in pieces it would keep a thread waiting for the reader of each: who never reads kept all.
    """

    def __init__(self, served: "WSGIApplication") -> None:
        self._served = served

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request; where not even the page of an error could be made, in plain words."""
        try:
            return _whole(self._served(environ, start))
        except SuspiciousOperation:  # raised while the request was taken apart, before any page
            log.warning("a request that cannot be read")
            return _plain(start, "400 Bad Request", b"This request cannot be read.\n")
        except Exception:
            log.exception("no answer could be made")
            words = b"Something broke on our side. Please try again in a moment.\n"
            return _plain(start, "500 Internal Server Error", words)


def _whole(answer: Iterable[bytes]) -> Iterable[bytes]:
    """Return an answer in one piece, however many it was made of; a very large one stays as it comes."""
    pieces, size, rest = list[bytes](), 0, iter(answer)
    for piece in rest:
        pieces.append(piece)
        size += len(piece)
        if size > _WHOLE:
            return _Rest(answer, chain([b"".join(pieces)], rest))
    _close(answer)
    return [b"".join(pieces)]


class _Rest:
    """A large answer of which the beginning was read."""

    def __init__(self, answer: Iterable[bytes], pieces: Iterator[bytes]) -> None:
        self._answer, self._pieces = answer, pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Close the answer, as the server does at its end."""
        _close(self._answer)


def _close(answer: Iterable[bytes]) -> None:
    if close := getattr(answer, "close", None):
        close()


def _plain(start: "StartResponse", status: str, body: bytes) -> list[bytes]:
    start(
        status,
        [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))],
    )
    return [body]


os.environ["FANAL_WEB"] = "1"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fanal.config.settings")
with loading():
    served = get_wsgi_application()
    from fanal.web.account.devices import mark_in  # its models need the applications
kept = KeptConnections(WORKING, connections.close_all)
request_finished.connect(kept.end)
application = Gate(Guarded(served), hops=settings.FANAL_PROXY_HOPS or 0, known=mark_in)
