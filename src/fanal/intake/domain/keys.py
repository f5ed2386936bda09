"""Keyed digests of idempotency keys and bodies: stored values reveal nothing without the secret key."""

from uuid import UUID

from fanal.intake.domain.records import KeyKind
from fanal.vault import keyring

_DIGEST = 32


def key_digest(
    *, sender_id: UUID, kind: KeyKind, key: str, is_test: bool = False, earlier: bool = False
) -> bytes:
    """Return the keyed digest (32 bytes) under which a sender's idempotency key (`key`, of `kind`) is stored.

    Test reports use a separate digest, so that a rehearsal never makes the live report look like a repeat.
    With `earlier`, return the digest of older rows, from before intake had a secret key of its own.
    """
    purpose = "intake.key.test" if is_test else "intake.key"
    value = sender_id.bytes + kind.encode() + b"\0" + key.encode()
    return _keys(earlier=earlier).digest(purpose, value)


def fingerprint_of(canonical: bytes, enclosed: bytes = b"", *, earlier: bool = False) -> bytes:
    """Return the keyed digest of a document: 32 bytes, plus 32 for its enclosed files if any.

    Args:
        canonical: the canonical bytes of the document.
        enclosed: canonical bytes that identify the enclosed files; empty without files.
        earlier: use the older secret key, from before intake had one of its own.
    """
    digest = _keys(earlier=earlier).digest
    whole = digest("intake.enclosed", canonical + b"\0" + enclosed) if enclosed else b""
    return digest("intake.body", canonical) + whole


def brought_forward(stored: bytes, canonical: bytes, enclosed: bytes) -> bytes:
    """Convert a document's fingerprint that was stored under the older secret key to the current key.

    `canonical` are the document's canonical bytes, `enclosed` those that identify its files, empty without
    any. If only the stored fingerprint or only this document covers files, just the half that covers the
    document is converted. A fingerprint of another document is returned unchanged: it equals no current
    fingerprint, and so counts as different.
    """
    if not is_same(stored, fingerprint_of(canonical, enclosed, earlier=True)):
        return stored  # equals no current fingerprint: another body
    now = fingerprint_of(canonical, enclosed)
    return now if len(now) == len(stored) else now[:_DIGEST] + stored[_DIGEST:]


def _keys(*, earlier: bool) -> keyring.Keyring:
    return keyring.current().earlier() if earlier else keyring.current()


def is_same(one: bytes, other: bytes) -> bool:
    """Return whether two fingerprints (`fingerprint_of`) belong to the same report.

    The same document with and without files is one report; with different files on both sides it is not.
    """
    return one[:_DIGEST] == other[:_DIGEST] and (
        len(one) == _DIGEST or len(other) == _DIGEST or one == other
    )


def encloses_more(one: bytes, other: bytes) -> bool:
    """Return whether the fingerprint `one` includes enclosed files and `other` does not."""
    return len(one) > len(other)
