"""A WSGI middleware with admission control, so that a few clients cannot exhaust the server's threads.

The server starts a thread for each request before its body has arrived, and sets no deadline for the body.
Here a body is read first, with a deadline, and one address may send only a few at a time. Few requests run
at a time and few wait (bulkheads). Requests that compare a password, slow by design, or call a single sign-on
provider, possibly slow, have smaller limits. Health checks wait for none of them, nor for each other.
Browsers with an earlier sign-in ("known" browsers) have reserved places, which strangers cannot occupy.
"""

import io
import re
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address, IPv6Network, ip_address
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from fanal.config.large_bodies import takes_large
from fanal.config.proxy import resolve_client

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

WORKING, WAITING, ARRIVING, LARGE, PROBES = 8, 48, 32, 4, 6
PASSWORDS, PROVIDERS, ASKING = 2, 1, 16
"""Maximum requests that compare a password, that call a provider; and of one kind, with waiting ones."""
KNOWN, OF_ONE_BROWSER = 8, 2
"""Places reserved for known browsers, of each kind, and how many of them a single browser may hold."""
THREADS = WORKING + WAITING + 2 * ASKING + 2 * (ARRIVING + LARGE) + 3 * KNOWN + PROBES + 6
"""Threads that the server needs for all these requests, and to refuse any further ones."""
OF_ONE_ADDRESS = 12
"""Bodies that one address may send at a time to one process; further ones wait `ROOM_SECONDS`."""
ROOM_SECONDS = 3.0
BODY_SECONDS = 20.0
"""Deadline of a body that is read at once; a larger one may take longer, at `_PACE`."""
PATIENCE = 20.0
"""Longest wait of a request, in seconds, before it runs."""
WHOLE = 8 * 1024 * 1024
"""Bytes of a body that is read completely before its request runs; a larger one is streamed."""
MOST_COOKIES = 16 * 1024
"""Maximum characters of cookies (ours have some hundred): parsing costs time before any authentication."""
HEADERS = 64 * 1024
"""Approximate maximum of bytes of all headers of a request: the server's limit."""
MOST_OF_A_TYPE = 1000
"""Maximum characters of `Content-Type`: the library's parser of its parameters takes quadratic time."""
_READING = frozenset({"GET", "HEAD"})
_PIECE = 4096
_QUICK = 0.01
_PACE = 2000
"""Lowest accepted rate, in bytes a second, after `BODY_SECONDS`."""
FRESH, STALE = 1.0, 10.0
"""Seconds for which a readiness answer is cached, and for which it is served stale during a refresh."""
_PASSWORDS = re.compile(r"/[^/]+/(?:login|account/(?:password|again))/")
_PROVIDERS = re.compile(r"/[^/]+/login/with/.*")
_BUSY = (
    "Trop de demandes sont en cours. Rien n’a été pris : réessayez dans un instant.\n"
    "Too many requests are under way. Nothing was taken: please try again in a moment.\n"
)
_LARGE = (
    "Cette page ne reçoit rien d’aussi grand. Rien n’a été pris. En danger, appelez le 17 ou le 112.\n"
    "This page takes nothing as large. Nothing was taken. In danger, call 17 or 112.\n"
)
_FIELDS = (
    "Un en-tête de cette demande est trop long : effacez les cookies de ce site, puis réessayez.\n"
    "A header of this request is too long: delete the cookies of this site, then try again.\n"
)
_LATE = (
    "La demande n’est pas arrivée à temps. Rien n’a été pris : réessayez.\n"
    "The request did not arrive in time. Nothing was taken: please try again.\n"
)


class Readable(Protocol):
    """The interface of a request body as the server provides it (`wsgi.input`)."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; block without a deadline."""


class Late(OSError):
    """Error: a request body missed its deadline or minimum rate (status 408)."""


class Busy(Exception):
    """Error: no place for a request became free in time (status 503)."""


class TooLarge(Exception):
    """Error: a body or a header exceeds its limit (status 413 or 431)."""

    def __init__(self, status: str = "413 Content Too Large", words: str = _LARGE) -> None:
        super().__init__(status)
        self.status, self.words = status, words


