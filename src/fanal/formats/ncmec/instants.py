"""Parsing of XML Schema dates and instants (xs:date, xs:dateTime)."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_INSTANT: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]"
    r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,30}))?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_FULL: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_USUAL: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?"
    r"(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9])"
)
_EASTERNMOST: Final = timezone(timedelta(hours=14))
_WIDEST: Final = timedelta(hours=14)


def earliest_instant(text: str) -> datetime | None:
    """Return the earliest instant that `text` can denote, timezone-aware; None if it is not a date.

    A text without zone is read as UTC+14, the earliest possible. A day without time is its first minute
    there, even if it states a zone. Hour 24 is accepted as the end of a day (XML Schema 1.1, 3.3.7).
    """
    text = text.strip()
    if _USUAL.fullmatch(text) is not None:
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    matched = _INSTANT.fullmatch(text)
    if matched is None:
        day = _day(text)
        return None if day is None else datetime(day.year, day.month, day.day, tzinfo=_EASTERNMOST)
    year, month, dom, hour, minute, second, fraction, zone = matched.groups()
    offset = _offset(zone)
    if offset is None:
        return None
    late = (hour, minute, second or "00") == ("24", "00", "00") and int(fraction or "0") == 0
    try:
        value = datetime(
            int(year),
            int(month),
            int(dom),
            0 if late else int(hour),
            int(minute),
            int(second or 0),
            int((fraction or "0").ljust(6, "0")[:6]),
            tzinfo=offset,
        )
        return (value + timedelta(days=1) if late else value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def is_instant(text: str) -> bool:
    """Return whether `text` is a valid `xs:dateTime` of XML Schema (`2026-01-31T10:00:00Z`)."""
    text = text.strip()
    if _USUAL.fullmatch(text) is not None:
        try:
            datetime.fromisoformat(text)
        except ValueError:
            return False
        return True
    return _FULL.fullmatch(text) is not None and earliest_instant(text) is not None


def is_day(text: str) -> bool:
    """Return whether `text` is a valid date of XML Schema (`xs:date`), such as `2026-01-31`."""
    return _day(text.strip()) is not None


def _day(text: str) -> date | None:
    matched = _DAY.fullmatch(text)
    if matched is None or _offset(text[10:] or None) is None:
        return None
    try:
        return date(int(matched[1]), int(matched[2]), int(matched[3]))
    except ValueError:
        return None


def _offset(zone: str | None) -> timezone | None:
    """Return the time zone of a time's suffix (`Z`, `+02:00`): UTC+14 for none, None for an invalid one."""
    if zone is None:
        return _EASTERNMOST
    if zone == "Z":
        return UTC
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:])
    shift = timedelta(hours=hours, minutes=minutes)
    if minutes > 59 or shift > _WIDEST:
        return None
    return timezone(shift if zone[0] == "+" else -shift)
