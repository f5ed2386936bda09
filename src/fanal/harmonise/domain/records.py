"""The records that harmonise publishes to the later stages, and their stored encoding.

`HarmonisedReport` has the fields of the report format with canonical values, plus values without a field
(`extra`) and selectors, the identifiers by which reports are compared. Field names are public: `fanal report
show` prints them.
"""

import re
import threading
import zlib
from datetime import datetime
from enum import StrEnum
from importlib import resources
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct
from zstandard import (
    DICT_TYPE_RAWCONTENT,
    ZstdCompressionDict,
    ZstdCompressor,
    ZstdDecompressor,
    frame_content_size,
)

from fanal.formats.report.records import (
    Channel,
    File,
    Message,
    Payment,
    Person,
    Place,
    PlaceRole,
    ReportKind,
    Stated,
)
from fanal.hashing.domain.records import LOWEST_QUALITY, FileFacts

_CODE: Final = re.compile(r"[A-Z]{2}")


class SelectorKind(StrEnum):
    """The kinds of identifier (selector) by which reports are compared.

    URL: the comparison key of a web address. HOST: its host name, DOMAIN: the registrable domain, ONION: the
    onion service. HANDLE: a user name, `name@service` where the service is known. DEVICE: an IMEI, MAC
    address, UUID or other device id. ACCOUNT: an IBAN, a wallet or another payment account. SHA256, SHA1,
    MD5: exact hashes of files; PDQ: a perceptual hash of a picture. GAME: a game, or `service:world`.
    """

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
    """Whose value an identifier is: that of a person with this role, or CONTENT, the reported content's.

    There is no REPORTER: a reporter's values never become selectors.
    """

    SUSPECT = "SUSPECT"
    VICTIM = "VICTIM"
    WITNESS = "WITNESS"
    RECIPIENT = "RECIPIENT"
    ASSOCIATED = "ASSOCIATED"
    CONTENT = "CONTENT"


class Selector(Struct, frozen=True, kw_only=True, gc=False):
    """An identifier in canonical form, by which reports are compared, with its place in this report.

    `role`: whose value it is; `at` and `port`: instant and port of its use, None if not stated; `source`: its
    path in the report. `weak` marks a value found in free text rather than in a field of its own.
    """

    kind: SelectorKind
    value: str
    role: SelectorRole
    at: str | None = None
    port: int | None = None
    source: str = ""
    weak: bool = False


