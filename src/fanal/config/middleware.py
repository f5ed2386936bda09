"""Middleware that belongs to no audience: the clock of a request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from fanal.kernel import clock


def request_clock(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware that reads the clock once and leaves it as `request.now` (decisions 4)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.now = clock.now()  # type: ignore[attr-defined]
        return get_response(request)

    return middleware
