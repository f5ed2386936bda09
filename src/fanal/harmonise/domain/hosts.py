"""Host names: canonical form, registrable domain, onion services, and IP addresses used as hosts.

The registrable domain follows both sections of the Public Suffix List (packaged copy, no network access).
Two customers of one hosting service are two publishers: the private section prevents a link, and later a
measure, from affecting the neighbours.
"""

import base64
import hashlib
import re
from functools import cache, lru_cache
from ipaddress import IPv6Address
from socket import AF_INET6, inet_ntop, inet_pton

from ada_url import URL
from publicsuffixlist import PublicSuffixList

# Reserved names of RFC 2606 and RFC 6761, and roots outside the public DNS that occur in reports.
_OTHER_ROOTS = frozenset({"test", "example", "invalid", "localhost", "local", "onion", "i2p"})
_ONION = re.compile(r"(?:^|\.)([a-z2-7]{56}|[a-z2-7]{16})\.onion$")
# Hosts that the WHATWG parser returns unchanged: plain labels, the last neither a number nor in IDNA form.
PLAIN_HOST = (
    r"(?:(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,10}(?!xn--)[a-z][a-z-]{0,61}[a-z]"
)
_PLAIN_HOST = re.compile(PLAIN_HOST)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ZEROS = bytes(10)
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")


@lru_cache(maxsize=4096)
def registrable_domain(host: str) -> str | None:
    """Return the registrable domain of a canonical host (public suffix plus one label); None without one."""
    if not host or host[0] == "." or host[-1] == "." or ip_in_host(host) is not None:
        return None
    return _suffixes().privatesuffix(host.lower())


@lru_cache(maxsize=4096)
def has_known_root(host: str) -> bool:
    """Return whether the last label of `host` is a listed or a reserved top-level domain."""
    root = host.rpartition(".")[2].lower()
    if root in _OTHER_ROOTS:
        return True
    return _suffixes().publicsuffix(root, accept_unknown=False) is not None


@cache
def _suffixes() -> PublicSuffixList:
    """Return the Public Suffix List, loaded at first use: most commands need no domain."""
    return PublicSuffixList()


def canonical_host(text: str) -> str | None:
    """Return `text` as a WHATWG host without its root dot (an IPv6 address in brackets), or None."""
    if _PLAIN_HOST.fullmatch(text) is not None:
        return text
    if not text or any(mark in text for mark in "/?#@\\") or _has_port(text):
        return None
    try:
        host = URL(f"http://{text}").hostname
    except ValueError:
        return None
    return without_root_dot(host) or None


def without_root_dot(host: str) -> str:
    """Return `host` without the trailing dot of the DNS root; `a..` stays, to show its empty label."""
    return host if host.endswith("..") else host.removesuffix(".")


def _has_port(text: str) -> bool:
    return ":" in text and not text.startswith("[")


def ip_in_host(host: str) -> str | None:
    """Return the canonical IP address that a WHATWG host consists of, or None for a name."""
    if host.startswith("["):
        return canonical_ip(host[1:-1])
    if host[-1:].isdigit():
        return canonical_ip(host)
    return None


def canonical_ip(text: str) -> str | None:
    """Return the RFC 5952 form of an IP address, an IPv4-mapped one as IPv4, or None if it is unreadable."""
    found = _parsed_ip(text)
    return None if found is None else found[1]


def packed_ip(text: str) -> bytes | None:
    """Return the IP address in `text` as 4 or 16 bytes, without zone id (RFC 4007); None if unreadable."""
    found = _parsed_ip(text)
    return None if found is None else found[0]


@lru_cache(maxsize=1024)
def _parsed_ip(text: str) -> tuple[bytes, str] | None:
    plain = text.partition("%")[0]
    if _IPV4.fullmatch(plain) is not None:
        return bytes(map(int, plain.split("."))), plain
    if ":" not in plain:
        return None
    return _parsed_hexadecimal(plain) or _parsed_ipv6(plain)


def _parsed_hexadecimal(plain: str) -> tuple[bytes, str] | None:
    """Parse an IPv6 address without dotted part by `inet_pton`, five times faster than `ipaddress`.

    None: the caller uses `ipaddress`, as for addresses that some systems write with a dotted part.
    """
    try:
        packed = inet_pton(AF_INET6, plain)
    except (OSError, ValueError):
        return None
    written = inet_ntop(AF_INET6, packed)
    return None if "." in plain or "." in written or packed[:10] == _ZEROS else (packed, written)


def _parsed_ipv6(plain: str) -> tuple[bytes, str] | None:
    try:
        address = IPv6Address(plain)
    except ValueError:
        return None
    written = address.ipv4_mapped or address
    return written.packed, str(written)


def onion_service(host: str) -> str | None:
    """Return the onion service (16 or 56 characters and `.onion`) of which `host` is a name, or None."""
    match = _ONION.search(host) if ".onion" in host else None
    return None if match is None else f"{match.group(1)}.onion"


def onion_checksum_holds(onion: str) -> bool:
    """Return whether a version 3 onion address has a valid checksum (rend-spec-v3); True for version 2."""
    label = onion.removesuffix(".onion")
    if len(label) != 56:
        return True
    content = base64.b32decode(label.upper())
    key, checksum, version = content[:32], content[32:34], content[34:]
    expected = hashlib.sha3_256(b".onion checksum" + key + version).digest()[:2]
    return version == b"\x03" and checksum == expected
