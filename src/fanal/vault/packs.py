"""Storage of sealed (encrypted) bytes on disk, without the database.

Small objects share packs (files of many objects); a large object has a file of its own.
"""

import errno
import os
import stat
import struct
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from fanal.kernel.failpoints import failpoint
from fanal.kernel.process import follow_folder
from fanal.vault.domain.envelope import CHUNK, TAG
from fanal.vault.domain.records import Placed

# Folders of the vault: private, and durable once created.


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents with mode 0700; sync each new name to disk (fsync).

    Raises:
        OSError: a folder cannot be created.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    follow_folder(folder)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Sync a folder to disk (fsync), so that new names in it survive a crash.

    Raises:
        OSError: the folder is missing, or cannot be synced.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# Format and location of packs and files, for writing and reading.
#
# A pack is a sequence of segments: `FNS1`, object id (16), length (4), CRC-32 (4) of id, length and sealed
# bytes, then the sealed bytes. Segments are self-describing, so that `fanal fsck` reads packs without the
# database; the CRC lets a node without the opening key detect damage (AES-GCM detects forgery).
# A separate file begins with `FNF1`, the object id and its CRC-32; its length is in the row.

SEGMENT = struct.Struct(">4s16sII")
SEGMENT_MAGIC = b"FNS1"
ERASED_MAGIC = b"FNS0"
FILE_HEAD = struct.Struct(">4s16sI")
FILE_MAGIC = b"FNF1"
_ID = struct.Struct(">16sI")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSegment:
    """One segment of a pack (a file of many objects): a header and the sealed bytes of an object.

    `offset` is its first byte in the pack, `length` the number of sealed bytes. `sound`: length and CRC are
    correct (always, if `erased`). `erased`: the bytes were overwritten with zeros.
    """

    offset: int
    object_id: UUID
    length: int
    sound: bool
    erased: bool


def segment_head(object_id: UUID, sealed: bytes) -> bytes:
    """Return the header (28 bytes) of an object's sealed bytes in a pack, a file of many objects."""
    raw, length = object_id.bytes, len(sealed)
    return SEGMENT.pack(SEGMENT_MAGIC, raw, length, checksum(raw, length, sealed))


def file_head(object_id: UUID) -> bytes:
    """Return the header (24 bytes) that precedes an object's sealed bytes in a file of its own."""
    return FILE_HEAD.pack(FILE_MAGIC, object_id.bytes, zlib.crc32(object_id.bytes))


def checksum(raw_id: bytes, length: int, sealed: bytes) -> int:
    """Return the CRC-32 of a segment: of the object's id (`raw_id`, 16 bytes), length and sealed bytes."""
    return zlib.crc32(sealed, zlib.crc32(_ID.pack(raw_id, length)))


def pack_path(folder: Path, pack_id: UUID) -> Path:
    """Return the path of a pack, a file of many sealed objects; `folder` is the vault's."""
    return folder / "packs" / f"{pack_id}.pack"


def file_path(folder: Path, object_id: UUID) -> Path:
    """Return the path of a large object's own file, in a folder named by the last, random byte of its id."""
    return folder / "files" / object_id.hex[-2:] / str(object_id)


# Reading sealed bytes, whole or in chunks, and distinguishing a lost object from an unavailable vault.


class BlobMissing(FileNotFoundError):
    """Error: a database row points to a pack (a file of many objects) or file that does not exist."""


class BlobDamaged(ValueError):
    """Error: the bytes at a location are short, altered, of another object, or in no regular file."""


class VaultAway(OSError):
    """Error: the disk or mount of the vault does not respond: an outage, not damage of an object."""


