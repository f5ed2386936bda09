"""Hashes for benchmarks: uniform random bits, and PDQ hashes of generated pictures with near-duplicates."""

from typing import Final

import numpy as np
import pdqhash
from numpy.typing import NDArray
from PIL import Image, ImageDraw

QUERIES: Final = 1000
PICTURES: Final = 6000
MOST_TURNED: Final = 11
Hashes = NDArray[np.uint8]


def uniform(size: int) -> tuple[Hashes, Hashes]:
    """Return (hashes, queries), random; half the queries are 0 to 32 bits from a hash, half are unrelated.

    `size` is the number of hashes, of 32 bytes each.
    """
    chance = np.random.default_rng(1)
    hashes = chance.integers(0, 256, (size, 32), dtype=np.uint8)
    queries = chance.integers(0, 256, (QUERIES, 32), dtype=np.uint8)
    half = QUERIES // 2
    queries[:half] = turned(hashes[chance.integers(0, size, half)], np.arange(half) % 33, chance)
    return hashes, queries


def skewed(size: int) -> tuple[Hashes, Hashes]:
    """Return (hashes, queries): PDQ hashes of generated pictures, in which few pictures are very frequent.

    A repeated picture has up to 11 bits changed. Queries are copies of known pictures, up to 19 bits away;
    one in three is unrelated. `size` is the number of hashes, of 32 bytes each.
    """
    chance = np.random.default_rng(2)
    originals = np.array([picture_hash(number) for number in range(PICTURES)])
    weights = 1 / np.arange(1, PICTURES + 1) ** 0.8
    hashes = originals[chance.choice(PICTURES, size, p=weights / weights.sum())]
    for start in range(0, size, 1_000_000):
        _blur(hashes[start : start + 1_000_000], chance)
    strangers = np.array([picture_hash(PICTURES + number) for number in range(QUERIES // 3)])
    known = originals[chance.integers(0, PICTURES, QUERIES - len(strangers))]
    return hashes, np.concatenate(
        [turned(known, chance.integers(0, 20, len(known)), chance), strangers]
    )


def turned(hashes: Hashes, counts: NDArray[np.int64], chance: np.random.Generator) -> Hashes:
    """Return each hash with exactly the number of bits in `counts` flipped; `chance` chooses the bits."""
    made = hashes.copy()
    order = chance.random((len(made), 256)).argsort(axis=1)
    for place in range(int(counts.max(initial=0))):
        rows = np.flatnonzero(counts > place)
        bits = order[rows, place]
        made[rows, bits >> 3] ^= (1 << (bits & 7)).astype(np.uint8)
    return made


def _blur(hashes: Hashes, chance: np.random.Generator) -> None:
    """Flip up to 11 bits of each hash, in place; a bit drawn twice is flipped back."""
    counts = chance.integers(0, MOST_TURNED + 1, len(hashes))
    for place in range(MOST_TURNED):
        rows = np.flatnonzero(counts > place)
        bits = chance.integers(0, 256, len(rows))
        hashes[rows, bits >> 3] ^= (1 << (bits & 7)).astype(np.uint8)


def picture_hash(number: int) -> Hashes:
    """Return the PDQ hash of a generated picture of rectangles and ellipses, seeded by `number`."""
    chance = np.random.default_rng([3, number])
    picture = Image.new("RGB", (64, 64), tuple(chance.integers(0, 256, 3).tolist()))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(chance.integers(3, 12))):
        (x0, x1), (y0, y1) = np.sort(chance.integers(0, 64, (2, 2))).tolist()
        shape = pen.ellipse if chance.random() < 0.5 else pen.rectangle
        shape((x0, y0, x1 + 1, y1 + 1), fill=tuple(chance.integers(0, 256, 3).tolist()))
    bits, _ = pdqhash.compute(np.asarray(picture))
    return np.packbits(bits.astype(np.uint8))
