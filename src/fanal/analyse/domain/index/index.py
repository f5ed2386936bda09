"""Hash index: a segment on disk, later additions and later removals, searched together.

Additions lie in an array that every query scans; removals are a set that filters the hits. Both take effect
for the next query. Both are small: above `FULL` changes the owner writes a new segment.
"""

from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from fanal.analyse.domain.index.segment import HASH_BYTES, LABEL_BYTES, Hashes, Labels, Segment

LARGEST_RADIUS: Final = 31
FULL: Final = 4096
"""Least number of changes for a new segment; a query scans so many in about a microsecond."""
_PART: Final = 1000
"""A large segment is rewritten only when a thousandth of it has changed."""
_ROOM: Final = 4096
"""Initial room for hits in a search."""


class Hits(Struct, frozen=True):
    """Hits of a search as columns: number of the query, label of the entry, distance in bits."""

    queries: NDArray[np.int64]
    labels: Labels
    distances: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of hits."""
        return len(self.queries)


class _State(Struct, frozen=True):
    """Immutable state read by queries; a change replaces it, so that other threads can search meanwhile."""

    hashes: NDArray[np.uint64]
    labels: Labels
    gone: NDArray[np.void]
    """Removed labels, sorted."""


class HashIndex:
    """Exact index: finds every hash within the radius, whatever the distribution. Thread-safe."""

    def __init__(self, segment: Segment | None = None) -> None:
        """Start with `segment`, or empty."""
        self._segment = segment
        self._lock = Lock()
        self._state = _State(
            np.empty((0, 4), np.uint64), np.empty((0, LABEL_BYTES), np.uint8), _keys(())
        )

    def __len__(self) -> int:
        """Return the number of hashes in the segment and the additions, without deduction of removals."""
        return (len(self._segment) if self._segment else 0) + len(self._state.hashes)

    @property
    def waiting(self) -> int:
        """Number of additions and removals since the segment."""
        return len(self._state.hashes) + len(self._state.gone)

    def add(self, hashes: Hashes, labels: Labels) -> None:
        """Add hashes, shape (n, 32), with their labels, shape (n, 16). A label must never be reused.

        Raises:
            ValueError: the shapes do not fit.
        """
        if hashes.shape[1:] != (HASH_BYTES,) or labels.shape != (len(hashes), LABEL_BYTES):
            raise ValueError("hashes are (n, 32) and labels (n, 16)")
        with self._lock:
            old = self._state
            self._state = _State(
                np.concatenate([old.hashes, _longs(hashes)]),
                np.concatenate([old.labels, labels]),
                old.gone,
            )

    def remove(self, labels: Iterable[bytes]) -> None:
        """Remove the hashes with these labels, 16 bytes each."""
        with self._lock:
            old = self._state
            gone = np.union1d(old.gone, _keys(labels))
            kept = ~np.isin(_rows(old.labels), gone)
            self._state = _State(old.hashes[kept], old.labels[kept], gone)

    def held(self) -> tuple[Hashes, Labels]:
        """Return copies of all hashes in force and their labels, the content of the next segment.

        Shapes are (n, 32) and (n, 16).
        """
        state, segment = self._state, self._segment
        hashes, labels = state.hashes.view(np.uint8).reshape(-1, HASH_BYTES), state.labels
        if segment is None or not len(segment):
            return hashes.copy(), labels.copy()
        kept = ~_among(segment.labels, state.gone)
        return (
            np.concatenate([segment.hashes[kept], hashes]),
            np.concatenate([segment.labels[kept], labels]),
        )

    def search(self, queries: Hashes, *, radius: int = LARGEST_RADIUS) -> Hits:
        """Return labels and distances of the entries within `radius` bits of each query (array q, 32).

        Each pair of query and entry is given once.

        Raises:
            ValueError: the radius is not 0 to 31, or the queries are no hashes.
        """
        if not 0 <= radius <= LARGEST_RADIUS:
            raise ValueError(f"the radius is 0 to {LARGEST_RADIUS}")
        if queries.shape[1:] != (HASH_BYTES,):
            raise ValueError("queries are (q, 32)")
        if not len(self):
            return _sorted([], self._state.gone)
        # The compiled module is slow to import: only a search or a write pays for it.
        from fanal.analyse.domain.index.kernels import scan, search_tables  # noqa: PLC0415

        longs = _longs(queries)
        state, segment = self._state, self._segment
        parts: list[Hits] = []
        if segment is not None and len(segment):
            words = longs.view(np.uint16)
            found = _all_found(
                lambda begin, room: search_tables(
                    words, longs, *segment.tables, radius, begin, room
                )
            )
            parts.append(_hits(found, segment.labels))
        if len(state.hashes):
            found = _all_found(lambda begin, room: scan(longs, state.hashes, radius, begin, room))
            parts.append(_hits(found, state.labels))
        return _sorted(parts, state.gone)


def is_due(changes: int, count: int) -> bool:
    """Return whether `changes` since a segment of `count` hashes justify a new segment."""
    return changes > max(FULL, count // _PART)


def pack_hashes(texts: Sequence[str]) -> Hashes:
    """Return hashes of 64 hexadecimal digits as an array, shape (n, 32).

    Raises:
        ValueError: a text is not of this form.
    """
    if any(len(text) != 2 * HASH_BYTES for text in texts):
        raise ValueError("a hash has 64 hexadecimal digits")
    raw = bytes.fromhex("".join(texts))
    if len(raw) != HASH_BYTES * len(texts):
        raise ValueError("a hash has 64 hexadecimal digits")
    return np.frombuffer(raw, np.uint8).reshape(-1, HASH_BYTES)


def pack_labels(labels: Iterable[bytes]) -> Labels:
    """Return labels of 16 bytes each as an array, shape (n, 16)."""
    return np.frombuffer(b"".join(labels), np.uint8).reshape(-1, LABEL_BYTES)


def _longs(hashes: Hashes) -> NDArray[np.uint64]:
    return np.ascontiguousarray(hashes).view(np.uint64).reshape(-1, 4)


def _all_found(
    search: Callable[[int, NDArray[np.int64]], tuple[int, int, int]],
) -> NDArray[np.int64]:
    """Repeat a search with growing result buffers, each time from the query that did not fit.

    `search` takes the first query and the buffer, and returns as `kernels.search_tables`. Rows are (query,
    position, distance).
    """
    parts: list[NDArray[np.int64]] = []
    begin, size, needed = 0, _ROOM, 1
    while needed:
        size = max(size, needed)
        room = np.empty((size, 3), np.int64)
        begin, rows, needed = search(begin, room)
        parts.append(room[:rows])
        size *= 2
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _hits(found: NDArray[np.int64], labels: Labels) -> Hits:
    return Hits(found[:, 0], labels[found[:, 1]], found[:, 2])


def _sorted(parts: Sequence[Hits], gone: NDArray[np.void]) -> Hits:
    """Return the hits of all parts sorted by query and distance, without removed labels."""
    empty = np.empty(0, np.int64)
    queries = np.concatenate([empty, *(part.queries for part in parts)])
    distances = np.concatenate([empty, *(part.distances for part in parts)])
    labels = np.concatenate(
        [np.empty((0, LABEL_BYTES), np.uint8), *(part.labels for part in parts)]
    )
    order = np.argsort(queries * (LARGEST_RADIUS + 1) + distances, kind="stable")
    if len(gone):
        order = order[~np.isin(_rows(labels), gone)[order]]
    return Hits(queries[order], labels[order], distances[order])


def _rows(labels: Labels) -> NDArray[np.void]:
    """Return labels as single comparable values."""
    return np.ascontiguousarray(labels).view(f"V{LABEL_BYTES}").reshape(-1)


def _among(labels: Labels, gone: NDArray[np.void]) -> NDArray[np.bool_]:
    """Return a mask of the removed labels among very many, compared by their last eight bytes first."""
    halves = labels.reshape(-1).view(np.uint64)[1::2]
    found = np.isin(halves, gone.view(np.uint64)[1::2])
    rows = np.flatnonzero(found)
    found[rows] = np.isin(_rows(labels[rows]), gone)
    return found


def _keys(labels: Iterable[bytes]) -> NDArray[np.void]:
    return np.unique(_rows(pack_labels(labels)))
