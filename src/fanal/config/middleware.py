"""Django middleware for all audiences: time, probes, database checks, row security, bodies.

`get_response` is the next handler, which Django passes.
"""

import contextlib
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from fanal.accounts import row_scope
from fanal.api.body import BodyTooLarge, accept_chunked
from fanal.db import agreement
from fanal.kernel import clock
from fanal.web.posted import MOST_READ

_MOST_DRAINED: Final = 128 * 1024 * 1024
_BLOCK: Final = 1 << 16
_PROBES: Final = frozenset({"/healthz", "/readyz"})


def request_clock(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware that reads the clock once and stores the time as `request.now`."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.now = clock.now()  # type: ignore[attr-defined]
        return get_response(request)

    return middleware


def probes_by_any_name(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware that accepts health probes under any host name, since their answers are public.

    The supervisor, a load balancer and an orchestrator call a node by IP address, which `FANAL_HOSTS` need
    not list.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path in _PROBES and settings.ALLOWED_HOSTS:
            request.META["HTTP_HOST"] = settings.ALLOWED_HOSTS[0].lstrip(".")
        return get_response(request)

    return middleware


def agreed(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware that checks, every few seconds, that clock and schema agree with the database.

    While they disagree, `db.agreement` refuses every statement, and each interface answers 503 in its own
    format.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        with contextlib.suppress(DatabaseError, InterfaceError):  # raised again in a view
            agreement.renew()
        return get_response(request)

    return middleware


def bounded_rows(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware that hides all rows under row-level security until the request's actor is known.

    Authentication then calls `accounts.row_scope.show_to`, which holds until the end of the request.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        with row_scope.shown_to(None), row_scope.speaking_for_nobody():
            return get_response(request)

    return middleware


def whole_body(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware that accepts chunked form bodies and drains the unread rest of a body.

    A server that answers before the whole body has arrived resets the connection, and the client never
    receives the refusal. At most 128 MiB are drained.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        accept_chunked(request, limit=MOST_READ)
        answer = get_response(request)
        left = _MOST_DRAINED
        with contextlib.suppress(OSError):
            while left > 0 and (block := _block(request)):
                left -= len(block)
        return answer

    return middleware


def _block(request: HttpRequest) -> bytes:
    try:
        return bytes(request.read(_BLOCK))
    except BodyTooLarge:  # raised only once, when the limit is exceeded
        return bytes(request.read(_BLOCK))
