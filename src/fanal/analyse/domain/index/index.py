"""A segment, what came after it and what was taken away since: searched as one.

Additions wait in a plain array that every query scans; removals are marks that hits are checked against.
Both are there for the next query. They are small: past `FULL` additions the owner writes a new segment.
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
"""Changes past which a new segment is due, at the least: scanning them takes a query about a microsecond."""
_PART: Final = 1000
"""A segment of ten million is worth its writing for a thousandth of it, no sooner."""
_ROOM: Final = 4096
"""Hits that a search has room for at first."""


class Hits(Struct, frozen=True):
    """What a search found: the query's place, the entry's label and the distance, row by row."""

    queries: NDArray[np.int64]
    labels: Labels
    distances: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of hits."""
        return len(self.queries)


class _State(Struct, frozen=True):
    """What a query sees: it is replaced whole, so that many threads can search while one changes it."""

    hashes: NDArray[np.uint64]
    labels: Labels
    gone: NDArray[np.void]
    """Labels taken away, sorted."""


class HashIndex:
    """Exact: every hash within the radius is found, whatever the distribution. Safe for many threads."""

    def __init__(self, segment: Segment | None = None) -> None:
        """Search `segment`, or nothing yet."""
        self._segment = segment
        self._lock = Lock()
        self._state = _State(
            np.empty((0, 4), np.uint64), np.empty((0, LABEL_BYTES), np.uint8), _keys(())
        )

    def __len__(self) -> int:
        """Return the number of hashes in the segment and beside it, those taken away included."""
        return (len(self._segment) if self._segment else 0) + len(self._state.hashes)

    @property
    def waiting(self) -> int:
        """How many additions and removals the next segment will take in."""
        return len(self._state.hashes) + len(self._state.gone)

    def add(self, hashes: Hashes, labels: Labels) -> None:
        """Add hashes, shape (n, 32), with their labels, shape (n, 16). No label is ever used twice.

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
        """Take away whatever bears one of these labels, 16 bytes each."""
        with self._lock:
            old = self._state
            gone = np.union1d(old.gone, _keys(labels))
            kept = ~np.isin(_rows(old.labels), gone)
            self._state = _State(old.hashes[kept], old.labels[kept], gone)

    def held(self) -> tuple[Hashes, Labels]:
        """Return every hash in force with its label, as copies: what the next segment holds."""
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
        """Return every hash within `radius` bits of each query, shape (q, 32), each pair once.

        Raises:
            ValueError: the radius is not 0 to 31, or the queries are no hashes.
        """
        if not 0 <= radius <= LARGEST_RADIUS:
            raise ValueError(f"the radius is 0 to {LARGEST_RADIUS}")
        if queries.shape[1:] != (HASH_BYTES,):
            raise ValueError("queries are (q, 32)")
        if not len(self):
            return _sorted([], self._state.gone)
        # Compiling takes its time to import: only who searches or writes pays for it.
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
    """Return whether so many changes beside a segment of `count` hashes are worth a new one."""
    return changes > max(FULL, count // _PART)


def pack_hashes(texts: Sequence[str]) -> Hashes:
    """Return hashes written in 64 hexadecimal digits, shape (n, 32).

    Raises:
        ValueError: one of them is written otherwise.
    """
    if any(len(text) != 2 * HASH_BYTES for text in texts):
        raise ValueError("a hash has 64 hexadecimal digits")
    raw = bytes.fromhex("".join(texts))
    if len(raw) != HASH_BYTES * len(texts):
        raise ValueError("a hash has 64 hexadecimal digits")
    return np.frombuffer(raw, np.uint8).reshape(-1, HASH_BYTES)


def pack_labels(labels: Iterable[bytes]) -> Labels:
    """Return labels of 16 bytes each, shape (n, 16)."""
    return np.frombuffer(b"".join(labels), np.uint8).reshape(-1, LABEL_BYTES)


def _longs(hashes: Hashes) -> NDArray[np.uint64]:
    return np.ascontiguousarray(hashes).view(np.uint64).reshape(-1, 4)


def _all_found(
    search: Callable[[int, NDArray[np.int64]], tuple[int, int, int]],
) -> NDArray[np.int64]:
    """Run a search in rooms that grow, each from the query that found no place in the one before."""
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
    """Return the hits of all parts by query and distance, without what was taken away."""
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
    """Return each label as one value that can be compared."""
    return np.ascontiguousarray(labels).view(f"V{LABEL_BYTES}").reshape(-1)


def _among(labels: Labels, gone: NDArray[np.void]) -> NDArray[np.bool_]:
    """Return which of very many labels are gone: compared by their last half first, which is a number."""
    halves = labels.reshape(-1).view(np.uint64)[1::2]
    found = np.isin(halves, gone.view(np.uint64)[1::2])
    rows = np.flatnonzero(found)
    found[rows] = np.isin(_rows(labels[rows]), gone)
    return found


def _keys(labels: Iterable[bytes]) -> NDArray[np.void]:
    return np.unique(_rows(pack_labels(labels)))
