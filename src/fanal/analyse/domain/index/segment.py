"""One file of hashes, ready to search: written once, mapped into memory, never changed.

Layout: a header of one page, then arrays one after another, each on a multiple of 64 bytes: the hashes
(32 bytes each), their labels (16 bytes each: whose hash it is), and for each of the sixteen tables the
starts of its buckets, its ids and its sketches (`kernels`). 308 bytes a hash in all, and 4.2 MB.

A file is complete or it is not there: it is written beside its place, brought to the disk and renamed. Its
room is taken before the first byte: a full disk refuses a map's write by ending the process.
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
"""Places in a table's row are counted in 32 bits."""

_MAGIC: Final = b"fanal-hashes-2\n\0"
_PAGE: Final = 4096
_ALIGNED: Final = 64

Hashes: TypeAlias = NDArray[np.uint8]
"""Shape (n, 32): bits as PDQ writes them, 64 hexadecimal digits."""
Labels: TypeAlias = NDArray[np.uint8]
"""Shape (n, 16): the id of the entry that each hash belongs to."""


class SegmentDamaged(Exception):
    """The file is no segment, or not a whole one."""


class SegmentHeader(Struct, frozen=True, kw_only=True):
    """What a segment says of itself: how many hashes, and up to which change of the lists it goes.

    `mark` is whatever its owner knows that change by again; `content` the CRC-32 of all after this page.
    """

    count: int
    upto: int
    mark: bytes
    content: int


class Segment:
    """An open segment. Its arrays are maps of the file: what is read comes into memory, nothing else."""

    def __init__(self, file: BinaryIO, header: SegmentHeader) -> None:
        """Map the arrays of an open file, whose header was read.

        The file and not its path: another one may stand there by now.
        """
        self.header = header
        self.file_number = os.fstat(file.fileno()).st_ino
        maps = _map(file, header.count, mode="r")
        self.hashes: Hashes = maps.hashes
        self.labels: Labels = maps.labels
        self.tables = (maps.starts, maps.ids, maps.sketches, maps.hashes.view(np.uint64))
        """As `kernels.search_tables` takes them."""
        self._content = maps.content

    def __len__(self) -> int:
        """Return the number of hashes."""
        return self.header.count

    def is_whole(self) -> bool:
        """Return whether every byte is as it was written: reads all of it, a second for three million."""
        return zlib.crc32(self._content.data) == self.header.content


def open_segment(path: Path) -> Segment:
    """Return the segment at `path`; nothing but its header and the starts of its buckets is read.

    What else may be damaged only `Segment.is_whole` tells; searching it finds too little, and ends.

    Raises:
        FileNotFoundError: there is none.
        SegmentDamaged: it is of another kind, cut short or altered at its head.
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
    """Write a segment of `hashes` with their `labels`; one that stands at `path` is replaced whole.

    `upto` is the last change of the lists that it holds. Of two processes that write the same place the
    last one wins, and both files were whole.

    Raises:
        ValueError: the shapes do not fit, or there are too many hashes.
        OSError: there is no room, or no right to write; what stood at `path` stands there still.
    """
    # Compiling takes its time to import: only who searches or writes pays for it.
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
        del maps, words  # what was written through the maps is the file's; fsync brings it down
        file.seek(0)
        file.write(head)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yield the place of a draft; afterwards it takes the place of `path`, or is gone."""
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
    """Remove the drafts of writers that were killed."""
    for draft in path.parent.glob(f".{path.name}.*.*"):
        try:
            os.kill(int(draft.name.split(".")[-2]), 0)
        except (ProcessLookupError, ValueError):
            draft.unlink(missing_ok=True)
        except PermissionError:  # another user's, alive
            continue


class _Maps(Struct, frozen=True):
    """The arrays of a file, as views of one map of it; `content` is all of them."""

    content: NDArray[np.uint8]
    hashes: Hashes
    labels: Labels
    starts: NDArray[np.uint32]
    ids: NDArray[np.uint32]
    sketches: NDArray[np.uint32]


def _lengths(count: int) -> tuple[int, ...]:
    """Return the bytes of each array, in the order of `_Maps` after `content`."""
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
