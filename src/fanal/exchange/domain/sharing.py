"""Which list may be passed on to whom: what the list says of itself, and nothing else."""

from typing import Final

from fanal.accounts.domain.records import OrganisationKind
from fanal.analyse.domain.lists import ChangedItem, ListAttributes, Scope, Sharing

HASH_KINDS: Final = ("PDQ", "MD5", "SHA1", "SHA256")
"""Kinds that are passed on. Addresses of material never are, whatever the list."""


def may_receive(attributes: ListAttributes, *, body: OrganisationKind) -> bool:
    """Return whether a body of this kind may be given entries of a list with these attributes.

    A list without a legal basis goes nowhere, and one of known false alarms is no list of material. The
    standing instruction that it needs besides is asked for elsewhere (decision 30).
    """
    if not attributes.legal_basis or attributes.scope is not Scope.MATCH:
        return False
    if attributes.sharing is Sharing.AUTHORITIES:
        return body is OrganisationKind.AUTHORITY
    return attributes.sharing is Sharing.PARTNERS


def hashes_of(item: ChangedItem) -> dict[str, str]:
    """Return the hashes of an item by kind, in the order of `HASH_KINDS`; none of a withdrawn one."""
    if item.withdrawn_at is not None or item.scope is not Scope.MATCH:
        return {}
    held = dict(item.values)
    return {kind: held[kind] for kind in HASH_KINDS if kind in held}
