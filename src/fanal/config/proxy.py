"""Who sent a request, seen through the reverse proxies that the operator names: read here alone."""

import ipaddress
from collections.abc import Callable, MutableMapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def resolve_client(meta: MutableMapping[str, object], *, hops: int) -> None:
    """Put the client's address in place of the last proxy's in `REMOTE_ADDR`.

    `hops` proxies stand before us, each of which appends to `X-Forwarded-For` the address it was called
    from. Only a peer on this machine (loopback or a Unix socket) is believed; a header that is missing,
    too short or no address changes nothing.
    """
    if not hops or not _is_local(str(meta.get("REMOTE_ADDR") or "")):
        return
    told = str(meta.get("HTTP_X_FORWARDED_FOR") or "").split(",")
    if len(told) >= hops and (client := _address(told[-hops])):
        meta["REMOTE_ADDR"] = client


def client_address(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a middleware that applies `FANAL_PROXY_HOPS` before anything looks at the address."""

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
