"""What stands between the server and the application, so that no few clients keep everybody else out.

The server gives each request a thread of its own before its body is there, and has no deadline for a body.
Here a body comes in before anything works on it, with a deadline; one address has few of them under way; few
requests work at a time and few wait; and the questions after health wait for none of them.
"""

import io
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

WORKING, WAITING, ARRIVING, LARGE, PROBES = 8, 48, 32, 4, 2
THREADS = WORKING + WAITING + ARRIVING + PROBES + 6
"""Threads that the server needs for all of these, and for the answer to whoever finds no room."""
OF_ONE_ADDRESS = 12
"""Bodies of one address that may arrive at once, in one process; more wait a moment for room."""
ROOM_SECONDS = 3.0
BODY_SECONDS = 20.0
"""For a body that is taken whole; a larger one may take longer, at `_PACE`."""
PATIENCE = 20.0
"""Seconds for which a request waits for its turn to work."""
WHOLE = 8 * 1024 * 1024
"""Bytes of a body that is taken whole before its request works; a larger one is read as it comes."""
_PIECE = 4096
_QUICK = 0.01
_PACE = 2000
"""Bytes a second, from `BODY_SECONDS` on."""
_PROBES = frozenset({"/healthz", "/readyz"})
_BUSY = (
    "Trop de demandes sont en cours. Rien n’a été pris : réessayez dans un instant.\n"
    "Too many requests are under way. Nothing was taken: please try again in a moment.\n"
)
_LATE = (
    "La demande n’est pas arrivée à temps. Rien n’a été pris : réessayez.\n"
    "The request did not arrive in time. Nothing was taken: please try again.\n"
)


class Readable(Protocol):
    """The body of a request, as the server gives it."""

    def read(self, size: int = -1, /) -> bytes:
        """Return bytes, waiting for them as long as it takes."""


class Late(OSError):
    """A body did not come in time."""


class Busy(Exception):
    """There is no room for a request."""


class Timed(io.RawIOBase):
    """A body that must go on coming. The server waits for a piece without end, so pieces are small."""

    def __init__(self, body: Readable) -> None:
        self._body, self._began = body, monotonic()
        self._size, self._step = 0, 1

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill `buffer` with the next piece.

        Raises:
            Late: the body is slower than it may be.
        """
        asked = monotonic()
        piece = self._body.read(min(len(buffer), self._step))
        now = monotonic()
        self._step = min(self._step * 2, _PIECE) if now - asked < _QUICK else 1
        self._size += len(piece)
        if piece and now - self._began > BODY_SECONDS + self._size / _PACE:
            raise Late
        buffer[: len(piece)] = piece
        return len(piece)


class Gate:
    """The application behind the limits of this module."""

    def __init__(self, served: "WSGIApplication", *, by_address: bool) -> None:
        """`by_address`: clients come themselves; else one proxy brings all of them."""
        self._served, self._by_address = served, by_address
        self._room, self._of_address = threading.Condition(), Counter[str]()
        self._large = threading.BoundedSemaphore(LARGE)
        self._working = threading.BoundedSemaphore(WORKING)
        self._waiting = threading.BoundedSemaphore(WAITING)
        self._probes = threading.BoundedSemaphore(PROBES)

    def __call__(self, request: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request, or refuse it in words before anything of it is taken."""
        path = request.get("PATH_INFO", "")
        if path == "/healthz":
            return _plain(start, "200 OK", '{"status": "alive"}', kind="application/json")
        try:
            if path in _PROBES:
                with _held(self._probes, 0):
                    return self._served(request, start)
            with self._body(request), self._turn():
                return self._served(request, start)
        except Busy:
            return _plain(start, "503 Service Unavailable", _BUSY, wait="5")
        except Late:
            return _plain(start, "408 Request Timeout", _LATE, wait="5")

    @contextmanager
    def _body(self, request: "WSGIEnvironment") -> Iterator[None]:
        """Take a body whole, or as it comes where it is large or does not say how large it is."""
        length = request.get("CONTENT_LENGTH") or ""
        chunked = request.get("HTTP_TRANSFER_ENCODING", "")
        size = int(length) if length.isascii() and length.isdigit() else 0
        if size and size <= WHOLE and not chunked:
            request["wsgi.input"] = io.BytesIO(self._whole(request, size))
            yield
        elif size or chunked:
            with self._arrives(request.get("REMOTE_ADDR", "")), _held(self._large, PATIENCE):
                request["wsgi.input"] = io.BufferedReader(Timed(request["wsgi.input"]), _PIECE)
                yield
        else:
            yield

    def _whole(self, request: "WSGIEnvironment", size: int) -> bytes:
        with self._arrives(request.get("REMOTE_ADDR", "")):
            return io.BufferedReader(Timed(request["wsgi.input"]), _PIECE).read(size)

    @contextmanager
    def _arrives(self, address: str) -> Iterator[None]:
        """Hold a place among the bodies of an address, and among all.

        Raises:
            Busy: there is none.
        """
        with self._room:
            if not self._room.wait_for(lambda: self._has_room(address), timeout=ROOM_SECONDS):
                raise Busy
            self._of_address[address] += 1
        try:
            yield
        finally:
            with self._room:
                self._of_address[address] -= 1
                self._of_address += Counter()  # whoever is back at nothing goes
                self._room.notify_all()

    def _has_room(self, address: str) -> bool:
        full = self._by_address and self._of_address[address] >= OF_ONE_ADDRESS
        return not full and self._of_address.total() < ARRIVING

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for a turn to work, among few that wait."""
        if not self._working.acquire(blocking=False):
            with _held(self._waiting, 0):
                if not self._working.acquire(timeout=PATIENCE):
                    raise Busy
        try:
            yield
        finally:
            self._working.release()


class Kept:
    """How many threads keep their connection to the database from one request to the next."""

    def __init__(self, most: int, close: Callable[[], None]) -> None:
        self._most, self._close, self._lock = most, close, threading.Lock()
        self._mine, self._threads = threading.local(), weakref.WeakSet[Kept._Mark]()

    class _Mark:
        """Lives as long as its thread."""

    def end(self, **_: object) -> None:
        """Close this thread's connection at the end of a request, unless it is one of those that are kept."""
        with self._lock:
            mark = getattr(self._mine, "mark", None)
            if mark is None and len(self._threads) < self._most:
                mark = self._mine.mark = Kept._Mark()
                self._threads.add(mark)
        if mark is None:
            self._close()


@contextmanager
def _held(room: threading.BoundedSemaphore, seconds: float) -> Iterator[None]:
    """Hold a place, waiting for it at most `seconds`.

    Raises:
        Busy: there is none.
    """
    if not room.acquire(timeout=seconds):
        raise Busy
    try:
        yield
    finally:
        room.release()


def _plain(
    start: "StartResponse", status: str, text: str, *, kind: str = "text/plain", wait: str = ""
) -> list[bytes]:
    body = text.encode()
    headers = [
        ("Content-Type", f"{kind}; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start(status, [*headers, ("Retry-After", wait)] if wait else headers)
    return [body]
