"""What harmonise publishes to the stages after it.

`HarmonisedReport` is the report format with canonical values, plus what the format has no field for
(`extra`) and the selectors drawn from it. Field names are public: `fanal report show` prints them.
"""

import threading
import zlib
from datetime import datetime
from enum import StrEnum
from importlib import resources
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct
from zstandard import DICT_TYPE_RAWCONTENT, ZstdCompressionDict, ZstdCompressor, ZstdDecompressor

from fanal.formats.report.records import (
    Channel,
    File,
    Message,
    Payment,
    Person,
    Place,
    ReportKind,
    Stated,
)
from fanal.hashing.domain.records import LOWEST_QUALITY, FileFacts


class SelectorKind(StrEnum):
    """The kinds of value that reports can share."""

    URL = "URL"
    HOST = "HOST"
    DOMAIN = "DOMAIN"
    ONION = "ONION"
    IP = "IP"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    HANDLE = "HANDLE"
    DEVICE = "DEVICE"
    ACCOUNT = "ACCOUNT"
    SHA256 = "SHA256"
    SHA1 = "SHA1"
    MD5 = "MD5"
    PDQ = "PDQ"
    GAME = "GAME"


class SelectorRole(StrEnum):
    """On whose side a value was seen. A REPORTER's values are never selectors."""

    SUSPECT = "SUSPECT"
    VICTIM = "VICTIM"
    WITNESS = "WITNESS"
    RECIPIENT = "RECIPIENT"
    ASSOCIATED = "ASSOCIATED"
    CONTENT = "CONTENT"


class Selector(Struct, frozen=True, kw_only=True, gc=False):
    """One value with its kind and role; `at` is the instant it was used, `source` the path it came from.

    `weak` marks a value found in free text rather than in a field of its own.
    """

    kind: SelectorKind
    value: str
    role: SelectorRole
    at: str | None = None
    port: int | None = None
    source: str = ""
    weak: bool = False


class TimeRange(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A source time: RFC 3339 UTC bounds, precision, and the zone given or assumed."""

    earliest: str
    latest: str
    precision: str  # SECOND | MINUTE | HOUR | DAY | MONTH | YEAR
    zone: str  # the offset or zone given, or the assumed one
    zone_assumed: bool = False


class HarmonisedUrl(Struct, frozen=True, kw_only=True, gc=False):
    """The three values of an address, and what is compared."""

    reported: str
    canonical: str | None
    key: str | None
    host: str | None
    registrable_domain: str | None


class Extra(Struct, frozen=True, kw_only=True, gc=False):
    """What a source carries and the record has no field for: its path and value, nothing dropped."""

    path: str
    value: str


class Category(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A class mapped through the vocabulary bridge; `lossy` says that the step lost meaning."""

    scheme: str
    code: str
    maps_to: str
    lossy: bool = False
    bridge_version: str = ""


class Warning(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):  # noqa: A001 - the field's own word
    """A value that could not be read as meant: where, what, and the code of the reason."""

    path: str
    code: str
    value: str = ""


class ComputedFile(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What the desk's own hasher found out about `files[file]`.

    `media_type` by its first bytes; a picture's dimensions, PDQ and its quality (0 to 100); `scale`, the
    divisor at which a large JPEG was decoded; the PDQ of a video's `frames`; `unhashed`, why there is no
    PDQ. Exact hashes stand here only where the file's own fields say otherwise.
    """

    file: int
    media_type: str = ""
    width: int | None = None
    height: int | None = None
    scale: int = 1
    pdq: str | None = None
    quality: int | None = None
    frames: tuple[str, ...] = ()
    unhashed: str | None = None
    sha256: str | None = None
    sha1: str | None = None
    md5: str | None = None

    def is_comparable(self) -> bool:
        """Return whether there is a PDQ good enough to be compared by distance."""
        return self.pdq is not None and (self.quality or 0) >= LOWEST_QUALITY


class HarmonisedReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A report in the one shape. Texts as reported; identifiers canonical."""

    report_id: UUID
    reference: str
    kind: ReportKind
    emergency: bool = False
    escalation_reason: str | None = None
    annotations: tuple[str, ...] = ()
    stated: tuple[Stated, ...] = ()
    occurred: TimeRange | None = None
    occurred_at: str | None = None
    occurred_until: str | None = None
    language: str | None = None
    channel: Channel | None = None
    platform: str | None = None
    place: Place | None = None
    urls: tuple[HarmonisedUrl, ...] = ()
    description: str | None = None
    conversation: tuple[Message, ...] = ()
    persons: tuple[Person, ...] = ()
    files: tuple[File, ...] = ()
    computed: tuple[ComputedFile, ...] = ()
    payments: tuple[Payment, ...] = ()
    categories: tuple[Category, ...] = ()
    extra: tuple[Extra, ...] = ()
    warnings: tuple[Warning, ...] = ()
    selectors: tuple[Selector, ...] = ()
    rule_version: str = ""


class Source(Struct, frozen=True, kw_only=True):
    """What harmonise reads: one acknowledged report's format and opened bytes.

    `files` are the wire's `fileDetails` documents (bytes) with the stored hashes of the uploads.
    `desk_id` is the desk that the report was received for: without one it is refused, since a row
    without a desk would belong to nobody or to everybody. `reference` is the sender's, where the
    format's own bytes carry none; `received_at` is the id's instant unless given.
    """

    report_id: UUID
    desk_id: int | None = None
    reference: str | None = None
    received_at: datetime | None = None
    format: (
        str  # "report/1" | "form/1" | "ncmec-xml" | "ncmec-json" | "vics" | "xarf" | "dsa-18" | …
    )
    body: bytes
    files: tuple["SourceFile", ...] = ()


class SourceFile(Struct, frozen=True, kw_only=True):
    """One uploaded file: the wire's id, the name it was uploaded under, and the hashes we computed.

    `details` is the last details document sent, `earlier` those that it replaced, oldest first.
    """

    file_id: str
    name: str = ""
    details: bytes | None = None
    earlier: tuple[bytes, ...] = ()
    sha256: str | None = None
    sha1: str | None = None
    md5: str | None = None
    pdq: str | None = None
    size: int | None = None
    computed: FileFacts | None = None


# A harmonised report as bytes, and back: one version byte, then JSON, compressed.
#
# Compression starts from a sample record (`data/record-N.txt`): a record is mostly field names and codes,
# and takes a third of the room this way. A sample is never edited, since stored records need it to be read:
# a better one is a new version.
#
# * Version 1, read and no longer written: zlib (RFC 1950, preset dictionary); a record of every field.
# * Version 2: Zstandard (RFC 8878, raw content as dictionary); the same, then a provider's report. It takes a
#   quarter of the time, and no more room.


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
