"""The bytes of packs and files, and where they lie: what is written here is read here.

A pack is a run of segments: `FNS1`, object id (16), length (4), CRC-32 (4) of id, length and sealed
bytes, then the sealed bytes. Segments describe themselves, so `fanal fsck` reads packs without the
database; the CRC lets a node without the opening key find damage (forgery is what AES-GCM finds).
A file of its own begins with `FNF1`, the object id and its CRC-32; its length is in the row.
"""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

SEGMENT = struct.Struct(">4s16sII")
SEGMENT_MAGIC = b"FNS1"
ERASED_MAGIC = b"FNS0"
FILE_HEAD = struct.Struct(">4s16sI")
FILE_MAGIC = b"FNF1"
_ID = struct.Struct(">16sI")


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment met while reading a pack: `sound` when length and CRC hold."""

    offset: int
    object_id: UUID
    length: int
    sound: bool
    erased: bool


def segment_head(object_id: UUID, sealed: bytes) -> bytes:
    """Return the 28 bytes before an object in a pack."""
    raw, length = object_id.bytes, len(sealed)
    return SEGMENT.pack(SEGMENT_MAGIC, raw, length, checksum(raw, length, sealed))


def file_head(object_id: UUID) -> bytes:
    """Return the 24 bytes before an object that has a file of its own."""
    return FILE_HEAD.pack(FILE_MAGIC, object_id.bytes, zlib.crc32(object_id.bytes))


def checksum(raw_id: bytes, length: int, sealed: bytes) -> int:
    """Return the CRC-32 of a segment's id, length and sealed bytes."""
    return zlib.crc32(sealed, zlib.crc32(_ID.pack(raw_id, length)))


def pack_path(folder: Path, pack_id: UUID) -> Path:
    """Return where a pack is."""
    return folder / "packs" / f"{pack_id}.pack"


def file_path(folder: Path, object_id: UUID) -> Path:
    """Return where the file of a large object is: spread by the last byte of its id, which is random."""
    return folder / "files" / object_id.hex[-2:] / str(object_id)
