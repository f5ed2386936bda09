"""URLs for links: the current page, the search page on an identifier."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode


def own_address(request: HttpRequest) -> str:
    """Return path and query of `request` with exactly one slash at the start.

    As a link, a path with two slashes would name another host.
    """
    return "/" + request.get_full_path().lstrip("/")


def selector_link(kind: str, value: str) -> str:
    """Return the URL of the desk's search page for one identifier: `kind` (such as EMAIL) and `value`."""
    return f"{reverse('desk:search')}?{urlencode({'kind': kind, 'value': value})}"
