"""What stands between the server and the application, so that no few clients keep everybody else out.

The server gives each request a thread of its own before its body is there, and has no deadline for a body.
Here a body comes in before anything works on it, with a deadline; one address has few of them under way; few
requests work at a time and few wait; fewer of them compare a password, which is slow by design, or ask a
provider of single sign-on, which may be slow; and the questions after health wait for none of them, nor for
each other. Browsers that somebody signed in on before have places of their own, which no stranger takes.
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

from fanal.config.proxy import resolve_client

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

WORKING, WAITING, ARRIVING, LARGE, PROBES = 8, 48, 32, 4, 6
PASSWORDS, PROVIDERS, ASKING = 2, 1, 16
"""Requests that compare a password at a time, or ask a provider; how many of either may be there at all."""
KNOWN, OF_ONE_BROWSER = 8, 2
"""Places of known browsers alone, of each kind, and how many of them one browser holds."""
THREADS = WORKING + WAITING + 2 * ASKING + 2 * (ARRIVING + LARGE) + 3 * KNOWN + PROBES + 6
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
MOST_COOKIES = 16 * 1024
"""Characters of cookies, of which ours are some hundred: each pair costs time before anybody is known."""
HEADERS = 64 * 1024
"""Bytes of all headers of a request, about, for the server: it refuses where there are more."""
MOST_OF_A_TYPE = 1000
"""Characters of `Content-Type`: the library that reads its parameters takes the square of their number."""
_PROGRAMS = ("/api/", "/ispws/", "/hashsharing/", "/taxii2/")
_READING = frozenset({"GET", "HEAD"})
_PIECE = 4096
_QUICK = 0.01
_PACE = 2000
"""Bytes a second, from `BODY_SECONDS` on."""
FRESH, STALE = 1.0, 10.0
"""Seconds for which an answer after readiness is given again; and while it is being asked anew."""
_PASSWORDS = re.compile(r"/[^/]+/(?:login|account/(?:password|again))/")
_PROVIDERS = re.compile(r"/[^/]+/login/with/.*")
_BUSY = (
    "Trop de demandes sont en cours. Rien n’a été pris : réessayez dans un instant.\n"
    "Too many requests are under way. Nothing was taken: please try again in a moment.\n"
)
_LARGE = (
    "Cette page ne reçoit rien d’aussi grand. Rien n’a été pris.\n"
    "This page takes nothing as large. Nothing was taken.\n"
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
    """The body of a request, as the server gives it."""

    def read(self, size: int = -1, /) -> bytes:
        """Return bytes, waiting for them as long as it takes."""


class Late(OSError):
    """A body did not come in time."""


class Busy(Exception):
    """There is no room for a request."""


class TooLarge(Exception):
    """A body, or a header, is larger than what is taken."""

    def __init__(self, status: str = "413 Content Too Large", words: str = _LARGE) -> None:
        super().__init__(status)
        self.status, self.words = status, words


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


class Begun(io.RawIOBase):
    """A stream of which the beginning has been read."""

    def __init__(self, begun: bytes, rest: "io.BufferedReader[Timed]") -> None:
        self._begun, self._rest = io.BytesIO(begun), rest

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill `buffer` from the beginning, then from the rest."""
        return self._begun.readinto(buffer) or self._rest.readinto(buffer)