class TimeRange(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A time as a range, since sources often state only a day or an hour.

    `earliest` and `latest` are inclusive bounds in RFC 3339, UTC. `precision` is the finest unit stated:
    SECOND, MINUTE, HOUR, DAY, MONTH or YEAR. `zone` is the time zone stated, or Europe/Paris
    (`zone_assumed`).
    """

    earliest: str
    latest: str
    precision: str  # SECOND | MINUTE | HOUR | DAY | MONTH | YEAR
    zone: str  # the offset or zone given, or the assumed one
    zone_assumed: bool = False


class HarmonisedPlace(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A place with its role as the sender states it, the country canonical where it is a code.

    `at` is the time of a meeting as reported, `time` the same as a range; None if not stated or unreadable.
    """

    role: PlaceRole
    country: str | None = None
    locality: str | None = None
    postcode: str | None = None
    at: str | None = None
    time: TimeRange | None = None


class HarmonisedUrl(Struct, frozen=True, kw_only=True, gc=False):
    """A web address: as reported, as parsed (`canonical`, WHATWG), as compared (`key`), host.

    `key` omits what does not distinguish pages (`values.urls`). None: the address could not be parsed.
    `registrable_domain` is the domain that its owner registered.
    """

    reported: str
    canonical: str | None
    key: str | None
    host: str | None
    registrable_domain: str | None


class Extra(Struct, frozen=True, kw_only=True, gc=False):
    """A value of the source document that has no field in the record: its path there, and its text."""

    path: str
    value: str


class Category(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A classification in the source (`scheme`, `code`), and the class it is mapped to (`maps_to`).

    `maps_to` is `SCHEME:CODE`, "" without a mapping; `lossy`: the mapping loses meaning; `bridge_version`:
    the version of the vocabulary bridge with the mapping.
    """

    scheme: str
    code: str
    maps_to: str
    lossy: bool = False
    bridge_version: str = ""


class Warning(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):  # noqa: A001 - the field's own word
    """A value that could not be read as intended: path, code of the reason, value as written."""

    path: str
    code: str
    value: str = ""


class ComputedFile(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The results of the desk's own hashing of `files[file]`.

    `media_type` by the file's first bytes; a picture's dimensions, PDQ hash and its quality (0 to 100);
    `scale`: the divisor at which a large JPEG was decoded; `frames`: PDQ hashes of a video's frames;
    `unhashed`: the code of the reason why there is no PDQ hash. Exact hashes are set only where the file's
    own fields differ. `width` and `height` are in pixels. Values that were not computed are None or "".
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
        """Return whether there is a PDQ hash of sufficient quality for comparison by Hamming distance."""
        return self.pdq is not None and (self.quality or 0) >= LOWEST_QUALITY


class HarmonisedReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A report of any source format in the common shape: texts as reported, identifiers in canonical form.

    `reference` is the sender's. `emergency`: the source declares a child in present danger, or escalates the
    report for `escalation_reason`. `kind` is the kind of incident, `channel` its medium, `platform` the
    service. `occurred` is the time of the incident as a range, from `occurred_at` and `occurred_until` as
    reported. `urls` are the web addresses, `conversation` its messages, `payments` the transfers. `places`
    are those of the child, of the other person and of a planned meeting: they yield no selector.

    `selectors` are the identifiers for comparison with other reports, `categories` the classes of incident
    and files. `computed` are the results of the desk's own hashing of `files`. `extra` holds the values
    without a field, `warnings` those that could not be read. `stated` and `annotations` are codes of the
    public form's answers and of the source's remarks. `rule_version` is the version of this conversion.
    """

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
    places: tuple[HarmonisedPlace, ...] = ()
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

    def place_of_facts(self) -> Place | None:
        """Return the place of the facts, or else that of a planned meeting, if it has a country or town.

        None if there is neither.
        """
        if self.place is not None:
            return self.place
        for place in self.places:
            if place.role is PlaceRole.MEETING and (place.country or place.locality):
                return Place(
                    country=place.country, locality=place.locality, postcode=place.postcode
                )
        return None

    def countries_of(self, role: PlaceRole) -> tuple[str, ...]:
        """Return the country codes (two capitals) of the stated places with this role, in the order stated.

        A country that is stated twice is repeated; one that is no code is left out.
        """
        return tuple(
            place.country
            for place in self.places
            if place.role is role and place.country and _CODE.fullmatch(place.country)
        )


class Source(Struct, frozen=True, kw_only=True):
    """The input of harmonisation: one acknowledged report, decrypted.

    `body` is the document as received, in `format`. `files` are the uploads: their `fileDetails` documents
    (bytes) and stored hashes. `desk_id` is the receiving desk; a report without desk is refused, because
    row-level access rules need it. `reference` is the sender's and takes precedence over that in the bytes,
    which is taken if it is None; `received_at` defaults to the instant in the report id.
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
    """An uploaded file: its id in the protocol, the name of the upload, and its stored hashes and size.

    `computed` holds the results of the desk's own hashing. `details` is the last details document sent,
    `earlier` are the details documents that it replaced, oldest first.
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


# Encoding of a harmonised report: one version byte, then compressed JSON.
#
# The compression dictionary is a sample record (`data/record-N.txt`): a record is mostly field names and
# codes, and shrinks to a third this way. A sample is never edited, since decoding stored records needs it:
# a better sample is a new version.
#
# * Version 1, read and no longer written: zlib (RFC 1950, dictionary); sample: a record of every field.
# * Version 2: Zstandard (RFC 8878, raw content as dictionary); sample: the same, then a provider's report. It
#   takes a quarter of the time and no more space.


class UnknownEncoding(Exception):
    """Error: a stored record begins with an unknown version byte."""


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
    """A compressor and a decompressor for each thread, since neither is thread-safe."""

    def __init__(self) -> None:
        self.press = ZstdCompressor(level=_LEVEL, dict_data=_SAMPLE, write_checksum=True)
        self.expand = ZstdDecompressor(dict_data=_SAMPLE)


_PRESSES: Final = _Presses()


def pack(report: HarmonisedReport) -> bytes:
    """Encode `report` as a version byte and compressed JSON.

    Raises:
        UnicodeEncodeError: a text contains a lone surrogate.
    """
    return b"\x02" + _PRESSES.press.compress(_ENCODER.encode(report))


def unpack_fields(
    content: bytes | memoryview, largest: int | None = None
) -> dict[str, msgspec.Raw]:
    """Decode a packed report to raw JSON by field name, without building records; default values are absent.

    A report of version 2 whose JSON takes more than `largest` bytes is not unpacked: it has no field.

    Raises:
        UnknownEncoding: the version byte is unknown.
        zlib.error, zstandard.ZstdError, msgspec.DecodeError: the content is damaged.
    """
    stored = bytes(content)
    if stored[:1] == b"\x02":
        if largest is not None and frame_content_size(stored[1:]) > largest:
            return {}
        return _FIELDS.decode(_PRESSES.expand.decompress(stored[1:]))
    return _FIELDS.decode(_ENCODER.encode(unpack(stored)))


def unpack(content: bytes | memoryview) -> HarmonisedReport:
    """Decode a report from the bytes of `pack`.

    Raises:
        UnknownEncoding: the version byte is unknown.
        zlib.error, zstandard.ZstdError: the content is damaged.
        msgspec.DecodeError: the content is no JSON of this shape.
    """
    stored = bytes(content)
    if stored[:1] == b"\x02":
        return _DECODER.decode(_PRESSES.expand.decompress(stored[1:]))
    if stored[:1] == b"\x01":
        expand = zlib.decompressobj(zdict=_ZLIB_SAMPLE)
        return _DECODER.decode(expand.decompress(stored[1:]) + expand.flush())
    raise UnknownEncoding(f"record encoding {stored[:1].hex() or 'missing'}")
