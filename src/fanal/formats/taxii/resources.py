"""The resources of TAXII 2.1 as JSON (OASIS standard of 10 June 2021, sections 3.6, 4 and 5)."""

from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct

MEDIA_TYPE: Final = "application/taxii+json;version=2.1"
STIX_MEDIA_TYPE: Final = "application/stix+json;version=2.1"


class TaxiiResource(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the TAXII resources; properties with default values are omitted from the JSON."""


class Discovery(TaxiiResource, frozen=True, kw_only=True):
    """TAXII 2.1 Discovery resource (section 4.1): the API roots of the server."""

    title: str
    api_roots: tuple[str, ...]
    default: str
    description: str = ""


class ApiRoot(TaxiiResource, frozen=True, kw_only=True):
    """TAXII 2.1 API Root resource (section 4.2): supported versions and maximum content length."""

    title: str
    max_content_length: int
    versions: tuple[str, ...]
    description: str = ""


class Collection(TaxiiResource, frozen=True, kw_only=True):
    """TAXII 2.1 Collection resource (section 5.2); here always read-only."""

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
    """A record of the TAXII 2.1 Manifest resource (section 5.3): one version of an object."""

    id: str
    date_added: str
    version: str
    media_type: str


class TaxiiManifest(TaxiiResource, frozen=True, kw_only=True):
    """TAXII 2.1 Manifest resource (section 5.3): the records of a page, and whether there are more."""

    more: bool = False
    next: str = ""
    objects: tuple[ManifestRecord, ...] = ()


class Versions(TaxiiResource, frozen=True, kw_only=True):
    """TAXII 2.1 Versions resource (section 5.8): the versions of an object."""

    more: bool = False
    versions: tuple[str, ...] = ()


class TaxiiProblem(TaxiiResource, frozen=True, kw_only=True):
    """TAXII 2.1 Error Message resource (section 3.6.1): the fault in a request."""

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