class SealedReader:
    """Context manager that reads sealed (encrypted) objects.

    The packs (files of many objects) that it opens stay open until it exits.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._packs: dict[UUID, int] = {}

    def __enter__(self) -> "SealedReader":
        """Return the reader; packs (files of many objects) are opened on demand."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the packs (files of many objects)."""
        while self._packs:
            os.close(self._packs.popitem()[1])

    def read(self, object_id: UUID, place: Placed) -> bytes:
        """Return the sealed bytes of an object at its location (`place`); for objects that fit in memory.

        Raises:
            BlobMissing: no such pack or file.
            BlobDamaged: the bytes are short, damaged or belong to another object.
            VaultAway: the disk or mount does not respond, or an error that may be an outage.
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
            descriptor = _open(pack_path(self._folder, pack_id))
            self._packs[pack_id] = descriptor
        return descriptor


def read_sealed(folder: Path, object_id: UUID, place: Placed) -> bytes:
    """Return the sealed bytes of one object at its location (`place`); `folder` is the vault's.

    Raises:
        BlobMissing: no such pack or file.
        BlobDamaged: the bytes are short, damaged or belong to another object.
        VaultAway: the disk or mount does not respond, or an error that may be an outage.
    """
    with SealedReader(folder) as reader:
        return reader.read(object_id, place)


def read_chunks(folder: Path, object_id: UUID, place: Placed) -> Iterator[bytes]:
    """Yield the sealed chunks of an object in a file of its own; memory use stays at one chunk.

    `folder` is the vault's; `place` holds the expected length.

    Raises:
        BlobMissing, BlobDamaged, VaultAway: while iterating, if the file is missing, is damaged or another
            object's, or the disk does not respond.
    """
    try:
        with open(_open(file_path(folder, object_id)), "rb") as file:
            if os.fstat(file.fileno()).st_size != FILE_HEAD.size + place.length:
                raise BlobDamaged(f"object {object_id}: the file has another length")
            if file.read(FILE_HEAD.size) != file_head(object_id):
                raise BlobDamaged(f"object {object_id}: the head of its file is damaged")
            while chunk := file.read(CHUNK + TAG):
                yield chunk
    except OSError as failure:
        raise _told(failure, folder / "files", f"object {object_id}") from failure


def scan_pack(path: Path) -> Iterator[PackSegment]:
    """Yield the segments of a pack (a file of many sealed objects) in order.

    What follows the last readable header, such as an incomplete end, is the last segment: unsound, with id
    zero.

    Raises:
        BlobDamaged, OSError: the pack cannot be opened.
    """
    with open(_open(path), "rb") as file:
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
            yield PackSegment(
                offset=offset, object_id=UUID(bytes=raw), length=length, sound=sound, erased=erased
            )
            offset += SEGMENT.size + length


def named_id(path: Path) -> UUID | None:
    """Return the id in the name of a pack or of an object's file; None if the name contains no id."""
    with suppress(ValueError):
        return UUID(path.stem)
    return None


def is_empty(folder: Path) -> bool:
    """Return whether a folder is empty or does not exist.

    Raises:
        VaultAway: it exists and cannot be listed.
    """
    try:
        return next(folder.iterdir(), None) is None
    except FileNotFoundError:
        return True
    except OSError as failure:
        raise VaultAway(failure.errno, f"{folder} cannot be listed") from failure


_OWN = frozenset(
    {
        *(errno.EINVAL, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG),
        *(errno.ENODEV, errno.ENOTDIR, errno.ENXIO),
    }
)
"""Error numbers that concern a single path or a place in it, and never a disk."""


