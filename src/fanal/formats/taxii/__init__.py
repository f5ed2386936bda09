"""TAXII 2.1: server resources, and reader and writer of envelopes of STIX 2.1 hash indicators.

Resources are JSON by the OASIS standard of 10 June 2021, sections 3.6, 4 and 5. Envelopes carry hashes of
known material, from and to a partner.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct

from fanal.formats.indicators import HASH_DIGITS, hash_value
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.stix.patterns import read_pattern
from fanal.formats.stix.read import end_of

MEDIA_TYPE: Final = "application/taxii+json;version=2.1"
STIX_MEDIA_TYPE: Final = "application/stix+json;version=2.1"


class TaxiiResource(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the TAXII resources; properties with default values are omitted from the JSON."""


class Discovery(TaxiiResource, frozen=True, kw_only=True):
    """TAXII 2.1 Discovery resource (section 4.1): the URLs of the server's API roots, one as `default`."""

    title: str
    api_roots: tuple[str, ...]
    default: str
    description: str = ""


class ApiRoot(TaxiiResource, frozen=True, kw_only=True):
    """TAXII 2.1 API Root resource (section 4.2): a group of collections of the server.

    `versions` are the supported media types, `max_content_length` the greatest size of a request body in
    bytes.
    """

    title: str
    max_content_length: int
    versions: tuple[str, ...]
    description: str = ""


class Collection(TaxiiResource, frozen=True, kw_only=True):
    """TAXII 2.1 Collection resource (section 5.2): a set of objects, here one list; always read-only.

    `media_types` are those of its objects.
    """

    id: str
    title: str
    can_read: bool
    can_write: bool
    description: str = ""
    media_types: tuple[str, ...] = ()


class Collections(TaxiiResource, frozen=True, kw_only=True):
    """TAXII 2.1 Collections resource (section 5.1 of the OASIS specification).

    An empty `collections` is omitted from the JSON.
    """

    collections: tuple[Collection, ...] = ()


class ManifestRecord(TaxiiResource, frozen=True, kw_only=True):
    """A record of the TAXII 2.1 Manifest resource (section 5.3): one version of a STIX object.

    `date_added` is when the object was added to the collection, `version` the time of its last change; both
    are TAXII timestamps. `media_type` is that of the object.
    """

    id: str
    date_added: str
    version: str
    media_type: str


class TaxiiManifest(TaxiiResource, frozen=True, kw_only=True):
    """TAXII 2.1 Manifest resource (section 5.3): a page of records (`objects`), without the objects' content.

    `more`: others follow, from `next`, the value of the request's parameter.
    """

    more: bool = False
    next: str = ""
    objects: tuple[ManifestRecord, ...] = ()


class Versions(TaxiiResource, frozen=True, kw_only=True):
    """TAXII 2.1 Versions resource (section 5.8): the versions (timestamps) of an object.

    `more`: the answer does not contain all of them.
    """

    more: bool = False
    versions: tuple[str, ...] = ()


class TaxiiProblem(TaxiiResource, frozen=True, kw_only=True):
    """TAXII 2.1 Error Message resource (section 3.6.1): the fault in a request.

    `http_status` is the HTTP status of the answer as text, `error_code` the code of the fault here.
    """

    title: str
    http_status: str
    error_code: str = ""
    description: str = ""


def encode(resource: TaxiiResource) -> bytes:
    """Serialise a TAXII resource as JSON."""
    return msgspec.json.encode(resource)


def timestamp(instant: datetime) -> str:
    """Format an instant as a TAXII timestamp: UTC with microseconds, as in `date_added`, `added_after`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_timestamp(text: str) -> datetime:
    """Parse a TAXII timestamp to an instant in UTC.

    Raises:
        ValueError: it is malformed, has no time zone, or is out of range.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a timestamp names its zone")
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a timestamp out of range") from error


MAX_ENVELOPE: Final = 16 * 1024 * 1024
"""Maximum bytes of an envelope; a thousand indicators take about one megabyte."""
MAX_OBJECTS: Final = 20_000
_ID: Final = re.compile(r"indicator--[\x21-\x7e]{1,89}")


class TaxiiIndicator(Struct, frozen=True, kw_only=True):
    """A STIX indicator received from a partner, with its hashes of known material.

    `id` is its STIX id; `created` and `modified` are the partner's instants. `hashes` are pairs (kind, value)
    of `PDQ MD5 SHA1 SHA256`, none if it is revoked, or if its pattern is not plain alternatives of values or
    has no such hash. It expires at `valid_until`, never if None. `confidence` is 0 to 100; `classification`
    is its first label, truncated to 100 characters, "" for none.
    """

    id: str
    created: datetime
    modified: datetime
    hashes: tuple[tuple[str, str], ...]
    classification: str = ""
    confidence: int = 100
    revoked: bool = False
    valid_until: datetime | None = None


