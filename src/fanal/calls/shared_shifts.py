"""The shifts of the duty rosters in memory shared by the process that reads them and the sending loop."""

import mmap
import struct
import time
import zlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from msgspec import msgpack

from fanal.accounts.domain.duty import Shift

AROUND: Final = timedelta(minutes=10)
"""Time before and after the present in which shifts are shared."""
_OLD_SECONDS: Final = 60.0
"""Age from which on the shifts are ignored: somebody may have been taken off duty meanwhile."""
_SIZE: Final = 16 << 20
_HEAD: Final = struct.Struct("<IId")
"""Length and CRC-32 of the content, and when it was read (monotonic clock, one for all processes)."""


def content_of(shifts: Mapping[int, Sequence[Shift]]) -> bytes | None:
    """Return the shifts by desk as the memory holds them; None if it is too small for them (16 MiB)."""
    content = msgpack.encode({str(desk): list(found) for desk, found in shifts.items()})
    return content if len(content) <= _SIZE - _HEAD.size else None


class SharedShifts:
    """The shifts of every desk in memory that two processes share.

    A checksum detects an incomplete write, which is read as no shifts at all.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)

    def write(self, shifts: Mapping[int, Sequence[Shift]]) -> bool:
        """Store the shifts by desk; return whether they fit. If they do not, nothing is stored."""
        fitting = content_of(shifts)
        content = fitting or b""
        head = _HEAD.pack(len(content), zlib.crc32(content), time.monotonic())
        self._memory[: _HEAD.size + len(content)] = head + content
        return fitting is not None

    def read(self) -> dict[int, list[Shift]]:
        """Return the shifts by desk number; empty if the content is incomplete or older than a minute."""
        length, crc, read_at = _HEAD.unpack(self._memory[: _HEAD.size])
        content = self._memory[_HEAD.size : _HEAD.size + min(length, _SIZE)]
        if not content or zlib.crc32(content) != crc or time.monotonic() > read_at + _OLD_SECONDS:
            return {}
        found = msgpack.decode(content, type=dict[str, list[Shift]])
        return {int(desk): shifts for desk, shifts in found.items()}
