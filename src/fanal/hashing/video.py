"""The adapter of vPDQ, the PDQ hashes of a video's frames, for where its library is installed.

The PyPI package `vpdq` is built against the machine's FFmpeg; without it a video keeps its exact hashes.
"""

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Final, Protocol, cast

from msgspec import structs

from fanal.hashing.domain.records import LOWEST_QUALITY, FileFacts, Unhashed

SECONDS_PER_HASH: Final = 1.0
MOST_FRAMES: Final = 64
_SAME_SCENE: Final = 31


class _Feature(Protocol):
    quality: int
    hex: str


class _Library(Protocol):
    def computeHash(  # noqa: N802 - the library's own name
        self, path: str, *, seconds_per_hash: float
    ) -> list[_Feature]: ...


def is_installed() -> bool:
    """Return whether the library can be imported here."""
    return find_spec("vpdq") is not None


def hash_video(data: bytes | bytearray, *, facts: FileFacts) -> FileFacts:
    """Return `facts` with the hashes of a video's frames: distinct ones of quality 50 or more, in order.

    The library takes a path only: it gets that of anonymous memory, so nothing touches the disk.
    """
    memory = os.memfd_create("video", os.MFD_CLOEXEC)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(memory, view) :]
        library = cast(_Library, import_module("vpdq"))
        features = library.computeHash(f"/proc/self/fd/{memory}", seconds_per_hash=SECONDS_PER_HASH)
    except MemoryError:
        return structs.replace(facts, unhashed=Unhashed.TOO_MUCH_MEMORY)
    except Exception:  # noqa: BLE001 - whatever a decoder says of hostile bytes, the file is damaged
        return structs.replace(facts, unhashed=Unhashed.DAMAGED)
    finally:
        os.close(memory)
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
