"""Client of an OpenID Connect provider: discovery document and signing keys.

It uses only https, or http on this machine, so that nobody can read or change client secret, codes and keys.
Redirects are not followed.
"""

import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from fanal.kernel.typed import is_sheltered

WELL_KNOWN: Final = "/.well-known/openid-configuration"
SECONDS: Final = 5.0
"""Deadline of a whole answer, and longest silence of the provider."""
_LONGEST: Final = 1024 * 1024
"""Maximum bytes of an answer."""
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderUnsound(Exception):
    """Error: the sign-in provider's configuration or answers are unacceptable; the text says why."""


class _Cut:
    """Mixin for an HTTP connection that is closed after `SECONDS`, however slowly the other side sends."""

    sock: socket.socket | None
    _end: threading.Timer | None = None

    def connect(self) -> None:
        self._end = threading.Timer(SECONDS, self._shut)
        self._end.daemon = True
        super().connect()  # type: ignore[misc]
        self._end.start()

    def close(self) -> None:
        if self._end is not None:
            self._end.cancel()
        super().close()  # type: ignore[misc]

    def _shut(self) -> None:
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


class _CutHTTP(_Cut, HTTPConnection):
    pass


class _CutHTTPS(_Cut, HTTPSConnection):
    pass


class _PoolHTTP(HTTPConnectionPool):
    ConnectionCls = _CutHTTP


class _PoolHTTPS(HTTPSConnectionPool):
    ConnectionCls = _CutHTTPS


class _Adapter(HTTPAdapter):
    """Adapter of `requests` that opens connections with a deadline (`_Cut`)."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _PoolHTTP, "https": _PoolHTTPS}


class ShelteredSession(requests.Session):
    """HTTP session for https URLs (or this machine's), with a deadline for each call, without redirects."""

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())
        self.headers["Connection"] = "close"

    def request(
        self, method: str | bytes, url: str | bytes, *args: object, **more: object
    ) -> requests.Response:
        """Send a request and return its response; the caller's time-out and redirect options are overruled.

        Raises:
            requests.RequestException: no answer within the deadline, or a redirect.
            ProviderUnsound: the URL is neither https nor loopback, or the answer is too long.
        """
        address = url if isinstance(url, str) else url.decode()
        if not is_sheltered(address):
            raise ProviderUnsound(f"{address} is no https address")
        ends = time.monotonic() + SECONDS
        more.update(allow_redirects=False, timeout=SECONDS, stream=True)
        answer: requests.Response = super().request(method, address, *args, **more)  # type: ignore[arg-type]
        body = bytearray()
        with answer:
            for piece in answer.iter_content(65536):
                body += piece
                if len(body) > _LONGEST:
                    raise ProviderUnsound(f"the answer of {address} is too long")
        if time.monotonic() >= ends:  # the library takes headers that were cut for whole ones
            raise requests.Timeout(f"{address} did not answer in {SECONDS:.0f} s")
        answer._content = bytes(body)  # noqa: SLF001 - a streamed answer keeps nothing by itself
        if answer.is_redirect:
            raise requests.TooManyRedirects(f"{address} leads elsewhere")
        return answer


def discover(address: str) -> dict[str, object]:
    """Return the OpenID Connect discovery document of the provider at `address`, its endpoints checked.

    `address` is the URL of the document, or the issuer.

    Raises:
        requests.RequestException: it does not answer, redirects, or answers with an error status.
        ProviderUnsound: its answer is no JSON object, it names another issuer, or an endpoint is missing or
            not https.
    """
    issuer = address.partition("/.well-known/")[0].rstrip("/")
    said = _read(address if "/.well-known/" in address else f"{issuer}{WELL_KNOWN}")
    if str(said.get("issuer", "")).rstrip("/") != issuer:
        raise ProviderUnsound(f"the issuer is {said.get('issuer')!r}, not {issuer!r}")
    for name in _ENDPOINTS:
        if not is_sheltered(str(said.get(name, ""))):
            raise ProviderUnsound(f"{name} is no https address: {said.get(name)!r}")
    return said


def signing_keys(provider: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return an OpenID Connect provider's public signing keys (JWK) from the key set at its `jwks_uri`.

    `provider` is its discovery document. A key without a stated use (`use`) counts as a signing key. In their
    order; [] if there is none.

    Raises:
        requests.RequestException: it does not answer, redirects, or answers with an error status.
        ProviderUnsound: the response is no key set.
    """
    keys = _read(str(provider["jwks_uri"])).get("keys")
    if not isinstance(keys, list):
        raise ProviderUnsound("the key set holds no list of keys")
    return [key for key in keys if isinstance(key, dict) and key.get("use", "sig") == "sig"]


def _read(address: str) -> dict[str, object]:
    with ShelteredSession() as line:
        answer = line.get(address)
    answer.raise_for_status()
    try:
        said = answer.json()
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ProviderUnsound(f"{address} answers no JSON object")
    return said
