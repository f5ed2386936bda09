"""Where lists may be fetched from: an https address of another machine, checked each time."""

from typing import Final
from urllib.parse import urlsplit

MAX_URL: Final = 500
MAX_NAME: Final = 100
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class AddressRefused(ValueError):
    """An address from which nothing is fetched; `code` says why (labels of kind `exchange_refused`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def checked_url(url: str, *, loopback: bool = False) -> str:
    """Return the address of a service without a slash at its end.

    Only https, without user, password, query or fragment. `loopback` also lets http reach this machine: in a
    demo database, whose partners are tests. What the name resolves to is checked at every call besides.

    Raises:
        AddressRefused: ADDRESS, or NOT_HTTPS.
    """
    if (
        len(url) > MAX_URL
        or not url.isascii()
        or not url.isprintable()
        or any(c in url for c in " \\")
    ):
        raise AddressRefused("ADDRESS")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise AddressRefused("ADDRESS") from None
    plain = not (parts.username or parts.password or parts.query or parts.fragment or "@" in url)
    if not host or not plain or "?" in url or "#" in url:
        raise AddressRefused("ADDRESS")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback and host in _LOOPBACK):
        raise AddressRefused("NOT_HTTPS")
    return url.rstrip("/")
