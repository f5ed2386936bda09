"""Keyed digests of keys and bodies: what is stored says nothing to whoever lacks the key (decisions 28)."""

from uuid import UUID

from fanal.intake.domain.records import KeyKind
from fanal.vault import keyring


def key_digest(*, sender_id: UUID, kind: KeyKind, key: str, is_test: bool = False) -> bytes:
    """Return the digest under which a sender's key is stored (32 bytes).

    Test reports have keys of their own: a rehearsal never swallows the live report that follows.
    """
    purpose = "intake.key.test" if is_test else "intake.key"
    return keyring.current().digest(purpose, sender_id.bytes + kind.encode() + b"\0" + key.encode())


def body_digest(canonical: bytes) -> bytes:
    """Return the fingerprint of a canonical body (32 bytes)."""
    return keyring.current().digest("intake.body", canonical)
