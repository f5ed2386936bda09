"""Writing sealed bytes: appended to a pack, as a file of their own, or blanked when erased."""

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

from fanal.kernel.failpoints import failpoint
from fanal.kernel.ownership import follow_folder
from fanal.vault.domain.records import Placed
from fanal.vault.packs.folders import make_folder, sync_folder
from fanal.vault.packs.layout import (
    ERASED_MAGIC,
    SEGMENT,
    Segment,
    file_head,
    file_path,
    pack_path,
    segment_head,
)

PACK_LIMIT = 64 * 1024 * 1024
PACK_RESTS = 3600.0
"""Seconds after its last write in which a pack is still written to; the sweep relies on it."""


class PackWriter:
    """Appends segments to this process's own pack; each process and each fork has another.

    After any failure the pack is abandoned: the kernel may have dropped the pages of a failed sync, so
    nothing may follow them.
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
        """Append sealed objects and sync once; return their places, durable.

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
        """Close the pack; the next batch begins another."""
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
    """Write one object as a file of its own and return its place, durable.

    Written under `tmp/`, synced, renamed, folder synced: a crash leaves no half file under its name.

    Raises:
        OSError: the object is not stored; its temporary file is removed where that is possible.
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


def blank_segment(folder: Path, pack_id: UUID, segment: Segment) -> None:
    """Overwrite a segment with zeros and mark it erased; its place in the pack stays.

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
    """Return seconds that go on while the machine sleeps and that nobody sets back."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
