"""Reads a request's body up to a limit, whatever its headers claim."""

from django.http import HttpRequest


class BodyTooLarge(Exception):
    """The body passes the limit; what was read is dropped."""


def read_body(request: HttpRequest, *, limit: int) -> bytes:
    """Return the body, at most `limit` bytes.

    Raises:
        BodyTooLarge: by its header, or by what arrived.
    """
    stated = request.META.get("CONTENT_LENGTH") or "0"
    if stated.isdigit() and int(stated) > limit:
        raise BodyTooLarge
    body = request.read(limit + 1)
    if len(body) > limit:
        raise BodyTooLarge
    return bytes(body)
