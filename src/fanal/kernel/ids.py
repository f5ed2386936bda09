"""UUIDv7 (RFC 9562, section 5.7): identifiers that contain their creation time.

Large tables are range-partitioned by month on these ids, and this module computes the bounds.
"""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def new_id(instant: datetime) -> UUID:
    """Return a random UUIDv7 whose first 48 bits are `instant` in milliseconds since 1970.

    Raises:
        ValueError: the instant has no time zone.
    """
    return _build(_milliseconds(instant), secrets.randbits(74))


def id_with(instant: datetime, digest: bytes) -> UUID:
    """Return a UUIDv7 of `instant` whose random 74 bits are the first bits of `digest` (10 bytes or more).

    Raises:
        ValueError: the instant has no time zone.
    """
    return _build(_milliseconds(instant), _first_bits(digest))


def has_digest(value: UUID, digest: bytes) -> bool:
    """Return whether `id_with` made an id from this digest, at any instant."""
    return value == _build(value.int >> 80, _first_bits(digest))


def lowest_id(instant: datetime) -> UUID:
    """Return the smallest id of `instant`, as the bound of a partition or of a time range.

    Raises:
        ValueError: the instant has no time zone.
    """
    return UUID(int=_milliseconds(instant) << 80)


def id_bounds(since: datetime, until: datetime) -> tuple[UUID, UUID]:
    """Return the id range of objects created from `since` to `until`, widened by a day at both ends.

    It narrows a scan to partitions and index ranges; the stored instant makes the exact selection.
    """
    return lowest_id(since - timedelta(days=1)), lowest_id(until + timedelta(days=1))


def instant_of(value: UUID) -> datetime:
    """Return the creation time in a UUIDv7.

    Raises:
        ValueError: the id is not a UUIDv7, or its time is after the year 9999.
    """
    if value.version != 7:
        raise ValueError(f"not a UUIDv7: {value}")
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)


def _milliseconds(instant: datetime) -> int:
    if instant.tzinfo is None:
        raise ValueError("an id needs an aware instant")
    return int(instant.timestamp() * 1000) & (2**48 - 1)


def _first_bits(digest: bytes) -> int:
    return int.from_bytes(digest[:10]) >> 6


def _build(milliseconds: int, chance: int) -> UUID:
    high, low = chance >> 62, chance & (2**62 - 1)
    return UUID(int=milliseconds << 80 | _VERSION | high << 64 | _VARIANT | low)
