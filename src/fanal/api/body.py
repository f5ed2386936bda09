"""Bounded reading of request bodies, with `Content-Length` or with chunked transfer encoding.

Django stops reading at `Content-Length`, which a chunked request does not have. The server signals that it
finds the end of such a body itself (`wsgi.input_terminated`): its stream is then read with a byte count.
"""

from typing import Protocol

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from fanal.kernel.typed import whole_number

FORM_LIMIT = 1024 * 1024
_BLOCK = 1 << 16


class BodyTooLarge(RequestDataTooBig):
    """The request body exceeds its size limit; the bytes already read are discarded."""


class _Input(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Chunked:
    """A limited reader for a chunked body: the read that passes `limit` bytes raises BodyTooLarge, once.

    After that refusal `read` returns the remaining bytes without a check, so that the middleware which drains
    the connection (`config.middleware.whole_body`, with its own limit) can discard them.
    """

    def __init__(self, stream: _Input, *, limit: int) -> None:
        self._stream, self._left, self._refused = stream, limit, False

    def read(self, size: int | None = None, /) -> bytes:
        """Return up to `size` bytes, or all the remaining bytes without `size`.

        Raises:
            BodyTooLarge: more bytes than the limit have arrived; only once.
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
        """Do nothing: the stream belongs to the server, and its remaining bytes must still be drained."""


def is_chunked(request: HttpRequest) -> bool:
    """Return whether the body is chunked, without `Content-Length`, on a server that detects its end."""
    codings = request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    return (
        "chunked" in codings
        and not request.META.get("CONTENT_LENGTH")
        and bool(request.META.get("wsgi.input_terminated"))
    )


def accept_chunked(request: HttpRequest, *, limit: int) -> None:
    """Let Django read a chunked body, up to `limit` bytes (else BodyTooLarge); ignore other bodies."""
    if is_chunked(request):
        stream = Chunked(request.META["wsgi.input"], limit=limit)
        request._stream = stream  # type: ignore[assignment]  # noqa: SLF001 - no public door


def form_headers(request: HttpRequest, *, limit: int) -> dict[str, object]:
    """Return the request headers for Django's form parser, with `limit` as the length of a chunked body.

    The parser treats a body without `Content-Length` as empty.
    """
    stated = {"CONTENT_LENGTH": str(limit)} if is_chunked(request) else {}
    return {**request.META, **stated}


def read_body(request: HttpRequest, *, limit: int) -> bytes:
    """Return the request body, at most `limit` bytes.

    Raises:
        BodyTooLarge: `Content-Length` or the bytes received exceed the limit.
    """
    if (whole_number(request.META.get("CONTENT_LENGTH") or "0") or 0) > limit:
        raise BodyTooLarge
    accept_chunked(request, limit=limit)
    body = request.read(limit + 1)
    if len(body) > limit:
        raise BodyTooLarge
    return bytes(body)
