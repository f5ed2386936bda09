"""HTTPS client for partners' servers, with protection against SSRF and limits of time and size.

The host name is resolved once, all its addresses are checked, and the connection uses a checked address,
which defeats DNS rebinding. Redirects are followed on the same host only.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import urljoin, urlsplit

CONNECT_SECONDS: Final = 10.0
TOTAL_SECONDS: Final = 120.0
_BLOCK: Final = 1 << 16
_REDIRECTS: Final = 3
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
AGENT: Final = "fanal"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class OutsideRefused(Exception):
    """Error: no usable response from a partner's server; `code` is the reason (`exchange_refusal` labels).

    `status` is the HTTP status of the response for NOT_AUTHORISED, BUSY and STATUS, else 0. No part of the
    request is kept.
    """

    def __init__(self, code: str, *, status: int = 0) -> None:
        super().__init__(code)
        self.code, self.status = code, status


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response of a partner's server with status 200: headers with lower-case names, complete body."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """An HTTPS client for partners' servers.

    `seconds` is the time limit of one call. `loopback` also allows servers on this machine, by http as well
    (demo, tests).
    """

    loopback: bool = False
    seconds: float = TOTAL_SECONDS

    def get(self, url: str, *, headers: Mapping[str, str], limit: int) -> Response:
        """Return the response to a GET request; `limit` is the maximum size of the body in bytes.

        A redirect on the same host is followed, with the same `headers`.

        Raises:
            OutsideRefused: NOT_HTTPS (the URL is plain http), ADDRESS (not a public one), AWAY (not
                reachable), TLS (the certificate is not trusted), TIMEOUT (no complete response in `seconds`),
                TOO_LARGE (over `limit`), REDIRECT (to another host, or too many), PROTOCOL (the response is
                not complete HTTP), NOT_AUTHORISED (401, 403), BUSY (429, 503), STATUS (other).
        """
        ends = time.monotonic() + self.seconds
        origin = _origin(url)
        for _ in range(_REDIRECTS + 1):
            if _origin(url) != origin:
                raise OutsideRefused("REDIRECT")
            answer = self._once(url, headers, limit=limit, ends=ends)
            if isinstance(answer, Response):
                return answer
            try:
                url = urljoin(url, answer)
            except ValueError:
                raise OutsideRefused("REDIRECT") from None
        raise OutsideRefused("REDIRECT")

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes, limit: int) -> Response:
        """Return the response with status 200 to a POST request; redirects are not followed.

        `limit` is the maximum size of the response's body in bytes.

        Raises:
            OutsideRefused: NOT_HTTPS (the URL is plain http), ADDRESS (not a public one), AWAY (not
                reachable), TLS (the certificate is not trusted), TIMEOUT (no complete response in `seconds`),
                TOO_LARGE (over `limit`), REDIRECT (to another host, or too many), PROTOCOL (the response is
                not complete HTTP), NOT_AUTHORISED (401, 403), BUSY (429, 503), STATUS (other).
        """
        ends = time.monotonic() + self.seconds
        answer = self._once(url, headers, limit=limit, ends=ends, body=body)
        if isinstance(answer, Response):
            return answer
        raise OutsideRefused("REDIRECT")

    def _once(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        limit: int,
        ends: float,
        body: bytes | None = None,
    ) -> Response | str:
        """Return the response to one request, or the URL to which the server redirects it.

        With a `body` it is a POST request, otherwise GET. `limit` is the maximum size of the response's body
        in bytes, `ends` the deadline on the monotonic clock.

        Raises:
            OutsideRefused: no such response, with the codes of `get`.
        """
        parts = urlsplit(url)
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        addresses = list(self.addresses(host, port, plain=secure))
        pinned = partial(PinnedConnection, host, port, addresses, secure=secure, ends=ends)
        with refused(ends), closing(pinned()) as connection, connection.cut_at(ends):
            method = "GET" if body is None else "POST"
            connection.request(method, path, body=body, headers={"User-Agent": AGENT, **headers})
            answer = connection.getresponse()
            if answer.status in _MOVED:
                return answer.getheader("Location") or ""
            _check_status(answer.status)
            read = bytearray()
            while block := answer.read1(_BLOCK):
                read += block
                if len(read) > limit:
                    raise OutsideRefused("TOO_LARGE")
            if answer.length or time.monotonic() >= ends:
                raise http.client.IncompleteRead(bytes(read))  # shorter than Content-Length
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Response(headers=named, body=bytes(read))

    def addresses(self, host: str, port: int, *, plain: bool) -> Iterator[str]:
        """Yield the IP addresses of a host name that may be connected to.

        `plain`: public addresses too; otherwise only this machine's, where `loopback` allows them.

        Raises:
            OutsideRefused: AWAY (no address), ADDRESS (not a public one), NOT_HTTPS (one that needs `plain`).
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise OutsideRefused("AWAY") from None
        for entry in found:
            address = str(entry[4][0])
            here = ipaddress.ip_address(address.partition("%")[0])
            if self.loopback and here.is_loopback:
                yield address
            elif not plain:
                raise OutsideRefused("NOT_HTTPS")
            elif is_public(here):
                yield address
            else:
                raise OutsideRefused("ADDRESS")


