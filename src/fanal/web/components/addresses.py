"""The address of the page that was asked for, as a link may carry it."""

from django.http import HttpRequest


def own_address(request: HttpRequest) -> str:
    """Return path and query of `request` with one slash at the start.

    A path that begins with two would name another host where it is printed as a link.
    """
    return "/" + request.get_full_path().lstrip("/")
