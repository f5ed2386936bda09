"""Which list may be passed on to whom: what the list says of itself, and nothing else."""

from typing import Final
from urllib.parse import urlsplit

from fanal.accounts.domain.records import OrganisationKind
from fanal.analyse.domain.lists import ChangedItem, ListAttributes, MatchScope, Sharing

# Where lists may be fetched from: an https address of another machine, checked each time.

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


HASH_KINDS: Final = ("PDQ", "MD5", "SHA1", "SHA256")
"""Kinds that are passed on. Addresses of material never are, whatever the list."""


def may_receive(attributes: ListAttributes, *, body: OrganisationKind) -> bool:
    """Return whether a body of this kind may be given entries of a list with these attributes.

    A list without a legal basis goes nowhere, and one of known false alarms is no list of material. The
    standing instruction that it needs besides is asked for elsewhere.
    """
    if not attributes.legal_basis or attributes.scope is not MatchScope.MATCH:
        return False
    if attributes.sharing is Sharing.AUTHORITIES:
        return body is OrganisationKind.AUTHORITY
    return attributes.sharing is Sharing.PARTNERS


def hashes_of(item: ChangedItem) -> dict[str, str]:
    """Return the hashes of an item by kind, in the order of `HASH_KINDS`; none of a withdrawn one."""
    if item.withdrawn_at is not None or item.scope is not MatchScope.MATCH:
        return {}
    held = dict(item.values)
    return {kind: held[kind] for kind in HASH_KINDS if kind in held}
