"""Rules of sharing: which lists and values may go to whom, and the addresses of sources. Pure."""

from typing import Final
from urllib.parse import urlsplit

from fanal.accounts.domain.records import OrganisationKind
from fanal.analyse.domain.lists import ChangedItem, ListAttributes, MatchScope, Sharing

# Addresses of sources: https addresses of other machines, checked at each call.

MAX_URL: Final = 500
MAX_NAME: Final = 100
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class AddressRefused(ValueError):
    """An invalid address of a source; `code` is the reason (label kind `exchange_refused`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def checked_url(url: str, *, loopback: bool = False) -> str:
    """Validate the URL of a service and return it without final slashes.

    Only https, without user, password, query or fragment. `loopback` also allows http to this machine, for
    demo databases whose partners are tests. The address that the name resolves to is checked at every call.

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
"""Kinds of hashes that are shared. Addresses of material never are, whatever the list."""


def may_receive(attributes: ListAttributes, *, body: OrganisationKind) -> bool:
    """Return whether an organisation of kind `body` may receive entries of a list with these attributes.

    A list without a legal basis, or one of known false alarms, is never shared. The standing instruction
    that is also required is checked elsewhere.
    """
    if not attributes.legal_basis or attributes.scope is not MatchScope.MATCH:
        return False
    if attributes.sharing is Sharing.AUTHORITIES:
        return body is OrganisationKind.AUTHORITY
    return attributes.sharing is Sharing.PARTNERS


def hashes_of(item: ChangedItem) -> dict[str, str]:
    """Return the hashes of a list entry by kind, in the order of `HASH_KINDS`.

    Empty for an entry that is withdrawn or a known false alarm.
    """
    if item.withdrawn_at is not None or item.scope is not MatchScope.MATCH:
        return {}
    held = dict(item.values)
    return {kind: held[kind] for kind in HASH_KINDS if kind in held}
