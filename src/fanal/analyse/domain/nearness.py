"""PDQ hashes that are near: pieces, of which one is nearly equal where two hashes are near. Pure.

Two hashes of 256 bits that differ in at most 31 of them have, of sixteen pieces, one in which at most one bit
differs: looking for that piece finds every near hash, and few others.
"""

import re
from typing import Final

from fanal.analyse.domain.known import near_hashes
from fanal.harmonise.domain.records import HarmonisedReport

_PIECES: Final = 16
_BITS: Final = 16
_PDQ = re.compile("[0-9a-fA-F]{64}")


def pictures_of(report: HarmonisedReport) -> dict[int, list[bytes]]:
    """Return by file the PDQ hashes (32 bytes) by which a report's pictures can be compared."""
    found: dict[int, list[bytes]] = {}
    for index, _place, value in near_hashes(report):
        if tells_pictures_apart(value):
            found.setdefault(index, []).append(bytes.fromhex(value))
    return found


def pieces(pdq: bytes) -> list[int]:
    """Return the sixteen pieces of a hash, each with its place above its 16 bits."""
    return [
        place << _BITS | int.from_bytes(pdq[2 * place : 2 * place + 2], "big")
        for place in range(_PIECES)
    ]


def near_pieces(pdq: bytes) -> list[int]:
    """Return every piece that a hash within the radius may share: its own, and those one bit away."""
    return [
        piece ^ change
        for piece in pieces(pdq)
        for change in (0, *(1 << bit for bit in range(_BITS)))
    ]


def distance(one: bytes, other: bytes) -> int:
    """Return in how many of 256 bits two hashes differ."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def tells_pictures_apart(value: str) -> bool:
    """Return whether it is a hash with about half of its bits set: a plain surface has none, or all."""
    return bool(_PDQ.fullmatch(value)) and 64 <= int(value, 16).bit_count() <= 192