class Room:
    """Places for requests, of which one address may hold few."""

    def __init__(self, most: int, *, of_one: int, seconds: float) -> None:
        """Whoever finds no place waits `seconds` for one, beside no more than there are places."""
        self._most, self._of_one, self._seconds = most, of_one, seconds
        self._change, self._of_address = threading.Condition(), Counter[str]()
        self._waiting = Counter[str]()

    @contextmanager
    def place(self, address: str) -> Iterator[None]:
        """Hold a place.

        Raises:
            Busy: there is none.
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
                self._of_address += Counter()  # whoever is back at nothing goes
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
    """An answer that anybody asks for and that is costly to find: found once a second, whoever asks.

    Where it is being found, those who ask beside get the last one; it grows no older than `STALE`.
    """

    def __init__(self, served: "WSGIApplication") -> None:
        self._served, self._finding = served, threading.Semaphore()
        self._places = threading.BoundedSemaphore(PROBES)
        self._last: tuple[float, str, list[tuple[str, str]], bytes] | None = None

    def __call__(self, request: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Give the answer.

        Raises:
            Busy: it takes longer than `STALE` to find, or nobody found it yet and many ask.
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
        """Find the answer anew, unless somebody else does; waited for where the last is too old."""
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
        """Ask, as one who sends nothing of their own: the answer is for everybody."""
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
    """Places of slow requests, few of which work at a time while the others wait."""

    def __init__(self, most: int, *, of_one: int, work: int) -> None:
        self._room, self._turns = Room(most, of_one=of_one, seconds=0), threading.Semaphore(work)

    @contextmanager
    def place(self, whose: str) -> Iterator[None]:
        """Hold a place, and wait there for a turn.

        Raises:
            Busy: there is none.
        """
        with self._room.place(whose), _held(self._turns, PATIENCE):
            yield


class Lanes:
    """The lanes of one kind of slow request: of everybody, and of known browsers alone."""

    def __init__(self, work: int) -> None:
        self._strangers = Lane(ASKING, of_one=ASKING // 2, work=work)
        self._known = Lane(KNOWN, of_one=OF_ONE_BROWSER, work=work)

    @contextmanager
    def place(self, address: str, browser: str) -> Iterator[None]:
        """Hold a place: for a known `browser` (its mark) one of their own, or else one of everybody's.

        Raises:
            Busy: there is none.
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
    """The application behind the limits of this module."""

    def __init__(
        self, served: "WSGIApplication", *, hops: int, known: Callable[[str], str] = _nobody
    ) -> None:
        """`hops` proxies bring the requests (`resolve_client`); 0: clients come themselves.

        `known` returns the mark of the browser that sends some cookies, "" where nobody signed in on it; it
        asks no database.
        """
        self._served, self._hops, self._known = served, hops, known
        # A proxy sends whole bodies, of many: its own address says nothing.
        of_one = ARRIVING if hops else OF_ONE_ADDRESS
        self._arriving = Room(ARRIVING, of_one=of_one, seconds=ROOM_SECONDS)
        self._arriving_known = Room(KNOWN, of_one=OF_ONE_BROWSER, seconds=0)
        self._passwords, self._providers = Lanes(PASSWORDS), Lanes(PROVIDERS)
        self._large = Room(LARGE, of_one=LARGE - 1, seconds=PATIENCE)
        self._working = threading.BoundedSemaphore(WORKING)
        self._waiting = threading.BoundedSemaphore(WAITING)
        self._ready = SharedAnswer(served)

    def __call__(self, request: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer a request, or refuse it in words before anything of it is taken."""
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
        """Take a body whole, so that its request has the instant of its end; a large one as it comes.

        Programs alone send large ones: no page has use for any.

        Raises:
            TooLarge: it is larger than what its page takes.
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
                if not request.get("PATH_INFO", "").startswith(_PROGRAMS):
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
        """Hold a place for a body: a known browser one of its own, where there is one."""
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
        """Hold one of the few places for requests that are slow, before one to work.

        Else whoever tries passwords, of accounts that exist or not, or begins to sign in by a slow provider,
        would hold all the places to work.
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
        """Return whose a request is, beyond the proxies, as `network_of` counts them."""
        asker = {name: request.get(name) for name in ("REMOTE_ADDR", "HTTP_X_FORWARDED_FOR")}
        resolve_client(asker, hops=self._hops)
        return network_of(str(asker["REMOTE_ADDR"] or ""))

    def _browser(self, request: "WSGIEnvironment") -> str:
        return self._known(request.get("HTTP_COOKIE", ""))

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


def _is_costly(request: "WSGIEnvironment") -> bool:
    cookies, kind = request.get("HTTP_COOKIE", ""), request.get("CONTENT_TYPE", "")
    return len(cookies) > MOST_COOKIES or len(kind) > MOST_OF_A_TYPE


def network_of(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the 64 first bits of an IPv6 one."""
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
    """Return whether a request may make the application compare a password, or store one."""
    return method not in _READING and _PASSWORDS.fullmatch(path) is not None


def asks_a_provider(path: str) -> bool:
    """Return whether a request may make the application ask a provider of single sign-on."""
    return _PROVIDERS.fullmatch(path) is not None


class KeptConnections:
    """How many threads keep their connection to the database from one request to the next."""

    def __init__(self, most: int, close: Callable[[], None]) -> None:
        self._most, self._close, self._lock = most, close, threading.Lock()
        self._mine, self._threads = threading.local(), weakref.WeakSet[KeptConnections._Mark]()

    class _Mark:
        """Lives as long as its thread."""

    def end(self, **_: object) -> None:
        """Close this thread's connection at the end of a request, unless it is one of those that are kept."""
        with self._lock:
            mark = getattr(self._mine, "mark", None)
            if mark is None and len(self._threads) < self._most:
                mark = self._mine.mark = KeptConnections._Mark()
                self._threads.add(mark)
        if mark is None:
            self._close()


@contextmanager
def _held(room: threading.Semaphore, seconds: float) -> Iterator[None]:
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