class Timed(io.RawIOBase):
    """A request's body as a stream that raises `Late` if it comes more slowly than the minimum rate."""

    def __init__(self, body: Readable) -> None:
        self._body, self._began = body, monotonic()
        self._size, self._step = 0, 1

    def readable(self) -> bool:
        """Return True, as `io.RawIOBase` asks of a stream that can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill `buffer` with the next piece of the body, and return its length (0 at the end).

        Raises:
            Late: the body is slower than the minimum rate.
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


class Begun(io.RawIOBase):
    """A body stream of which some bytes were already read: it yields these (`begun`) first, then the rest."""

    def __init__(self, begun: bytes, rest: "io.BufferedReader[Timed]") -> None:
        self._begun, self._rest = io.BytesIO(begun), rest

    def readable(self) -> bool:
        """Return True, as `io.RawIOBase` asks of a stream that can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill `buffer` from the bytes already read, then from the rest; return the number of bytes."""
        return self._begun.readinto(buffer) or self._rest.readinto(buffer)


class Room:
    """A semaphore: a bounded number of places for concurrent requests, with a lower limit for each client."""

    def __init__(self, most: int, *, of_one: int, seconds: float) -> None:
        """Allow `most` requests, `of_one` per address; as many again may wait, each at most `seconds`."""
        self._most, self._of_one, self._seconds = most, of_one, seconds
        self._change, self._of_address = threading.Condition(), Counter[str]()
        self._waiting = Counter[str]()

    @contextmanager
    def place(self, address: str) -> Iterator[None]:
        """Hold a place for the client `address` within the context; wait for one if few others wait.

        Raises:
            Busy: no place became free in time, or too many requests wait already.
        """
        with self._change:
            if not self._is_free(address):
                self._wait(address)
            self._of_address[address] += 1
        try:
            yield
        finally:
            with self._change:
                self._of_address[address] -= 1
                self._of_address += Counter()  # drops the zero counts
                self._change.notify_all()

    def _wait(self, address: str) -> None:
        if not self._has_room(self._waiting, address):
            raise Busy
        self._waiting[address] += 1
        try:
            if not self._change.wait_for(lambda: self._is_free(address), timeout=self._seconds):
                raise Busy
        finally:
            self._waiting[address] -= 1
            self._waiting += Counter()

    def _is_free(self, address: str) -> bool:
        return self._has_room(self._of_address, address)

    def _has_room(self, held: Counter[str], address: str) -> bool:
        return held[address] < self._of_one and held.total() < self._most


class SharedAnswer:
    """A cache of one costly answer (readiness), computed at most once in `FRESH` seconds for all clients.

    During a refresh other clients get the previous answer, up to `STALE` seconds old.
    """

    def __init__(self, served: "WSGIApplication") -> None:
        self._served, self._finding = served, threading.Semaphore()
        self._places = threading.BoundedSemaphore(PROBES)
        self._last: tuple[float, str, list[tuple[str, str]], bytes] | None = None

    def __call__(self, request: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Return the cached answer, refreshed if needed.

        Raises:
            Busy: no answer at most `STALE` seconds old within `PATIENCE` seconds, or too many wait for one.
        """
        if not self._is_younger_than(FRESH):
            self._find(request)
        if self._last is None or not self._is_younger_than(STALE):
            raise Busy
        _at, status, headers, body = self._last
        start(status, list(headers))
        return [b"" if request.get("REQUEST_METHOD") == "HEAD" else body]

    def _is_younger_than(self, seconds: float) -> bool:
        return self._last is not None and monotonic() - self._last[0] < seconds

    def _find(self, request: "WSGIEnvironment") -> None:
        """Refresh the answer unless another thread does so; wait for that thread if the cache is too old."""
        seconds = 0 if self._is_younger_than(STALE) else PATIENCE
        with _held(self._places, 0) if seconds else ExitStack():
            if not self._finding.acquire(timeout=seconds):
                return
            try:
                if not self._is_younger_than(FRESH):
                    self._last = self._found(request)
            finally:
                self._finding.release()

    def _found(self, request: "WSGIEnvironment") -> tuple[float, str, list[tuple[str, str]], bytes]:
        """Call the application without headers or query; return (monotonic time, status, headers, body)."""
        asked = {name: value for name, value in request.items() if not name.startswith("HTTP_")}
        asked |= {"REQUEST_METHOD": "GET", "QUERY_STRING": "", "wsgi.input": io.BytesIO()}
        asked |= {"CONTENT_LENGTH": "", "CONTENT_TYPE": ""}
        told: list[tuple[str, list[tuple[str, str]]]] = []

        def start(
            status: str, headers: list[tuple[str, str]], *_more: object
        ) -> Callable[..., object]:
            told.append((status, headers))
            return lambda _piece: None

        answer = self._served(asked, start)
        try:
            body = b"".join(answer)
        finally:
            if close := getattr(answer, "close", None):
                close()
        status, headers = told[-1]
        return monotonic(), status, headers, body