class Envelope(Struct, frozen=True, kw_only=True):
    """A page of indicators; `more`: others follow, after `next`, a parameter of the request."""

    indicators: tuple[TaxiiIndicator, ...]
    more: bool
    next: str = ""


def write_envelope(objects: Iterable[Mapping[str, object]], *, more: bool, following: str) -> bytes:
    """Serialise a page of STIX objects as a TAXII envelope; an empty list is omitted (section 3.7).

    `more`: other pages follow, from `following`, the value of the request's parameter `next`.
    """
    said: dict[str, object] = {"more": more}
    if following:
        said["next"] = following
    listed = list(objects)
    if listed:
        said["objects"] = listed
    return msgspec.json.encode(said)


def read_envelope(body: bytes) -> Envelope:
    """Parse the indicators of a TAXII envelope (a page of STIX objects); other objects are skipped.

    An indicator whose pattern is not plain alternatives of values has no `hashes`.

    Raises:
        FormatRefused: not an envelope, over a limit, an indicator with a missing or malformed id, date or
            hash, or a NUL in a label.
    """
    if len(body) > MAX_ENVELOPE:
        raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_ENVELOPE})
    try:
        said = msgspec.json.decode(body, type=_TaxiiEnvelope)
    except (msgspec.ValidationError, RecursionError):
        raise FormatRefused(DocumentFault.WRONG_TYPE, "objects") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise FormatRefused(DocumentFault.MALFORMED) from None
    if len(said.objects) > MAX_OBJECTS:
        raise FormatRefused(DocumentFault.TOO_MANY_VALUES, parameters={"limit": MAX_OBJECTS})
    found = tuple(
        _indicator(object_, f"objects[{number}]")
        for number, object_ in enumerate(said.objects)
        if object_.type == "indicator"
    )
    return Envelope(indicators=found, more=said.more, next=said.next)


class _Object(Struct, kw_only=True):
    """The properties read from a STIX object in an envelope, as in the standard; others are ignored."""

    type: str
    id: str = ""
    created: datetime | None = None
    modified: datetime | None = None
    pattern: str = ""
    pattern_type: str = ""
    labels: list[str] = []
    confidence: int = 100
    revoked: bool = False
    valid_until: object = None  # an unreadable value means no expiry, as in a bundle


class _TaxiiEnvelope(Struct, kw_only=True):
    more: bool = False
    next: str = ""
    objects: list[_Object] = []


def _indicator(object_: _Object, path: str) -> TaxiiIndicator:
    if not _ID.fullmatch(object_.id):
        raise FormatRefused(DocumentFault.WRONG_TYPE, f"{path}.id")
    if object_.created is None or object_.modified is None or "\0" in "".join(object_.labels):
        raise FormatRefused(DocumentFault.MISSING_FIELD, f"{path}.modified")
    return TaxiiIndicator(
        id=object_.id,
        created=_aware(object_.created, f"{path}.created"),
        modified=_aware(object_.modified, f"{path}.modified"),
        hashes=() if object_.revoked else _hashes(object_, f"{path}.pattern"),
        classification=object_.labels[0][:100] if object_.labels else "",
        confidence=min(max(object_.confidence, 0), 100),
        revoked=object_.revoked,
        valid_until=end_of(object_.valid_until),
    )


def _hashes(object_: _Object, path: str) -> tuple[tuple[str, str], ...]:
    """Return the hashes (kind, value) in an indicator's pattern; empty if it is not plain alternatives.

    Other kinds of values are skipped.

    Raises:
        FormatRefused: a malformed hash.
    """
    told = read_pattern(object_.pattern) if object_.pattern_type == "stix" else None
    found: dict[tuple[str, str], None] = {}
    for kind, text in (pair for values in told or () for pair in values.items()):
        if kind not in HASH_DIGITS:
            continue  # a kind that lists do not support
        value = hash_value(kind, text)
        if value is None:
            raise FormatRefused(DocumentFault.WRONG_TYPE, path)
        found[kind, value] = None
    return tuple(found)


def _aware(instant: datetime, path: str) -> datetime:
    if instant.tzinfo is None:
        raise FormatRefused(DocumentFault.BAD_DATE, path)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise FormatRefused(DocumentFault.BAD_DATE, path) from None
