"""File hashes in hexadecimal, lower case, distinguished by their stated kind or their length."""

import re

from fanal.harmonise.domain.records import SelectorKind

HASH_LENGTH = {
    SelectorKind.MD5: 32,
    SelectorKind.SHA1: 40,
    SelectorKind.SHA256: 64,
    SelectorKind.PDQ: 64,
}
_HEX = re.compile(r"[0-9a-f]+")
_BY_LENGTH = {32: SelectorKind.MD5, 40: SelectorKind.SHA1, 64: SelectorKind.SHA256}


def read_hash(kind: SelectorKind, text: str) -> str | None:
    """Return `text` as a lower-case hash of `kind`, or None for a wrong length or character."""
    plain = text.strip().lower()
    if len(plain) != HASH_LENGTH[kind] or _HEX.fullmatch(plain) is None:
        return None
    return plain


def kind_by_length(text: str) -> SelectorKind | None:
    """Return the likely kind of a bare hexadecimal hash by its length, or None; 64 digits mean SHA-256."""
    if _HEX.fullmatch(text.lower()) is None:
        return None
    return _BY_LENGTH.get(len(text))
