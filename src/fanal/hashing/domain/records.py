"""What is asked of a child, what it may use, and what it answers."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

LOWEST_QUALITY: Final = 50
"""Below this a PDQ hash says too little to be compared by distance (published PDQ practice)."""
HEAD_BYTES: Final = 8 + 64
"""What comes before a file on a child's socket: its length and its media type."""


class Unhashed(StrEnum):
    """Why a file has no perceptual hash. Its exact hashes stand whatever the reason."""

    NO_PICTURE = "NO_PICTURE"  # none of the four formats (nor a video, where vPDQ is installed)
    EMPTY = "EMPTY"
    TOO_LARGE = "TOO_LARGE"  # more bytes than a picture may have
    TOO_MANY_PIXELS = "TOO_MANY_PIXELS"
    TOO_MUCH_MEMORY = "TOO_MUCH_MEMORY"
    TOO_SLOW = "TOO_SLOW"
    DAMAGED = "DAMAGED"  # the decoder refuses it, or it ends too soon
    CHILD_DIED = "CHILD_DIED"  # the decoder broke down: crashed, or was killed by the system
    SEALED_DAMAGED = "SEALED_DAMAGED"  # the vault could not give the bytes back whole


class FileLimits(Struct, frozen=True, kw_only=True):
    """What one file may cost. Bytes, pixels and seconds; `files` are those one child may see."""

    file_bytes: int = 64 << 20
    pixels: int = 50_000_000
    """Of a picture that has to be decoded whole."""
    scaled_pixels: int = 200_000_000
    """Of a JPEG, which can be decoded at a half, a quarter or an eighth of its size."""
    video_bytes: int = 500 << 20
    memory: int = 768 << 20
    """Beyond what the process holds before the first file."""
    cpu_seconds: float = 5.0
    wall_seconds: float = 10.0
    video_seconds: float = 120.0
    files: int = 64


class FileFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one file. Hashes in lower-case hexadecimal.

    `media_type` is told by the first bytes. With `pdq` goes its `quality` (0 to 100), `width` and `height`
    as stored, and `scale`, the divisor at which a large JPEG was decoded. `frames` are the distinct PDQ
    hashes of a video's frames of quality 50 or more.
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
