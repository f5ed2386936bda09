"""IP addresses (RFC 4291, RFC 5952) with their port, and e-mail addresses (RFC 5321, RFC 6531)."""

import re
import unicodedata
from functools import lru_cache

from msgspec import Struct

from fanal.harmonise.domain.defang import refang
from fanal.harmonise.domain.hosts import (
    PLAIN_HOST,
    canonical_host,
    canonical_ip,
    ip_in_host,
    packed_ip,
)

_BRACKETED = re.compile(r"^\[([0-9A-Fa-f:.%\w]+)\](?::(\d{1,5}))?$")
_V4_PORT = re.compile(r"^(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})$")
_NAMED = re.compile(r"^[^<>]{0,200}<([^<>\s]{3,320})>$")
_BAD_LOCAL = re.compile(r"[\x00-\x20\x7f()<>\[\]:;@\\,]")
_PLAIN_EMAIL = re.compile(rf"[a-z0-9][a-z0-9_.+\-]{{0,63}}@{PLAIN_HOST}")  # already canonical
_LONGEST_LOCAL = 64  # octets, RFC 5321, 4.5.3.1.1


class IpAddress(Struct, frozen=True, kw_only=True):
    """An address in canonical form and the port written beside it."""

    value: str
    port: int | None = None


@lru_cache(maxsize=1024)
def read_ip(text: str) -> IpAddress | None:
    """Return the address in `text` (`a`, `a:port`, `[a]:port`, defanged or not), or None."""
    written = canonical_ip(text)  # as nearly all are written: nothing to mend
    if written is not None:
        return IpAddress(value=written)
    plain = refang(text).strip()
    port: str | None = None
    written = canonical_ip(plain)
    if written is not None:
        return IpAddress(value=written)
    for pattern in (_BRACKETED, _V4_PORT):
        match = pattern.match(plain)
        if match is not None:
            plain, port = match.group(1), match.group(2)
            break
    written = canonical_ip(plain)
    return None if written is None else IpAddress(value=written, port=read_port(port))


def read_port(text: str | None) -> int | None:
    """Return the port that `text` writes, or None unless it lies in 1..65535."""
    if not text or not text.isascii() or not text.isdigit():
        return None
    port = int(text[:6])
    return port if 1 <= port <= 65535 else None


def is_routable(value: str) -> bool:
    """Return whether an address can point at one machine of the Internet.

    Loopback, link-local, multicast, unspecified and private-use addresses (RFC 1918, RFC 4193) mean
    another machine in every network. Shared (CGNAT, RFC 6598) and documentation ranges count as
    routable: the first do name an operator's customers at an instant and port.
    """
    packed = packed_ip(value)
    if packed is None:
        return False
    first, second = packed[0], packed[1]
    if len(packed) == 16:
        local = first & 0xFE == 0xFC or (first == 0xFE and second & 0xC0 == 0x80)
        return not (local or first == 0xFF or (packed[:15] == bytes(15) and packed[15] <= 1))
    if first in {10, 127} or 224 <= first <= 239 or packed == bytes(4):
        return False
    return not (
        (first == 169 and second == 254)
        or (first == 172 and second & 0xF0 == 16)
        or (first == 192 and second == 168)
    )


def read_email(text: str) -> str | None:
    """Return the canonical form of an e-mail address, or None if `text` is none.

    The domain is the WHATWG host (IDNA, lower case). The part before `@` is lower-cased and in NFC:
    RFC 5321 lets a server tell `A` from `a`, and none in use does. Dots and `+tag` are kept, since
    what they mean differs by provider.
    """
    if _PLAIN_EMAIL.fullmatch(text) is not None:
        return text
    plain = refang(text).strip()
    plain = plain[7:] if plain[:7].lower() == "mailto:" else plain
    named = _NAMED.match(plain)
    plain = named.group(1) if named is not None else plain
    local, at, domain = plain.rpartition("@")
    if not at or not local or _BAD_LOCAL.search(local) is not None:
        return None
    local = unicodedata.normalize("NFC", local).lower()
    host = canonical_host(domain)
    if host is None or "." not in host or ip_in_host(host) is not None:
        return None
    if len(local.encode("utf-8", "replace")) > _LONGEST_LOCAL or not local.isprintable():
        return None
    return f"{local}@{host}"
