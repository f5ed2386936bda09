"""The last page of a request that broke: 503 where waiting helps, 500 where it is a fault of ours."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader

_RETRY_AFTER = "5"


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an exception that nobody caught; Django calls this while it is being handled.

    Rendered without the request: whatever broke may be what a page reads of it.
    """
    del request
    failure = sys.exc_info()[1]
    if isinstance(failure, OperationalError | InterfaceError | OSError):
        answer = HttpResponse(loader.get_template("503.html").render(), status=503)
        answer["Retry-After"] = _RETRY_AFTER
        return answer
    return HttpResponse(loader.get_template("500.html").render(), status=500)
