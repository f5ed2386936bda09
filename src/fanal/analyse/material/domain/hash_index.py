"""Exact search of 256-bit hashes within a Hamming distance of 0 to 31 bits.

The index is a segment on disk, later additions and later removals, searched together. Additions lie in an
array that every query scans; removals are a set that filters the hits. Both take effect for the next query.
Both are small: above `FULL` changes the owner writes a new segment.

A segment is a file of hashes with search tables, written once, memory-mapped, never changed. Layout: a header
of one page, then arrays in sequence, each aligned to 64 bytes: the hashes (32 bytes each), their labels (16
bytes each, the entry of the hash), and for each of the sixteen tables the bucket starts, ids and sketches
(`hash_kernels`). In all 308 bytes per hash plus 4.2 MB.

A file is complete or absent: it is written as a draft in the same folder, synced and renamed. Its space is
allocated first, since a full disk kills a process that writes to a memory map.
"""

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Final, Literal, TypeAlias

import numpy as np
from msgspec import DecodeError, Struct, msgpack
from numpy.typing import NDArray

from fanal.kernel.process import follow_folder

# Shape of the index: sixteen tables, with a bucket for each value of a 16-bit word.

TABLES: Final = 16
BUCKETS: Final = 1 << 16
SKETCH: Final = 3
"""Number of 32-bit words in the sketch of a hash."""

HASH_BYTES: Final = 32
LABEL_BYTES: Final = 16
MOST: Final = (1 << 32) // SKETCH - 1
"""Largest number of hashes: positions in a table's row have 32 bits."""

_MAGIC: Final = b"fanal-hashes-2\n\0"
_PAGE: Final = 4096
_ALIGNED: Final = 64

Hashes: TypeAlias = NDArray[np.uint8]
"""Shape (n, 32): the bytes of PDQ's 64 hexadecimal digits."""
Labels: TypeAlias = NDArray[np.uint8]
"""Shape (n, 16): the id of the entry that each hash belongs to."""


class SegmentDamaged(Exception):
    """Error: a file is not a complete segment (file of hashes with search tables) of the present format."""


class SegmentHeader(Struct, frozen=True, kw_only=True):
    """Header of a segment, an index file of hashes with search tables.

    `count` is the number of hashes. `upto` is the number of the last change of the lists that it contains,
    `mark` a value that identifies this change for the owner of the index (the lists of the database);
    `content` is the CRC-32 of everything after the header page.
    """

    count: int
    upto: int
    mark: bytes
    content: int


class Segment:
    """An open segment: a file of hashes with search tables. Its arrays are memory maps, loaded on access.

    `hashes` and `labels` have a row for each hash. `file_number` is the inode, by which a replaced file is
    noticed.
    """

    def __init__(self, file: BinaryIO, header: SegmentHeader) -> None:
        """Map the arrays of an open file with this header.

        An open file and not a path, since another file may have replaced it.
        """
        self.header = header
        self.file_number = os.fstat(file.fileno()).st_ino
        maps = _map(file, header.count, mode="r")
        self.hashes: Hashes = maps.hashes
        self.labels: Labels = maps.labels
        self.tables = (maps.starts, maps.ids, maps.sketches, maps.hashes.view(np.uint64))
        """Arguments of `hash_kernels.search_tables`."""
        self._content = maps.content

    def __len__(self) -> int:
        """Return the number of hashes."""
        return self.header.count

    def is_whole(self) -> bool:
        """Return whether the content matches its checksum.

        Reads the whole file, which takes about a second for three million hashes.
        """
        return zlib.crc32(self._content.data) == self.header.content


