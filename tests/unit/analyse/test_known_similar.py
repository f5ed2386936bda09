"""Near hashes share a piece that is nearly equal: none within the radius is missed."""

from random import Random

import pytest

from fanal.analyse.material.domain.known import (
    PDQ_RADIUS,
    distance,
    near_pieces,
    pictures_of,
    pieces,
)
from fanal.formats.report.records import File
from tests.unit.orient.sameness import picture, report


@pytest.mark.parametrize("seed", range(20))
def test_every_hash_within_the_radius_is_found(seed: int) -> None:
    luck = Random(seed)
    one = luck.randbytes(32)
    for apart in (0, 1, 16, PDQ_RADIUS):
        turned = int.from_bytes(one, "big")
        for bit in luck.sample(range(256), apart):
            turned ^= 1 << bit
        other = turned.to_bytes(32, "big")
        assert distance(one, other) == apart
        assert set(near_pieces(one)) & set(pieces(other))


def test_bits_spread_evenly_are_found_too() -> None:
    one = bytes(32)
    spread = bytearray(32)
    for bit in range(PDQ_RADIUS):  # two a piece, but one piece with one
        spread[2 * (bit // 2)] |= 1 << (bit % 2)
    assert distance(one, bytes(spread)) == PDQ_RADIUS
    assert set(near_pieces(one)) & set(pieces(bytes(spread)))


def test_a_plain_surface_is_compared_with_nothing() -> None:
    item = report(picture("A"), File(pdq="0" * 64), File(pdq="f" * 64), File(md5="a" * 32))
    assert list(pictures_of(item.report)) == [0]
