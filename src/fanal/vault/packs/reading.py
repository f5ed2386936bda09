"""Reading sealed bytes, whole or in chunks, and telling a lost object from a vault that is away."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from fanal.vault.domain.envelope import CHUNK, TAG
from fanal.vault.domain.records import Placed
from fanal.vault.packs.layout import (
    ERASED_MAGIC,
    FILE_HEAD,
    SEGMENT,
    SEGMENT_MAGIC,
    Segment,
    checksum,
    file_head,
    file_path,
    pack_path,
    segment_head,
)


class BlobMissing(FileNotFoundError):
    """A row points to a pack or file that does not exist."""


class BlobDamaged(ValueError):
    """The bytes at a place are short, or are not those of the object."""


class VaultAway(OSError):
    """Disk or mount of the vault do not answer: an outage, for which no object is to blame."""


class SealedReader:
    """Reads sealed objects, each pack opened once; a context that closes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._packs: dict[UUID, int] = {}

    def __enter__(self) -> "SealedReader":
        """Open nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the packs."""
        while self._packs:
            os.close(self._packs.popitem()[1])

    def read(self, object_id: UUID, place: Placed) -> bytes:
        """Return the sealed bytes of an object that fits in memory.

        Raises:
            BlobMissing: there is no such pack or file.
            BlobDamaged: what is there is short or another object's.
            VaultAway: nothing can be read, this object or another.
        """
        if place.pack_id is None:
            return b"".join(read_chunks(self._folder, object_id, place))
        size = SEGMENT.size + place.length
        try:
            block = os.pread(self._pack(place.pack_id), size, place.offset or 0)
        except OSError as failure:
            raise _told(failure, self._folder / "packs", f"pack {place.pack_id}") from failure
        if len(block) < size:
            raise BlobDamaged(f"object {object_id}: the pack is short")
        head, sealed = block[: SEGMENT.size], block[SEGMENT.size :]
        if head != segment_head(object_id, sealed):
            raise BlobDamaged(f"object {object_id}: its segment is damaged")
        return sealed

    def _pack(self, pack_id: UUID) -> int:
        descriptor = self._packs.get(pack_id)
        if descriptor is None:
            descriptor = os.open(pack_path(self._folder, pack_id), os.O_RDONLY)
            self._packs[pack_id] = descriptor
        return descriptor


def read_sealed(folder: Path, object_id: UUID, place: Placed) -> bytes:
    """Return the sealed bytes of one object.

    Raises:
        BlobMissing, BlobDamaged, VaultAway: as `SealedReader.read`.
    """
    with SealedReader(folder) as reader:
        return reader.read(object_id, place)


def read_chunks(folder: Path, object_id: UUID, place: Placed) -> Iterator[bytes]:
    """Yield the sealed chunks of an object that has a file of its own; memory stays at one chunk.

    Raises:
        BlobMissing, BlobDamaged, VaultAway: as `read_sealed`.
    """
    try:
        with file_path(folder, object_id).open("rb") as file:
            if os.fstat(file.fileno()).st_size != FILE_HEAD.size + place.length:
                raise BlobDamaged(f"object {object_id}: the file has another length")
            if file.read(FILE_HEAD.size) != file_head(object_id):
                raise BlobDamaged(f"object {object_id}: the head of its file is damaged")
            while chunk := file.read(CHUNK + TAG):
                yield chunk
    except OSError as failure:
        raise _told(failure, folder / "files", f"object {object_id}") from failure


def scan_pack(path: Path) -> Iterator[Segment]:
    """Yield the segments of a pack; a last, unsound one stands for a tail that is no whole segment."""
    with path.open("rb") as file:
        offset, end = 0, os.fstat(file.fileno()).st_size
        while offset < end:
            head = file.read(SEGMENT.size)
            if len(head) < SEGMENT.size or head[:4] not in (SEGMENT_MAGIC, ERASED_MAGIC):
                yield _tail(offset, end)
                return
            magic, raw, length, crc = SEGMENT.unpack(head)
            sealed = file.read(length)
            if len(sealed) < length:
                yield _tail(offset, end)
                return
            erased = magic == ERASED_MAGIC
            sound = erased or checksum(raw, length, sealed) == crc
            yield Segment(
                offset=offset, object_id=UUID(bytes=raw), length=length, sound=sound, erased=erased
            )
            offset += SEGMENT.size + length


def is_empty(folder: Path) -> bool:
    """Return whether a folder holds no name, or is not there.

    Raises:
        VaultAway: it is there and cannot be listed.
    """
    try:
        return next(folder.iterdir(), None) is None
    except FileNotFoundError:
        return True
    except OSError as failure:
        raise VaultAway(failure.errno, f"{folder} cannot be listed") from failure


def _told(failure: OSError, folder: Path, name: str) -> OSError:
    """Return what a failure to read means: a mount that is gone leaves its folder empty."""
    if not isinstance(failure, FileNotFoundError):
        return VaultAway(failure.errno, f"{name} cannot be read")
    if is_empty(folder):
        return VaultAway(errno.ENOENT, f"{folder} is missing or empty")
    return BlobMissing(f"{name} is missing")


def _tail(offset: int, end: int) -> Segment:
    return Segment(
        offset=offset, object_id=UUID(int=0), length=end - offset, sound=False, erased=False
    )
