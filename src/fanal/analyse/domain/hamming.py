"""Exact search of 256-bit hashes within a Hamming distance: the interface, and the plain scan.

`HammingIndex` is what matching depends on; `ScanIndex` compares every pair (recall 1 by construction).
A faster exact index replaces it without a change elsewhere.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

PDQ_RADIUS = 31
"""Distance (bits) up to which two PDQ hashes are taken for the same picture (published PDQ practice)."""

_WORDS = 4
_PAIRS_PER_BLOCK = 1 << 21  # 2 M pairs × 4 words of 8 bytes: the scratch stays under 80 MB


class HammingIndex(Protocol):
    """Finds every stored hash within a radius; never misses one."""

    def __len__(self) -> int:
        """Return the number of stored hashes."""
        ...

    def search(self, queries: Sequence[str], *, radius: int) -> list[list[tuple[int, int]]]:
        """Return for each query `(position, distance)` of every hash within `radius`, nearest first."""
        ...


def pack(hashes: Sequence[str]) -> NDArray[np.uint64]:
    """Return hashes (64 hexadecimal digits each) as an array of shape (n, 4), 64 bits a word.

    Raises:
        ValueError: one of them is no 64-digit hexadecimal number.
    """
    raw = bytes.fromhex("".join(hashes))
    if len(raw) != 32 * len(hashes) or any(len(h) != 64 for h in hashes):
        raise ValueError("a PDQ hash has 64 hexadecimal digits")
    return np.frombuffer(raw, dtype=np.uint64).reshape(len(hashes), _WORDS)


class ScanIndex:
    """Compares each query with each stored hash, in blocks of bounded memory."""

    def __init__(self, hashes: Sequence[str]) -> None:
        """Keep `hashes`; positions in results follow their order."""
        self._words = np.ascontiguousarray(pack(hashes).T)
        self._size = len(hashes)

    def __len__(self) -> int:
        """Return the number of stored hashes."""
        return self._size

    def search(self, queries: Sequence[str], *, radius: int) -> list[list[tuple[int, int]]]:
        """Return for each query `(position, distance)` of every hash within `radius`, nearest first."""
        found: list[list[tuple[int, int]]] = [[] for _ in queries]
        if not self._size or not queries:
            return found
        for query, position, distance in self._pairs(pack(queries), radius):
            found[query].append((position, distance))
        for hits in found:
            hits.sort(key=lambda hit: (hit[1], hit[0]))
        return found

    def _pairs(self, queries: NDArray[np.uint64], radius: int) -> Iterator[tuple[int, int, int]]:
        step = max(1, _PAIRS_PER_BLOCK // len(queries))
        for start in range(0, self._size, step):
            block = self._words[:, start : start + step]
            distance = np.zeros((len(queries), block.shape[1]), dtype=np.uint16)
            for word in range(_WORDS):
                distance += np.bitwise_count(queries[:, word, None] ^ block[word][None, :])
            rows, columns = np.nonzero(distance <= radius)
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
                yield row, start + column, int(distance[row, column])
