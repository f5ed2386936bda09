"""Adapter of vPDQ, the PDQ hashes of a video's frames, if its library is installed.

The PyPI package `vpdq` is built against the machine's FFmpeg; without it a video has exact hashes only.
Loading code and creating memory (`load`, `reserve`) must precede the sandbox, which forbids both.
"""

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Final, Protocol, cast

from msgspec import structs

from fanal.hashing.domain.records import LOWEST_QUALITY, FileFacts, Unhashed

SECONDS_PER_HASH: Final = 1.0
MOST_FRAMES: Final = 64
_SAME_SCENE: Final = 31
_NAME: Final = "vpdq"


class _Feature(Protocol):
    quality: int
    hex: str


class _Library(Protocol):
    def computeHash(  # noqa: N802 - the library's own name
        self, path: str, *, seconds_per_hash: float
    ) -> list[_Feature]: ...


def is_installed() -> bool:
    """Return whether the library for video hashes (`vpdq`) is installed."""
    return find_spec(_NAME) is not None


def load() -> bool:
    """Import the library for video hashes if it is installed; return whether it can be used."""
    try:
        return is_installed() and bool(import_module(_NAME))
    except (ImportError, OSError):  # built against a different FFmpeg
        return False


def is_loaded() -> bool:
    """Return whether `load` has imported the library."""
    return _NAME in sys.modules


def reserve() -> int:
    """Create anonymous memory for a single video at a time; return its file descriptor."""
    return os.memfd_create("video", os.MFD_CLOEXEC)


def hold(memory: int, piece: bytes) -> bool:
    """Append a piece to the video in the anonymous memory `memory`; return whether there was space."""
    view = memoryview(piece)
    try:
        while view:
            view = view[os.write(memory, view) :]
    except OSError:
        return False
    return True


def drop(memory: int) -> None:
    """Empty the anonymous memory of this descriptor for the next video."""
    os.ftruncate(memory, 0)
    os.lseek(memory, 0, os.SEEK_SET)


def hash_video(memory: int, *, facts: FileFacts) -> FileFacts:
    """Return `facts` with the PDQ hashes of a video's frames: distinct, quality 50 or more, in order.

    `memory` is the descriptor of the anonymous memory that holds the video. At most 64 frames count; a hash
    within 31 bits of an earlier one is skipped. A video that the decoder refuses gets `Unhashed.DAMAGED`,
    one that needs too much memory `TOO_MUCH_MEMORY`. The library accepts only a path: it gets that of the
    anonymous memory, so nothing touches the disk.
    """
    library = cast(_Library, sys.modules[_NAME])
    try:
        features = library.computeHash(f"/proc/self/fd/{memory}", seconds_per_hash=SECONDS_PER_HASH)
    except MemoryError:
        return structs.replace(facts, unhashed=Unhashed.TOO_MUCH_MEMORY)
    except Exception:  # noqa: BLE001 - any decoder error on hostile bytes means a damaged file
        return structs.replace(facts, unhashed=Unhashed.DAMAGED)
    return structs.replace(facts, frames=_distinct(features))


def _distinct(features: list[_Feature]) -> tuple[str, ...]:
    kept: list[str] = []
    for feature in features:
        value = feature.hex.lower()
        if feature.quality < LOWEST_QUALITY or len(kept) == MOST_FRAMES:
            continue
        if all((int(value, 16) ^ int(other, 16)).bit_count() > _SAME_SCENE for other in kept):
            kept.append(value)
    return tuple(kept)
