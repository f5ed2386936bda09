"""Records of hashing: limits per file, results, and reasons for a missing perceptual hash."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

LOWEST_QUALITY: Final = 50
"""Least quality of a PDQ hash that is compared by distance (published PDQ practice)."""
HEAD_BYTES: Final = 8 + 64
"""Bytes before a file on a child's socket: its length and its media type."""


class Unhashed(StrEnum):
    """Reason why a file has no perceptual hash (PDQ): its type, its content, a limit or a fault.

    Exact hashes are missing too if no child process read the file to its end (for instance CHILD_DIED).
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

    A video has `video_seconds`, both of CPU and of elapsed time; any other file has `cpu_seconds` and
    `wall_seconds`. Elapsed time is extended by one second for each 20 MB. `scaled_pixels` applies to a JPEG
    that can be decoded at a smaller scale, `pixels` to any other picture.
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
    of a missing PDQ hash.
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
