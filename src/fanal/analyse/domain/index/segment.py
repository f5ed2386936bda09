"""A segment: a file of hashes with search tables, written once, memory-mapped, never changed.

Layout: a header of one page, then arrays in sequence, each aligned to 64 bytes: the hashes (32 bytes each),
their labels (16 bytes each, the entry of the hash), and for each of the sixteen tables the bucket starts, ids
and sketches (`kernels`). In all 308 bytes per hash plus 4.2 MB.

A file is complete or absent: it is written as a draft in the same folder, synced and renamed. Its space is
allocated first, since a full disk kills a process that writes to a memory map.
"""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias

import numpy as np
from msgspec import DecodeError, Struct, msgpack
from numpy.typing import NDArray

from fanal.analyse.domain.index.kernels import BUCKETS, SKETCH, TABLES
from fanal.kernel.ownership import follow_folder

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
    """Error: the file is no segment, or incomplete."""


class SegmentHeader(Struct, frozen=True, kw_only=True):
    """Header of a segment: number of hashes, and the last change of the lists it contains.

    `mark` identifies that change for its owner; `content` is the CRC-32 of everything after this page.
    """

    count: int
    upto: int
    mark: bytes
    content: int


class Segment:
    """An open segment: a file of hashes with search tables. Its arrays are memory maps, loaded on access."""

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
        """Arguments of `kernels.search_tables`."""
        self._content = maps.content

    def __len__(self) -> int:
        """Return the number of hashes."""
        return self.header.count

    def is_whole(self) -> bool:
        """Return whether the content matches its checksum; reads all of it, a second for three million."""
        return zlib.crc32(self._content.data) == self.header.content


def open_segment(path: Path) -> Segment:
    """Open the segment at `path`; only its header and bucket starts are read and checked.

    Only `Segment.is_whole` detects other damage; a search in a damaged file misses hashes, but ends.

    Raises:
        FileNotFoundError: there is no file.
        SegmentDamaged: another format, a truncated file, or a damaged header.
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
    """Write a segment of `hashes` with their `labels`, and atomically replace the file at `path`.

    `upto` is the number of the last change of the lists it contains, `mark` any bytes that identify this
    change. If two processes write at once, the last rename wins; both files are complete.

    Raises:
        ValueError: the shapes do not fit, or there are too many hashes.
        OSError: no space or no permission; the file at `path` is unchanged.
    """
    # The compiled module is slow to import: only a search or a write pays for it.
    from fanal.analyse.domain.index.kernels import build_table  # noqa: PLC0415

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
    """Yield the path of a draft that replaces `path` on success and is deleted otherwise."""
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
    """Delete the drafts of killed writers."""
    for draft in path.parent.glob(f".{path.name}.*.*"):
        try:
            os.kill(int(draft.name.split(".")[-2]), 0)
        except (ProcessLookupError, ValueError):
            draft.unlink(missing_ok=True)
        except PermissionError:  # another user's, alive
            continue


class _Maps(Struct, frozen=True):
    """The arrays of a file, as views of a single memory map; `content` is all of them."""

    content: NDArray[np.uint8]
    hashes: Hashes
    labels: Labels
    starts: NDArray[np.uint32]
    ids: NDArray[np.uint32]
    sketches: NDArray[np.uint32]


def _lengths(count: int) -> tuple[int, ...]:
    """Return the length in bytes of each array, in the order of `_Maps` after `content`."""
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
