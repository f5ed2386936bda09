"""Keyed digests of keys and bodies: what is stored says nothing to whoever lacks the key."""

from uuid import UUID

from fanal.intake.domain.records import KeyKind
from fanal.vault import keyring

_DIGEST = 32


def key_digest(
    *, sender_id: UUID, kind: KeyKind, key: str, is_test: bool = False, earlier: bool = False
) -> bytes:
    """Return the digest under which a sender's key is stored (32 bytes).

    Test reports have keys of their own: a rehearsal never swallows the live report that follows. With
    `earlier`, the digest under which it was stored before intake's digests had a key of their own.
    """
    purpose = "intake.key.test" if is_test else "intake.key"
    value = sender_id.bytes + kind.encode() + b"\0" + key.encode()
    return _keys(earlier=earlier).digest(purpose, value)


def fingerprint_of(canonical: bytes, enclosed: bytes = b"", *, earlier: bool = False) -> bytes:
    """Return the fingerprint of a canonical body: 32 bytes, and 32 more where something comes with it."""
    digest = _keys(earlier=earlier).digest
    whole = digest("intake.enclosed", canonical + b"\0" + enclosed) if enclosed else b""
    return digest("intake.body", canonical) + whole


def brought_forward(stored: bytes, canonical: bytes, enclosed: bytes) -> bytes:
    """Return an earlier fingerprint as it would be stored now, where it is that of this body."""
    if not is_same(stored, fingerprint_of(canonical, enclosed, earlier=True)):
        return stored  # equals no fingerprint of today: another body
    now = fingerprint_of(canonical, enclosed)
    return now if len(now) == len(stored) else now[:_DIGEST] + stored[_DIGEST:]


def _keys(*, earlier: bool) -> keyring.Keyring:
    return keyring.current().earlier() if earlier else keyring.current()


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
