"""URL of the current page, safe to use in a link."""

from django.http import HttpRequest


def own_address(request: HttpRequest) -> str:
    """Return path and query of `request` with exactly one slash at the start.

    As a link, a path with two slashes would name another host.
    """
    return "/" + request.get_full_path().lstrip("/")
