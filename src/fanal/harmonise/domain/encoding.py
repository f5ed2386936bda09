"""A harmonised report as bytes, and back: one version byte, then JSON under zlib.

zlib starts from a sample record (`data/record-1.txt`, RFC 1950 preset dictionary): a record is mostly
field names and codes, and takes a third of the room this way. A sample is never edited, since stored
records need it to be read: a better one is a new version.
"""

import zlib
from importlib import resources

import msgspec

from fanal.harmonise.domain.records import HarmonisedReport


class UnknownEncoding(Exception):
    """A stored record begins with a version that no sample is known for."""


_SAMPLES = {
    1: resources.files("fanal.harmonise.domain").joinpath("data", "record-1.txt").read_bytes()
}
_NEWEST = max(_SAMPLES)
_LEVEL = 5  # of zlib: a quarter less time than its usual 6, for three percent more room
_PRIMED = zlib.compressobj(_LEVEL, zdict=_SAMPLES[_NEWEST])  # copied: the sample is read in once
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(HarmonisedReport)


def pack(report: HarmonisedReport) -> bytes:
    """Return `report` compressed.

    Raises:
        UnicodeEncodeError: a text holds a lone surrogate.
    """
    press = _PRIMED.copy()
    content = press.compress(_ENCODER.encode(report))
    return bytes((_NEWEST,)) + content + press.flush()


def unpack(content: bytes | memoryview) -> HarmonisedReport:
    """Return the report that `pack` compressed.

    Raises:
        UnknownEncoding: the version is unknown here.
        zlib.error: the content is damaged.
        msgspec.ValidationError: the content is of another shape.
    """
    stored = bytes(content)
    sample = _SAMPLES.get(stored[0]) if stored else None
    if sample is None:
        raise UnknownEncoding(f"record encoding {stored[:1].hex() or 'missing'}")
    expand = zlib.decompressobj(zdict=sample)
    return _DECODER.decode(expand.decompress(stored[1:]) + expand.flush())