@contextmanager
def refused(ends: float) -> Iterator[None]:
    """Raise a failure of the connection as OutsideRefused; `ends`: deadline on the monotonic clock."""
    try:
        yield
    except (http.client.HTTPException, OSError) as failure:
        raise OutsideRefused(_told(failure, late=time.monotonic() >= ends)) from None


class PinnedConnection(http.client.HTTPConnection):
    """Connection to one of the checked IP addresses; TLS verifies the certificate for the host name."""

    def __init__(
        self, host: str, port: int, addresses: list[str], *, secure: bool, ends: float
    ) -> None:
        super().__init__(host, port, timeout=CONNECT_SECONDS)
        self._addresses, self._secure, self._name = addresses, secure, host
        self._ends = ends
        self._line: socket.socket | None = None

    def connect(self) -> None:
        """Connect to the first of the checked addresses that accepts, within the deadline of the call.

        Raises:
            OSError: none accepts.
        """
        failure: OSError = ConnectionError("no address")
        for address in self._addresses:
            try:
                line = socket.create_connection((address, self.port), timeout=self._seconds_left())
            except OSError as error:
                failure = error
                continue
            self.sock = line
            if self._secure:
                line.settimeout(self._seconds_left())
                context = ssl.create_default_context()
                self.sock = context.wrap_socket(line, server_hostname=self._name)
            self._line = self.sock  # `sock` is None once a response ends with its connection
            self._seconds_left()  # the timer may have fired before there was a socket
            self.sock.settimeout(CONNECT_SECONDS)
            return
        raise failure

    def _seconds_left(self) -> float:
        """Return the time-out for the next connection step, within the single deadline of the call.

        Raises:
            TimeoutError: the deadline has passed.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of the whole call")
        return min(CONNECT_SECONDS, left)

    @contextmanager
    def cut_at(self, ends: float) -> Iterator[None]:
        """Within this context, close the connection at `ends` (monotonic clock).

        This stops servers that send very slowly, which the time-out of a single read never does.
        """
        timer = threading.Timer(max(0.0, ends - time.monotonic()), self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        if (line := self._line or self.sock) is not None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


def _told(failure: Exception, *, late: bool) -> str:
    """Return the error code of a network failure: TIMEOUT, TLS, PROTOCOL, or AWAY (not reachable).

    `late`: the deadline of the call has passed, so that any failure counts as TIMEOUT.
    """
    if late or isinstance(failure, TimeoutError):
        return "TIMEOUT"
    if isinstance(failure, ssl.SSLError):
        return "TLS"
    broken = isinstance(failure, http.client.HTTPException) and not isinstance(failure, OSError)
    return "PROTOCOL" if broken else "AWAY"


def is_public(address: Address) -> bool:
    """Return whether an IP address is globally routable, also when embedded in IPv6 (mapped, 6to4, NAT64)."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.teredo or address.is_site_local:
            return False
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def _check_status(status: int) -> None:
    if status in {401, 403}:
        raise OutsideRefused("NOT_AUTHORISED", status=status)
    if status in {429, 503}:
        raise OutsideRefused("BUSY", status=status)
    if status != 200:
        raise OutsideRefused("STATUS", status=status)


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        raise OutsideRefused("ADDRESS") from None


_installed: list[Door] = []


def install(door: Door) -> None:
    """Set the HTTPS client (`door`) that `current` returns in this process."""
    _installed[:] = [door]


def current() -> Door:
    """Return the HTTPS client of this process, as set by `install`; IndexError before that."""
    return _installed[0]