def open_segment(path: Path) -> Segment:
    """Open the segment at `path`; only its header and bucket starts are read and checked.

    Only `Segment.is_whole` detects other damage; a search in a damaged file misses hashes, but ends.

    Raises:
        FileNotFoundError: there is no file.
        SegmentDamaged: another format, a truncated file, or a damaged header.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        page = file.read(_PAGE)
        length, check = (int.from_bytes(page[at : at + 4], "big") for at in (16, 20))
        body = page[24 : 24 + length]
        if len(page) != _PAGE or page[:16] != _MAGIC or zlib.crc32(body) != check:
            raise SegmentDamaged(path.name)
        try:
            header = msgpack.decode(body, type=SegmentHeader)
        except DecodeError as error:
            raise SegmentDamaged(path.name) from error
        if os.fstat(file.fileno()).st_size != _size(header.count):
            raise SegmentDamaged(path.name)
        segment = Segment(file, header)
    starts = segment.tables[0]
    if (starts[:, 1:] < starts[:, :-1]).any() or (starts[:, -1] != header.count).any():
        raise SegmentDamaged(path.name)
    return segment


def write_segment(
    path: Path, *, hashes: Hashes, labels: Labels, upto: int, mark: bytes = b""
) -> None:
    """Write a segment, a file of `hashes` with `labels` and search tables; replace the file at `path`.

    Shapes are (n, 32) and (n, 16), of bytes. `upto` is the number of the last change of the lists it
    contains, `mark` any bytes that identify this change. The file is replaced atomically: if two processes
    write at once, the last rename wins.

    Raises:
        ValueError: the shapes do not fit, or there are too many hashes.
        OSError: no space or no permission; the file at `path` is unchanged.
    """
    # The compiled module is slow to import: only a search or a write pays for it.
    from fanal.analyse.material.domain.hash_kernels import build_table  # noqa: PLC0415

    count = len(hashes)
    if hashes.shape != (count, HASH_BYTES) or labels.shape != (count, LABEL_BYTES):
        raise ValueError("hashes are (n, 32) and labels (n, 16)")
    if count > MOST:
        raise ValueError("too many hashes for one segment")
    with _replacing(path) as draft, draft.open("w+b") as file:
        follow_folder(draft)
        os.posix_fallocate(file.fileno(), 0, _size(count))
        maps = _map(file, count, mode="r+")
        maps.hashes[:] = hashes
        maps.labels[:] = labels
        words = np.ascontiguousarray(hashes).view(np.uint16).reshape(count, TABLES)
        for table in range(TABLES):
            build_table(words, table, maps.starts[table], maps.ids[table], maps.sketches[table])
        content = zlib.crc32(maps.content.data)
        body = msgpack.encode(SegmentHeader(count=count, upto=upto, mark=mark, content=content))
        head = _MAGIC + len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big") + body
        del maps, words  # writes through the maps belong to the file; fsync brings them to the disk
        file.seek(0)
        file.write(head)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path, whose file replaces `path` on success and is deleted otherwise."""
    _sweep(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        yield draft
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        draft.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Delete the temporary files for `path` that killed writers left (see `_replacing`)."""
    for draft in path.parent.glob(f".{path.name}.*.*"):
        try:
            os.kill(int(draft.name.split(".")[-2]), 0)
        except (ProcessLookupError, ValueError):
            draft.unlink(missing_ok=True)
        except PermissionError:  # another user's, alive
            continue


class _Maps(Struct, frozen=True):
    """The arrays of a segment (index file), as views of a single memory map; `content` is all of them.

    `starts`, `ids` and `sketches` are the search tables (`hash_kernels`).
    """

    content: NDArray[np.uint8]
    hashes: Hashes
    labels: Labels
    starts: NDArray[np.uint32]
    ids: NDArray[np.uint32]
    sketches: NDArray[np.uint32]


def _lengths(count: int) -> tuple[int, ...]:
    """Return the length in bytes of each array of a segment (index file) with `count` hashes.

    In this order: hashes, labels, and of the search tables the starts of the buckets, the ids and the
    sketches.
    """
    tables = 4 * TABLES
    return (
        HASH_BYTES * count,
        LABEL_BYTES * count,
        tables * (BUCKETS + 1),
        tables * count,
        tables * SKETCH * count,
    )


def _size(count: int) -> int:
    return _PAGE + sum(_aligned(length) for length in _lengths(count))


def _aligned(length: int) -> int:
    return -(-length // _ALIGNED) * _ALIGNED


def _map(file: BinaryIO, count: int, *, mode: Literal["r", "r+"]) -> _Maps:
    whole = np.memmap(file, dtype=np.uint8, mode=mode).view(np.ndarray)
    parts: list[NDArray[np.uint8]] = []
    offset = _PAGE
    for length in _lengths(count):
        parts.append(whole[offset : offset + length])
        offset += _aligned(length)
    hashes, labels, *tables = parts
    starts, ids, sketches = (part.view(np.uint32).reshape(TABLES, -1) for part in tables)
    return _Maps(
        whole[_PAGE:],
        hashes.reshape(count, HASH_BYTES),
        labels.reshape(count, LABEL_BYTES),
        starts,
        ids,
        sketches,
    )


LARGEST_RADIUS: Final = 31
FULL: Final = 4096
"""Least number of changes for a new segment; a query scans so many in about a microsecond."""
_PART: Final = 1000
"""A large segment is rewritten only when a thousandth of it has changed."""
_ROOM: Final = 4096
"""Initial room for hits in a search."""


class Hits(Struct, frozen=True):
    """The hits of a search as columns of equal length, a row for each pair of query and matching entry.

    `queries` (int64) holds the index of the query, `labels` (uint8, 16 columns) the label of the entry,
    `distances` (int64) the Hamming distance in bits.
    """

    queries: NDArray[np.int64]
    labels: Labels
    distances: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of hits (pairs of query and entry)."""
        return len(self.queries)


class _State(Struct, frozen=True):
    """Immutable state read by queries; a change replaces it, so that other threads can search meanwhile.

    `hashes` and `labels` are the additions since the segment, `gone` the labels removed since then.
    """

    hashes: NDArray[np.uint64]
    labels: Labels
    gone: NDArray[np.void]
    """Removed labels, sorted."""


class HashIndex:
    """In-memory index of 256-bit hashes: a search finds every hash within its radius (exact). Thread-safe."""

    def __init__(self, segment: Segment | None = None) -> None:
        """Start with the hashes of an open segment (file of hashes with search tables), or with none."""
        self._segment = segment
        self._lock = Lock()
        self._state = _State(
            np.empty((0, 4), np.uint64), np.empty((0, LABEL_BYTES), np.uint8), _keys(())
        )

    def __len__(self) -> int:
        """Return the number of hashes in the segment file, removed ones too, and of additions since."""
        return (len(self._segment) if self._segment else 0) + len(self._state.hashes)

    @property
    def waiting(self) -> int:
        """Number of additions and removals since the segment file was written."""
        return len(self._state.hashes) + len(self._state.gone)

    def add(self, hashes: Hashes, labels: Labels) -> None:
        """Add hashes, shape (n, 32), with their labels, shape (n, 16), which identify their list entries.

        A label must never be reused, even after its removal.

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
        """Remove the hashes with these labels (entry ids, 16 bytes); an unknown label has no effect."""
        with self._lock:
            old = self._state
            gone = np.union1d(old.gone, _keys(labels))
            kept = ~np.isin(_rows(old.labels), gone)
            self._state = _State(old.hashes[kept], old.labels[kept], gone)

    def held(self) -> tuple[Hashes, Labels]:
        """Return copies of all hashes not removed and their labels, the content of the next segment file.

        Shapes are (n, 32) and (n, 16); a label identifies the entry of a hash.
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

        Each pair of query and entry is given once, sorted by query and then by distance.

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
        from fanal.analyse.material.domain.hash_kernels import scan, search_tables  # noqa: PLC0415

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
    """Return whether a new segment file is worth writing after `changes` additions and removals.

    The present file holds `count` hashes.
    """
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
    """Return labels (of list entries), 16 bytes each, as an array, shape (n, 16)."""
    return np.frombuffer(b"".join(labels), np.uint8).reshape(-1, LABEL_BYTES)


def _longs(hashes: Hashes) -> NDArray[np.uint64]:
    return np.ascontiguousarray(hashes).view(np.uint64).reshape(-1, 4)


def _all_found(
    search: Callable[[int, NDArray[np.int64]], tuple[int, int, int]],
) -> NDArray[np.int64]:
    """Repeat a search with growing result buffers, each time from the first query whose pairs did not fit.

    `search` takes the first query and the buffer; it returns (next query, rows written, rows that this
    query needs). Rows of the result are (query, position, distance).
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
    """Merge the hits of the segment file and of the additions (`parts`), sorted by query and distance.

    Hits of removed entries (labels in `gone`) are left out.
    """
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
    """Return labels of entries, shape (n, 16), as an array of n comparable 16-byte values."""
    return np.ascontiguousarray(labels).view(f"V{LABEL_BYTES}").reshape(-1)


def _among(labels: Labels, gone: NDArray[np.void]) -> NDArray[np.bool_]:
    """Return a mask of the `labels` of entries that are removed (in `gone`).

    Labels are compared by their last eight bytes first, which is fast for very many of them.
    """
    halves = labels.reshape(-1).view(np.uint64)[1::2]
    found = np.isin(halves, gone.view(np.uint64)[1::2])
    rows = np.flatnonzero(found)
    found[rows] = np.isin(_rows(labels[rows]), gone)
    return found


def _keys(labels: Iterable[bytes]) -> NDArray[np.void]:
    return np.unique(_rows(pack_labels(labels)))


__all__ = ["HashIndex", "Hits", "Segment", "SegmentDamaged", "open_segment", "write_segment"]
