"""Reads a request's body up to a limit, whatever its headers claim, stated length or chunked.

Django reads no further than `Content-Length`, which a chunked request has not. The server says where such
a body ends (`wsgi.input_terminated`), so it is read from the server's stream, counted as it arrives.
"""

from typing import Protocol

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from fanal.kernel.typed import whole_number

FORM_LIMIT = 1024 * 1024
_BLOCK = 1 << 16


class BodyTooLarge(RequestDataTooBig):
    """The body passes the limit; what was read is dropped."""


class _Input(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Chunked:
    """A body of unstated length, read up to `limit` bytes and refused once.

    What is read after the refusal comes as it is: whoever answers drops it, up to a limit of its own
    (`config.middleware.whole_body`).
    """

    def __init__(self, stream: _Input, *, limit: int) -> None:
        self._stream, self._left, self._refused = stream, limit, False

    def read(self, size: int | None = None, /) -> bytes:
        """Return up to `size` bytes, all that is left without it.

        Raises:
            BodyTooLarge: more than the limit has arrived.
        """
        if self._refused:
            return self._stream.read(_BLOCK if size is None or size < 0 else size)
        wanted = self._left + 1 if size is None or size < 0 else min(size, self._left + 1)
        blocks: list[bytes] = []
        while wanted > 0 and (block := self._stream.read(wanted)):
            blocks.append(block)
            wanted -= len(block)
            self._left -= len(block)
        if self._left < 0:
            self._refused = True
            raise BodyTooLarge
        return b"".join(blocks)

    def close(self) -> None:
        """Do nothing: the stream is the server's, and what is left of it is still dropped."""


def is_chunked(request: HttpRequest) -> bool:
    """Return whether the body comes without a stated length, from a server that knows its end."""
    codings = request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    return (
        "chunked" in codings
        and not request.META.get("CONTENT_LENGTH")
        and bool(request.META.get("wsgi.input_terminated"))
    )


def accept_chunked(request: HttpRequest, *, limit: int) -> None:
    """Let a chunked body of at most `limit` bytes be read like any other; others are left alone."""
    if is_chunked(request):
        stream = Chunked(request.META["wsgi.input"], limit=limit)
        request._stream = stream  # type: ignore[assignment]  # noqa: SLF001 - no public door


def form_headers(request: HttpRequest, *, limit: int) -> dict[str, object]:
    """Return the headers that Django's form parser needs: it takes a body without length for none."""
    stated = {"CONTENT_LENGTH": str(limit)} if is_chunked(request) else {}
    return {**request.META, **stated}


def read_body(request: HttpRequest, *, limit: int) -> bytes:
    """Return the body, at most `limit` bytes.

    Raises:
        BodyTooLarge: by its header, or by what arrived.
    """
    if (whole_number(request.META.get("CONTENT_LENGTH") or "0") or 0) > limit:
        raise BodyTooLarge
    accept_chunked(request, limit=limit)
    body = request.read(limit + 1)
    if len(body) > limit:
        raise BodyTooLarge
    return bytes(body)