def _open(path: Path) -> int:
    """Open a file for reading, and return its descriptor.

    Symbolic links are not followed, and a pipe does not block.

    Raises:
        BlobDamaged: the path is not a regular file (a folder, a pipe …).
        OSError: the file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BlobDamaged(f"{path.name} is no file")
    return descriptor


def _told(failure: OSError, folder: Path, name: str) -> OSError | BlobDamaged:
    """Return the error to raise for a read error of the system (`failure`).

    It is BlobDamaged if the object is damaged, BlobMissing if it is lost, or VaultAway for an outage.
    `name` names the object in the message, `folder` is the folder of its file. A lost mount shows as an
    empty folder. Any process that writes in the vault, a public node included, can put unreadable entries
    there: that counts as damage of the object as long as its folder, and the vault's file `identity`, can
    be read.
    """
    if failure.errno in _OWN:
        return BlobDamaged(f"{name} is no file with such a place")
    if isinstance(failure, PermissionError) and _may_read(folder):
        return BlobDamaged(f"{name} may not be read")
    if not isinstance(failure, FileNotFoundError):
        return VaultAway(failure.errno, f"{name} cannot be read")
    if is_empty(folder):
        return VaultAway(errno.ENOENT, f"{folder} is missing or empty")
    return BlobMissing(f"{name} is missing")


def _may_read(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK) and os.access(folder.parent / "identity", os.R_OK)


def _tail(offset: int, end: int) -> PackSegment:
    return PackSegment(
        offset=offset, object_id=UUID(int=0), length=end - offset, sound=False, erased=False
    )


# Writing sealed bytes: appended to a pack, as a separate file, or blanked when erased.

PACK_LIMIT = 64 * 1024 * 1024
PACK_RESTS = 3600.0
"""Seconds after its last write during which a pack may still be written to; the sweep relies on it."""


class PackWriter:
    """Appends sealed objects to this process's own pack, a file of many objects.

    Each process and each fork has its own. After any failure the pack is closed and a new one begun: the
    kernel may have dropped the pages of a failed sync, so that further segments could lie after a gap.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "packs"
        self._lock = threading.Lock()
        self._process = 0
        self._descriptor = -1
        self._pack_id = UUID(int=0)
        self._end = 0
        self._written = 0.0

    def append(self, items: Sequence[tuple[UUID, bytes]]) -> list[Placed]:
        """Append sealed objects (id, bytes), sync once, and return their locations in the order of `items`.

        The bytes are durable when this returns.

        Raises:
            OSError: nothing of this batch may be used.
        """
        heads = [segment_head(object_id, sealed) for object_id, sealed in items]
        block = b"".join(
            part for head, (_, sealed) in zip(heads, items, strict=True) for part in (head, sealed)
        )
        with self._lock:
            self._ready()
            start = self._end
            try:
                _write_all(self._descriptor, block)
                failpoint("vault.unsynced")
                os.fdatasync(self._descriptor)
            except OSError:
                self._abandon()
                raise
            self._end += len(block)
            self._written = _uptime()
            return list(self._places(start, items))

    def close(self) -> None:
        """Close the pack (file of many objects); the next batch starts a new pack."""
        with self._lock:
            self._abandon()

    def _places(self, start: int, items: Sequence[tuple[UUID, bytes]]) -> Iterator[Placed]:
        for _, sealed in items:
            yield Placed(pack_id=self._pack_id, offset=start, length=len(sealed))
            start += SEGMENT.size + len(sealed)

    def _ready(self) -> None:
        open_here = self._process == os.getpid() and self._descriptor >= 0
        if open_here and self._end < PACK_LIMIT and _uptime() - self._written < PACK_RESTS:
            return
        if self._process == os.getpid():
            self._abandon()
        make_folder(self._folder)
        self._pack_id = uuid4()
        path = self._folder / f"{self._pack_id}.pack"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._descriptor, self._end, self._process = os.open(path, flags, 0o600), 0, os.getpid()
        follow_folder(path)
        self._written = _uptime()
        try:
            sync_folder(self._folder)
        except OSError:
            self._abandon()
            raise

    def _abandon(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def write_file(folder: Path, object_id: UUID, sealed: Iterable[bytes]) -> Placed:
    """Write an object's sealed chunks as a durable file of its own; return its location.

    The file is written under `tmp/`, synced and renamed, then its folder is synced: a crash leaves no
    partial file under its name.

    Raises:
        OSError: the file could not be written, so the object must not be recorded; its temporary file is
            removed if possible.
        Exception: any exception raised by `sealed`.
    """
    make_folder(folder / "tmp")
    temporary, target = folder / "tmp" / str(object_id), file_path(folder, object_id)
    length = 0
    try:
        with _created(temporary) as descriptor:
            _write_all(descriptor, file_head(object_id))
            for chunk in sealed:
                _write_all(descriptor, chunk)
                length += len(chunk)
                failpoint("vault.chunk")
            os.fsync(descriptor)
        make_folder(target.parent)
        temporary.rename(target)
        sync_folder(target.parent)
        failpoint("vault.renamed")
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return Placed(length=length)


def blank_segment(folder: Path, pack_id: UUID, segment: PackSegment) -> None:
    """Overwrite one object (`segment`) of a pack with zeros and mark it erased; other offsets do not change.

    A pack is a file of many objects; `folder` is the vault's.

    Raises:
        OSError: the pack could not be written or synced.
    """
    descriptor = os.open(pack_path(folder, pack_id), os.O_WRONLY)
    try:
        head = SEGMENT.pack(ERASED_MAGIC, segment.object_id.bytes, segment.length, 0)
        block = head + bytes(segment.length)
        if os.pwrite(descriptor, block, segment.offset) != len(block):
            raise OSError(f"pack {pack_id}: short write")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _created(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        follow_folder(path)
        yield descriptor
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]


def _uptime() -> float:
    """Return seconds of a monotonic clock that runs on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
