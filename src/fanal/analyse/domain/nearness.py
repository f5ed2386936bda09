"""Multi-index hashing of PDQ hashes: pieces by which similar hashes are found. Pure.

If two 256-bit hashes differ in at most 31 bits, then at least one of their sixteen 16-bit pieces differs in
at most one bit (pigeonhole principle). A look-up of such pieces finds every similar hash, and few others.
"""

import re
from typing import Final

from fanal.analyse.domain.known import near_hashes
from fanal.harmonise.domain.records import HarmonisedReport

_PIECES: Final = 16
_BITS: Final = 16
_PDQ = re.compile("[0-9a-fA-F]{64}")


def pictures_of(report: HarmonisedReport) -> dict[int, list[bytes]]:
    """Return the comparable PDQ hashes (32 bytes) of a report's pictures, by file index."""
    found: dict[int, list[bytes]] = {}
    for index, _place, value in near_hashes(report):
        if tells_pictures_apart(value):
            found.setdefault(index, []).append(bytes.fromhex(value))
    return found


def pieces(pdq: bytes) -> list[int]:
    """Return the sixteen pieces of a hash as numbers: position above 16 bits of content."""
    return [
        place << _BITS | int.from_bytes(pdq[2 * place : 2 * place + 2], "big")
        for place in range(_PIECES)
    ]


def near_pieces(pdq: bytes) -> list[int]:
    """Return all pieces that match a similar hash: the hash's own, and those with one bit changed."""
    return [
        piece ^ change
        for piece in pieces(pdq)
        for change in (0, *(1 << bit for bit in range(_BITS)))
    ]


def distance(one: bytes, other: bytes) -> int:
    """Return the Hamming distance of two hashes, in bits."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def tells_pictures_apart(value: str) -> bool:
    """Return whether a text is a PDQ hash with about half its bits set; hashes of plain surfaces are not."""
    return bool(_PDQ.fullmatch(value)) and 64 <= int(value, 16).bit_count() <= 192
