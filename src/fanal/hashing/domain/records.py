"""Records of hashing: media types, limits per file, results, and reasons for a missing perceptual hash.

The media type of a file is read from its first bytes (magic numbers); a sender's file name or type proves
nothing. Source of the signatures: ISO/IEC 10918-1 (JPEG), PNG specification, GIF89a, WebP container
specification, ISO/IEC 14496-12 (`ftyp`) and QuickTime before it, ISO/IEC 13818-1 (MPEG), ASF, FLV, Matroska,
RIFF, PKWARE APPNOTE, ISO 32000 (PDF).
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct

LOWEST_QUALITY: Final = 50
"""Least quality of a PDQ hash that is compared by distance (published PDQ practice)."""
HEAD_BYTES: Final = 8 + 64
"""Bytes before a file on a child's socket: its length and its media type."""


class Unhashed(StrEnum):
    """Reason why a file has no perceptual hash (PDQ): its type, its content, a limit or a fault.

    NO_PICTURE: its format is none of those that are decoded. TOO_…: over a limit of `FileLimits`. DAMAGED:
    the decoder refuses it. CHILD_DIED: the process that hashed it died. SEALED_DAMAGED: the vault could not
    return all of its bytes. Exact hashes are missing too if no process read the file to its end.
    """

    NO_PICTURE = "NO_PICTURE"  # none of the four formats (nor a video, where vPDQ is installed)
    EMPTY = "EMPTY"
    TOO_LARGE = "TOO_LARGE"  # more bytes than a picture may have
    TOO_MANY_PIXELS = "TOO_MANY_PIXELS"
    TOO_MUCH_MEMORY = "TOO_MUCH_MEMORY"
    TOO_SLOW = "TOO_SLOW"
    DAMAGED = "DAMAGED"  # the decoder refuses it, or it ends too soon
    CHILD_DIED = "CHILD_DIED"  # the decoder crashed, or the system killed it
    SEALED_DAMAGED = "SEALED_DAMAGED"  # the vault could not return all the bytes


class FileLimits(Struct, frozen=True, kw_only=True):
    """Limits for each hashed file, in bytes, pixels and seconds; after `files` files a child process ends.

    `file_bytes` and `video_bytes` are the greatest sizes of a picture and of a video. A video has
    `video_seconds`, both of CPU and of elapsed time; any other file has `cpu_seconds` and `wall_seconds`.
    Elapsed time is extended by one second for each 20 MB. `scaled_pixels` applies to a JPEG that can be
    decoded at a smaller scale, `pixels` to any other picture.
    """

    file_bytes: int = 64 << 20
    pixels: int = 50_000_000
    """Limit for a picture that is decoded at full size."""
    scaled_pixels: int = 200_000_000
    """Limit for a JPEG, which can be decoded at a half, a quarter or an eighth of its size."""
    video_bytes: int = 500 << 20
    memory: int = 768 << 20
    """Bytes in addition to the memory of the process before its first file."""
    cpu_seconds: float = 5.0
    wall_seconds: float = 10.0
    video_seconds: float = 120.0
    files: int = 64


class FileFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Hashes and properties of a file. Hashes in lower-case hexadecimal.

    `media_type` follows from the first bytes. `pdq` comes with `quality` (0 to 100), `width` and `height` as
    stored, and `scale`, the divisor at which a large JPEG was decoded. `frames` are the distinct PDQ hashes
    (more than 31 bits apart) of a video's frames of quality 50 or more, at most 64. `unhashed` is the reason
    of a missing PDQ hash. Values that were not computed are None, "" or 0.
    """

    media_type: str = ""
    md5: str = ""
    sha1: str = ""
    sha256: str = ""
    size: int = 0
    width: int | None = None
    height: int | None = None
    pdq: str | None = None
    quality: int | None = None
    scale: int = 1
    frames: tuple[str, ...] = ()
    unhashed: Unhashed | None = None


HEAD: Final = 16
"""Number of bytes needed for the detection."""
PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_STARTS: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x1aE\xdf\xa3", "video/x-matroska"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (b"FLV\x01", "video/x-flv"),
    (b"OggS", "application/ogg"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"PK\x03\x04", "application/zip"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
)
_RIFFS: Final = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo", b"WAVE": "audio/wav"}
_BRANDS: Final = {b"avif": "image/avif", b"heic": "image/heic", b"mif1": "image/heic"}


def media_type_of(head: bytes) -> str:
    """Return the media type (`image/png`) of a file by `head`, its first 16 bytes; "" if unknown."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return _RIFFS.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[4:8] in {b"moov", b"mdat", b"wide"}:
        return "video/quicktime"
    return ""
