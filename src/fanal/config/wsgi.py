"""WSGI entry point, served by granian: Django behind admission control (`gate`).

It decodes forms in usual charsets only, and joins each answer into one piece for the server.
"""

import codecs
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_finished
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.http import HttpRequest
from django.urls import get_resolver

from fanal.config.gate import WORKING, Gate, KeptConnections
from fanal.kernel.process import loading

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("fanal.web")
_WHOLE = 8 * 1024 * 1024
"""Largest answer, in bytes, that is joined into one piece."""
_CHARSETS = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252"})


class PlainRequest(WSGIRequest):
    """A request whose form and query are decoded in a usual charset, in UTF-8 if it names another codec.

    Django decodes with any codec of Python, the query already while a request is made: `punycode` takes time
    quadratic in the length of a field, and `rot13` or `idna` fail.
    """

    def _set_content_type_params(self, meta: Mapping[str, object]) -> None:
        """Read media type and charset of the body from the header `Content-Type` of the request.

        `meta` is the WSGI environment.

        Raises:
            SuspiciousOperation: a parameter (RFC 2231) is in an unknown charset, or not valid in it.
        """
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]
        except ValueError as unreadable:
            raise SuspiciousOperation("a parameter of Content-Type") from unreadable

    def _read_in(self, charset: str) -> None:
        usual = codecs.lookup(charset).name in _CHARSETS
        HttpRequest.encoding.__set__(self, charset if usual else "utf-8")  # type: ignore[attr-defined]

    encoding = property(HttpRequest.encoding.__get__, _read_in)


class Guarded:
    """A WSGI middleware that logs uncaught exceptions itself and joins answers into one piece.

    The server would print an uncaught exception with its message, which may quote request data. It would also
    keep a thread waiting for the reader of each piece, so that slow readers could occupy all threads.
    """

    def __init__(self, served: "WSGIApplication") -> None:
        self._served = served

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request; on an uncaught exception, log it and answer 400 or 500 in plain text."""
        try:
            return _whole(self._served(environ, start))
        except SuspiciousOperation:  # raised by the parsing of the request, before any view
            log.warning("a request that cannot be read")
            return _plain(start, "400 Bad Request", b"This request cannot be read.\n")
        except Exception:
            log.exception("no answer could be made")
            words = b"Something broke on our side. Please try again in a moment.\n"
            return _plain(start, "500 Internal Server Error", words)


def _whole(answer: Iterable[bytes]) -> Iterable[bytes]:
    """Return a response body joined into one piece; one larger than `_WHOLE` (8 MiB) remains a stream."""
    pieces, size, rest = list[bytes](), 0, iter(answer)
    for piece in rest:
        pieces.append(piece)
        size += len(piece)
        if size > _WHOLE:
            return _Rest(answer, chain([b"".join(pieces)], rest))
    _close(answer)
    return [b"".join(pieces)]


class _Rest:
    """A large response body whose first pieces have already been read: it yields those, then the others."""

    def __init__(self, answer: Iterable[bytes], pieces: Iterator[bytes]) -> None:
        self._answer, self._pieces = answer, pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Close the wrapped answer; the server calls this at the end."""
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
    WSGIHandler.request_class = PlainRequest
    served = get_wsgi_application()
    # Imports every view now: the first report of a busy machine would wait for all of them.
    _ = get_resolver().reverse_dict
    from fanal.web.account.devices import mark_in  # its models need the application registry
kept = KeptConnections(WORKING, connections.close_all)
request_finished.connect(kept.end)
application = Gate(Guarded(served), hops=settings.FANAL_PROXY_HOPS or 0, known=mark_in)
