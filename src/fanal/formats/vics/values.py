"""Parsing of VICS values: booleans as text, three notations of dates, two of PhotoDNA."""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Final

_MILLISECONDS: Final = re.compile(r"/Date\((-?[0-9]{1,15})(?:[+-][0-9]{4})?\)/")
# `+05:00Z` occurs: the offset counts, since some programs always append Z.
_BOTH_ZONES: Final = re.compile(r"(.*[0-9][+-][0-9]{2}:?[0-9]{2})Z", re.IGNORECASE)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PHOTODNA_BYTES: Final = 144
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}
_DAYS: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def truth(value: object) -> bool | None:
    """Parse a boolean in JSON or as text; None if it is neither.

    The text "false" is False, unlike `bool("false")`.
    """
    if isinstance(value, bool):
        return value
    return _TRUTHS.get(value.strip().lower()) if isinstance(value, str) else None


def integer(value: object) -> int | None:
    """Parse a whole number of at most 18 digits (a text or a `json_tree.Number`); None for other values."""
    text = value.strip() if isinstance(value, str) else ""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def instant(value: object) -> str | None:
    """Parse a VICS date to ISO 8601; None if unreadable.

    A date with a zone becomes UTC and ends in Z. A date without one stays without: the caller assumes a zone.
    """
    text = value.strip() if isinstance(value, str) else ""
    try:
        if found := _MILLISECONDS.fullmatch(text):
            return _zoned(_EPOCH + timedelta(milliseconds=int(found[1])))
        if found := _BOTH_ZONES.fullmatch(text):
            text = found[1]
        read = datetime.fromisoformat(text)
        if _DAYS.fullmatch(text):
            return text
        return _zoned(read) if read.tzinfo is not None else read.isoformat()
    except (ValueError, OverflowError):
        return None


def _zoned(read: datetime) -> str:
    return read.astimezone(UTC).isoformat().replace("+00:00", "Z")


def photodna(value: object) -> str | None:
    """Return a PhotoDNA value as base64 of its 144 bytes, from base64 or 288 hexadecimal digits; else None.

    The value is opaque: it is stored and passed on, never compared.
    """
    text = value.strip() if isinstance(value, str) else ""
    try:
        if len(text) == 2 * _PHOTODNA_BYTES:
            raw = bytes.fromhex(text) if " " not in text else b""
        else:
            raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return base64.b64encode(raw).decode() if len(raw) == _PHOTODNA_BYTES else None