class Lane:
    """A queue for slow requests with two limits: how many run at a time, and how many wait for their turn."""

    def __init__(self, most: int, *, of_one: int, work: int) -> None:
        self._room, self._turns = Room(most, of_one=of_one, seconds=0), threading.Semaphore(work)

    @contextmanager
    def place(self, whose: str) -> Iterator[None]:
        """Hold a place of the client `whose` within the context: first in the queue, then to run.

        Raises:
            Busy: no place or no turn became free.
        """
        with self._room.place(whose), _held(self._turns, PATIENCE):
            yield


class Lanes:
    """The queues for one kind of slow request: a general one, and one for browsers that signed in before."""

    def __init__(self, work: int) -> None:
        self._strangers = Lane(ASKING, of_one=ASKING // 2, work=work)
        self._known = Lane(KNOWN, of_one=OF_ONE_BROWSER, work=work)

    @contextmanager
    def place(self, address: str, browser: str) -> Iterator[None]:
        """Hold a place in a queue, then a turn to run; a known `browser` ("": none) tries its own first.

        Raises:
            Busy: neither queue has both.
        """
        with ExitStack() as held:
            try:
                if not browser:
                    raise Busy
                held.enter_context(self._known.place(browser))
            except Busy:
                held.enter_context(self._strangers.place(address))
            yield


def _nobody(_cookies: str) -> str:
    return ""


class Gate:
    """A WSGI middleware: the application `served` behind admission control (else 408, 413, 431, 503)."""

    def __init__(
        self, served: "WSGIApplication", *, hops: int, known: Callable[[str], str] = _nobody
    ) -> None:
        """Put the application `served` behind the limits; `hops` is the number of reverse proxies (0: none).

        `known` maps cookies to the identifier of a browser that has signed in before, else ""; without a
        query.
        """
        self._served, self._hops, self._known = served, hops, known
        # A proxy sends the complete bodies of many clients from a single address.
        of_one = ARRIVING if hops else OF_ONE_ADDRESS
        self._arriving = Room(ARRIVING, of_one=of_one, seconds=ROOM_SECONDS)
        self._arriving_known = Room(KNOWN, of_one=OF_ONE_BROWSER, seconds=0)
        self._passwords, self._providers = Lanes(PASSWORDS), Lanes(PROVIDERS)
        self._large = Room(LARGE, of_one=LARGE - 1, seconds=PATIENCE)
        self._working = threading.BoundedSemaphore(WORKING)
        self._waiting = threading.BoundedSemaphore(WAITING)
        self._ready = SharedAnswer(served)

    def __call__(self, request: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request, or refuse it with a message before any of it is processed."""
        path = request.get("PATH_INFO", "")
        if path == "/healthz":
            return _plain(start, "200 OK", '{"status": "alive"}', kind="application/json")
        try:
            if path == "/readyz" and request.get("REQUEST_METHOD") in _READING:
                return self._ready(request, start)
            if _is_costly(request):
                raise TooLarge("431 Request Header Fields Too Large", _FIELDS)
            with self._body(request), self._slow(request), self._turn():
                return self._served(request, start)
        except Busy:
            return _plain(start, "503 Service Unavailable", _BUSY, wait="5")
        except TooLarge as refused:
            return _plain(start, refused.status, refused.words)
        except Late:
            return _plain(start, "408 Request Timeout", _LATE, wait="5")

    @contextmanager
    def _body(self, request: "WSGIEnvironment") -> Iterator[None]:
        """Receive the body of a request before the block processes it; a large one is streamed to the block.

        Only programs send large bodies, and known browsers the file that proves a step of an act.

        Raises:
            TooLarge, Late, Busy: it exceeds the limit of its page, is too slow, or finds no free place.
        """
        length = request.get("CONTENT_LENGTH") or ""
        chunked = bool(request.get("HTTP_TRANSFER_ENCODING", ""))
        size = int(length) if length.isascii() and length.isdigit() else 0
        large = not chunked and size > WHOLE
        if not size and not chunked:
            yield
            return
        if (chunked or large) and self._lanes(request):
            raise TooLarge
        with ExitStack() as held:
            held.enter_context(self._arrives(request))
            stream = io.BufferedReader(Timed(request["wsgi.input"]), _PIECE)
            begun = b"" if large else stream.read(WHOLE + 1 if chunked else size)
            if large or len(begun) > WHOLE:
                if not takes_large(request, size=size, browser=self._browser(request)):
                    raise TooLarge
                held.enter_context(self._large.place(self._client(request)))
                request["wsgi.input"] = io.BufferedReader(Begun(begun, stream), _PIECE)
            else:
                held.close()
                request["wsgi.input"] = io.BytesIO(begun)
                if chunked:
                    request["CONTENT_LENGTH"] = str(len(begun))
                    del request["HTTP_TRANSFER_ENCODING"]
            yield

    @contextmanager
    def _arrives(self, request: "WSGIEnvironment") -> Iterator[None]:
        """Hold a place for an arriving request body: a reserved one (known browser) or a general one."""
        with ExitStack() as held:
            try:
                if not (browser := self._browser(request)):
                    raise Busy
                held.enter_context(self._arriving_known.place(browser))
            except Busy:
                held.enter_context(self._arriving.place(network_of(request.get("REMOTE_ADDR", ""))))
            yield

    @contextmanager
    def _slow(self, request: "WSGIEnvironment") -> Iterator[None]:
        """Hold a place in the queue of slow requests, if the request belongs there, before a place to run.

        Slow requests compare a password or call a sign-in provider. Otherwise password guesses, for existing
        accounts or not, or sign-ins by a slow provider could occupy all places to run.
        """
        if lanes := self._lanes(request):
            with lanes.place(self._client(request), self._browser(request)):
                yield
        else:
            yield

    def _lanes(self, request: "WSGIEnvironment") -> Lanes | None:
        method, path = request.get("REQUEST_METHOD", ""), request.get("PATH_INFO", "")
        if compares_a_password(method, path):
            return self._passwords
        return self._providers if asks_a_provider(path) else None

    def _client(self, request: "WSGIEnvironment") -> str:
        """Return the client behind the proxies as limits count it: an IPv4 address or an IPv6 network."""
        asker = {name: request.get(name) for name in ("REMOTE_ADDR", "HTTP_X_FORWARDED_FOR")}
        resolve_client(asker, hops=self._hops)
        return network_of(str(asker["REMOTE_ADDR"] or ""))

    def _browser(self, request: "WSGIEnvironment") -> str:
        return self._known(request.get("HTTP_COOKIE", ""))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold one of the places to run a request, after a bounded wait; raise Busy if none becomes free."""
        if not self._working.acquire(blocking=False):
            with _held(self._waiting, 0):
                if not self._working.acquire(timeout=PATIENCE):
                    raise Busy
        try:
            yield
        finally:
            self._working.release()


def _is_costly(request: "WSGIEnvironment") -> bool:
    cookies, kind = request.get("HTTP_COOKIE", ""), request.get("CONTENT_TYPE", "")
    return len(cookies) > MOST_COOKIES or len(kind) > MOST_OF_A_TYPE


def network_of(address: str) -> str:
    """Return what counts as one client: an IPv4 address, the /64 of an IPv6 one, else the text as given."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((found, 64), strict=False))


def compares_a_password(method: str, path: str) -> bool:
    """Return whether a request (method, path) may make the application compare or store a password."""
    return method not in _READING and _PASSWORDS.fullmatch(path) is not None


def asks_a_provider(path: str) -> bool:
    """Return whether a request may make the application call a single sign-on provider."""
    return _PROVIDERS.fullmatch(path) is not None


class KeptConnections:
    """A limit (`most`) on the threads that keep their database connection open between two requests."""

    def __init__(self, most: int, close: Callable[[], None]) -> None:
        self._most, self._close, self._lock = most, close, threading.Lock()
        self._mine, self._threads = threading.local(), weakref.WeakSet[KeptConnections._Mark]()

    class _Mark:
        """An object held by each thread within the limit; weakly referenced, it ends with the thread."""

    def end(self, **_: object) -> None:
        """Close this thread's connection at the signal `request_finished`, unless it is within the limit."""
        with self._lock:
            mark = getattr(self._mine, "mark", None)
            if mark is None and len(self._threads) < self._most:
                mark = self._mine.mark = KeptConnections._Mark()
                self._threads.add(mark)
        if mark is None:
            self._close()


@contextmanager
def _held(room: threading.Semaphore, seconds: float) -> Iterator[None]:
    """Hold the semaphore `room` within the context, after a wait of at most `seconds`.

    Raises:
        Busy: the semaphore was not released in time.
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
