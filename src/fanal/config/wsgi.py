"""WSGI entry point, served by granian."""

import logging
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.signals import request_finished
from django.core.wsgi import get_wsgi_application
from django.db import connections

from fanal.config.gate import WORKING, Gate, Kept
from fanal.kernel.collector import loading

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("fanal.web")


class Guarded:
    """The application, whose last failures are told by our own log.

    The server would print an exception that nobody caught with its message, which may quote what was sent.
    """

    def __init__(self, served: "WSGIApplication") -> None:
        self._served = served

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request; where not even the page of an error could be made, in plain words."""
        try:
            return self._served(environ, start)
        except SuspiciousOperation:  # raised while the request was taken apart, before any page
            log.warning("a request that cannot be read")
            return _plain(start, "400 Bad Request", b"This request cannot be read.\n")
        except Exception:
            log.exception("no answer could be made")
            words = b"Something broke on our side. Please try again in a moment.\n"
            return _plain(start, "500 Internal Server Error", words)


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
kept = Kept(WORKING, connections.close_all)
request_finished.connect(kept.end)
application = Gate(Guarded(served), by_address=not settings.FANAL_PROXY_HOPS)
