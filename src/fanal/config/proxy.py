"""The client's address behind the configured reverse proxies: the only reader of `X-Forwarded-For`."""

import ipaddress
from collections.abc import Callable, MutableMapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def resolve_client(meta: MutableMapping[str, object], *, hops: int) -> None:
    """Replace the last proxy's address in `REMOTE_ADDR` of a WSGI environment (`meta`) by the client's.

    `hops` is the number of reverse proxies; each appends its peer's address to `X-Forwarded-For`. The
    header is trusted only from a peer on this machine (loopback or a Unix socket). A header that is
    missing, too short or without an address changes nothing.
    """
    if not hops or not _is_local(str(meta.get("REMOTE_ADDR") or "")):
        return
    told = str(meta.get("HTTP_X_FORWARDED_FOR") or "").split(",")
    if len(told) >= hops and (client := _address(told[-hops])):
        meta["REMOTE_ADDR"] = client


def client_address(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware that puts the client's address into `REMOTE_ADDR` (`resolve_client`).

    It runs before any other code reads the address; `FANAL_PROXY_HOPS` is the number of reverse proxies.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        resolve_client(request.META, hops=settings.FANAL_PROXY_HOPS or 0)
        return get_response(request)

    return middleware


def _is_local(peer: str) -> bool:
    if not peer:
        return True  # a Unix socket has no address
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip().strip("[]")))
    except ValueError:
        return ""
