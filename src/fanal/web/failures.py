"""The last page of a request that broke: 503 where waiting helps, 500 where it is a fault of ours."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader

RETRY_AFTER = "5"


def status_of(failure: BaseException | None) -> int:
    """Return 503 for a failure that waiting helps (database, disk, network), else 500."""
    return 503 if isinstance(failure, OperationalError | InterfaceError | OSError) else 500


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an exception that nobody caught; Django calls this while it is being handled.

    Rendered without the request: whatever broke may be what a page reads of it.
    """
    del request
    status = status_of(sys.exc_info()[1])
    answer = HttpResponse(loader.get_template(f"{status}.html").render(), status=status)
    if status == 503:
        answer["Retry-After"] = RETRY_AFTER
    return answer
