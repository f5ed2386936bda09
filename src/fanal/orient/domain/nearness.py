"""PDQ hashes that are near: pieces, of which one is nearly equal where two hashes are near. Pure.

Two hashes of 256 bits that differ in at most 31 of them have, of sixteen pieces, one in which at most one bit
differs: looking for that piece finds every near hash, and few others.
"""

from typing import Final

from fanal.analyse.domain.known import near_hashes
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.orient.domain.folding import tells_pictures_apart

_PIECES: Final = 16
_BITS: Final = 16


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
