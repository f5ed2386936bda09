"""Keyed digests of keys and bodies: what is stored says nothing to whoever lacks the key (decisions 28)."""

from uuid import UUID

from fanal.intake.domain.records import KeyKind
from fanal.vault import keyring

_DIGEST = 32


def key_digest(*, sender_id: UUID, kind: KeyKind, key: str, is_test: bool = False) -> bytes:
    """Return the digest under which a sender's key is stored (32 bytes).

    Test reports have keys of their own: a rehearsal never swallows the live report that follows.
    """
    purpose = "intake.key.test" if is_test else "intake.key"
    return keyring.current().digest(purpose, sender_id.bytes + kind.encode() + b"\0" + key.encode())


def fingerprint_of(canonical: bytes, enclosed: bytes = b"") -> bytes:
    """Return the fingerprint of a canonical body: 32 bytes, and 32 more where something comes with it."""
    digest = keyring.current().digest
    whole = digest("intake.enclosed", canonical + b"\0" + enclosed) if enclosed else b""
    return digest("intake.body", canonical) + whole


def is_same(one: bytes, other: bytes) -> bool:
    """Return whether two fingerprints are of the same report.

    A document that comes once alone and once with its files is one report; with other files it is not.
    """
    return one[:_DIGEST] == other[:_DIGEST] and (
        len(one) == _DIGEST or len(other) == _DIGEST or one == other
    )


def encloses_more(one: bytes, other: bytes) -> bool:
    """Return whether something was enclosed with the first, and nothing with the second."""
    return len(one) > len(other)
