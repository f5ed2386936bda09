"""What a member asks `entries` for: a range of time, or the way on that it was given."""

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from django.http import QueryDict
from msgspec import Struct

from fanal.api.members import ServiceRefused
from fanal.exchange.domain.feed import Cursor
from fanal.kernel.typed import whole_number

PAGE: Final = 1000
"""Entries of a page, as members of the service know it."""
PRESENT: Final = timedelta(seconds=2)
"""A range that ends so shortly before now ends now: what comes again in the next one does no harm."""
_DIGITS: Final = 18
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class Asked(Struct, frozen=True, kw_only=True):
    """A range in time, both ends included to the second; after the first page also where it goes on."""

    since: datetime
    until: datetime
    cursor: Cursor | None = None
    last: int = 0

    def following(self, cursor: Cursor, *, last: int) -> str:
        """Return the way to the next page, relative to the root of the service."""
        parts: dict[str, str | int] = {
            "from": _written(self.since),
            "to": _written(self.until),
            "start": cursor.place,
            "size": PAGE,
            "max": last,
        }
        if cursor.row != cursor.place:
            parts["row"] = cursor.row
        return f"/v2/entries?{urlencode(parts)}"


def read_range(query: QueryDict, *, now: datetime) -> Asked:
    """Return what the query asks for; without `from` all there is, without `to` until now.

    Raises:
        ServiceRefused: a date that is none, a range that ends before it begins, or a way on that is not ours.
    """
    since = max(_EPOCH, _instant(query, "from") or _EPOCH)
    until = _instant(query, "to") or now.replace(microsecond=0)
    if until < since:
        raise ServiceRefused(400, "BAD_RANGE", "The range ends before it begins")
    start = _number(query, "start")
    if start is None:
        return Asked(since=since, until=until)
    last, row = _number(query, "max"), _number(query, "row")
    if last is None:
        raise ServiceRefused(400, "BAD_NEXT", "Parameter max is missing")
    cursor = Cursor(place=start, row=start if row is None else row)
    return Asked(since=since, until=until, cursor=cursor, last=last)


def end_of(until: datetime) -> datetime:
    """Return the last instant of a range: members name seconds, and the whole of the second counts."""
    return until.replace(microsecond=999_999)


def _instant(query: QueryDict, name: str) -> datetime | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign that was not escaped
        aware = found if found.tzinfo else found.replace(tzinfo=UTC)
        return aware.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        raise ServiceRefused(400, "BAD_DATE", f"Parameter {name} is no date") from None


def _number(query: QueryDict, name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    number = whole_number(text, digits=_DIGITS)
    if number is None:
        raise ServiceRefused(400, "BAD_NEXT", f"Parameter {name} is no number")
    return number


def _written(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
