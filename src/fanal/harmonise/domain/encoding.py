"""A harmonised report as bytes, and back: one version byte, then JSON, compressed.

Compression starts from a sample record (`data/record-N.txt`): a record is mostly field names and codes,
and takes a third of the room this way. A sample is never edited, since stored records need it to be read:
a better one is a new version.

* Version 1, read and no longer written: zlib (RFC 1950, preset dictionary); a record of every field.
* Version 2: Zstandard (RFC 8878, raw content as dictionary); the same, then a provider's report. It takes a
  quarter of the time, and no more room.
"""

import threading
import zlib
from importlib import resources
from typing import Final

import msgspec
from zstandard import (
    DICT_TYPE_RAWCONTENT,
    ZstdCompressionDict,
    ZstdCompressor,
    ZstdDecompressor,
)

from fanal.harmonise.domain.records import HarmonisedReport


class UnknownEncoding(Exception):
    """A stored record begins with a version that is not known here."""


def _sample(version: int) -> bytes:
    folder = resources.files("fanal.harmonise.domain").joinpath("data")
    return folder.joinpath(f"record-{version}.txt").read_bytes()


_LEVEL: Final = 3
_ZLIB_SAMPLE: Final = _sample(1)
_SAMPLE: Final = ZstdCompressionDict(_sample(2), dict_type=DICT_TYPE_RAWCONTENT)
_SAMPLE.precompute_compress(level=_LEVEL)
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(HarmonisedReport)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Presses(threading.local):
    """A compressor and a decompressor for each thread: neither may be shared."""

    def __init__(self) -> None:
        self.press = ZstdCompressor(level=_LEVEL, dict_data=_SAMPLE, write_checksum=True)
        self.expand = ZstdDecompressor(dict_data=_SAMPLE)


_PRESSES: Final = _Presses()


def pack(report: HarmonisedReport) -> bytes:
    """Return `report` compressed.

    Raises:
        UnicodeEncodeError: a text holds a lone surrogate.
    """
    return b"\x02" + _PRESSES.press.compress(_ENCODER.encode(report))


def unpack_fields(content: bytes | memoryview) -> dict[str, msgspec.Raw]:
    """Return the fields of the report that `pack` compressed, each as JSON; a default is absent.

    Whoever prints a record writes them as they stand: nothing is built of them.

    Raises: as `unpack`.
    """
    stored = bytes(content)
    if stored[:1] == b"\x02":
        return _FIELDS.decode(_PRESSES.expand.decompress(stored[1:]))
    return _FIELDS.decode(_ENCODER.encode(unpack(stored)))


def unpack(content: bytes | memoryview) -> HarmonisedReport:
    """Return the report that `pack` compressed.

    Raises:
        UnknownEncoding: the version is unknown here.
        zlib.error, zstandard.ZstdError: the content is damaged.
        msgspec.ValidationError: the content is of another shape.
    """
    stored = bytes(content)
    if stored[:1] == b"\x02":
        return _DECODER.decode(_PRESSES.expand.decompress(stored[1:]))
    if stored[:1] == b"\x01":
        expand = zlib.decompressobj(zdict=_ZLIB_SAMPLE)
        return _DECODER.decode(expand.decompress(stored[1:]) + expand.flush())
    raise UnknownEncoding(f"record encoding {stored[:1].hex() or 'missing'}")
