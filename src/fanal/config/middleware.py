"""Middleware that belongs to no audience: the clock of a request, its database, the rest of its body."""

import contextlib
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from fanal.accounts import rows
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
    """Return a middleware that reads the clock once and leaves it as `request.now`."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.now = clock.now()  # type: ignore[attr-defined]
        return get_response(request)

    return middleware


def probes_by_any_name(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware that lets probes ask by address: they say nothing that a host name protects.

    The supervisor, a balancer and an orchestrator call a node by its address, which `FANAL_HOSTS` need not
    name.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path in _PROBES and settings.ALLOWED_HOSTS:
            request.META["HTTP_HOST"] = settings.ALLOWED_HOSTS[0].lstrip(".")
        return get_response(request)

    return middleware


def agreed(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware that asks, every few seconds, whether clock and tables are those of the database.

    While they are not, `db.agreement` refuses every statement, and each door answers 503 in its own form.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        with contextlib.suppress(DatabaseError, InterfaceError):  # whoever needs it will meet it
            agreement.renew()
        return get_response(request)

    return middleware


def bounded_rows(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware under which the database shows nothing until the request's actor is known.

    Whoever finds out who asks says so (`accounts.rows.show_to`); it holds to the end of the request.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        with rows.shown_to(None), rows.speaking_for_nobody():
            return get_response(request)

    return middleware


def whole_body(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware that lets a form come in chunks, and reads and drops what is left of a body.

    A server that answers before the body has arrived resets the connection, and the sender never sees
    the refusal; it drops no more than a limit.
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
    except BodyTooLarge:  # said once, where the limit is passed
        return bytes(request.read(_BLOCK))
