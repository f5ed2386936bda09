"""Fetches pages of a collection of a TAXII 2.1 server: indicators of hashes, in the order in which they came.

The checkpoint is the server's own `X-TAXII-Date-Added-Last` (or, within a traversal, its `next`): no clock of
ours is compared with one of theirs.
"""

import base64
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec

from fanal.connectors.outside import Door, OutsideRefused, Response
from fanal.exchange.domain.records import ListSource, RemoteEntry, RemotePage
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.taxii.indicators import MAX_ENVELOPE, TaxiiIndicator, read_envelope
from fanal.formats.taxii.resources import MEDIA_TYPE, read_timestamp, timestamp
from fanal.kernel.calendar import read_instant

_LIMIT: Final = 1000
_LONGEST_NEXT: Final = 2000


class CollectionPlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A checkpoint: what the traversal comes after, its next page, and the last date that was seen in it."""

    after: str = ""
    next: str = ""
    seen: str = ""


def fetch_page(
    door: Door, *, source: ListSource, secret: str, position: str, now: datetime
) -> RemotePage:
    """Return the page that `position` asks for, and where the following one begins.

    Raises:
        OutsideRefused: as `Door.get`; MEDIA_TYPE for another one, LOOP where the page leads to itself,
            NO_NEXT where more follows and the page says neither where nor from which date (section 3.4).
        FormatRefused: what came is no envelope.
    """
    place = _read(position)
    asked = {"limit": str(_LIMIT), "match[type]": "indicator"}
    asked |= {"added_after": place.after} if place.after else {}
    asked |= {"next": place.next} if place.next else {}
    url = f"{source.url}/collections/{source.collection}/objects/?{urlencode(asked)}"
    try:
        answer = door.get(url, headers=_headers(source, secret), limit=MAX_ENVELOPE)
    except OutsideRefused as refused:
        if place.next and refused.code == "STATUS" and 400 <= refused.status < 500:
            again = CollectionPlace(after=_just_before(place.seen) or place.after)
            return _page((), again, finished=False)
        raise
    if answer.headers.get("content-type", "").partition(";")[0].strip() != "application/taxii+json":
        raise OutsideRefused("MEDIA_TYPE")
    envelope = read_envelope(answer.body)
    last = _last(answer)
    seen = last or place.seen
    entries = tuple(_entry(indicator, now=now) for indicator in envelope.indicators)
    if not envelope.more:
        return _page(entries, CollectionPlace(after=seen or place.after), finished=True)
    following = CollectionPlace(after=place.after, next=envelope.next, seen=seen)
    if not envelope.next:
        if not last:
            raise OutsideRefused("NO_NEXT")
        following = CollectionPlace(after=last)
    if following == place or len(envelope.next) > _LONGEST_NEXT:
        raise OutsideRefused("LOOP")
    return _page(entries, following, finished=False)


def _just_before(seen: str) -> str:
    """Return the instant before a date: what was added together may stand on both sides of a page's end."""
    return timestamp(read_timestamp(seen) - timedelta(microseconds=1)) if seen else ""


def _page(
    entries: tuple[RemoteEntry, ...], place: CollectionPlace, *, finished: bool
) -> RemotePage:
    return RemotePage(
        entries=entries, position=msgspec.json.encode(place).decode(), finished=finished
    )


def _entry(indicator: TaxiiIndicator, *, now: datetime) -> RemoteEntry:
    end = indicator.valid_until
    return RemoteEntry(
        key=indicator.id,
        values=indicator.hashes,
        classification=indicator.classification,
        deleted=indicator.revoked or (end is not None and end <= now),
        until=end,
        at=min(indicator.modified, now),  # a date to come would outlast every change
    )


def _last(answer: Response) -> str:
    text = answer.headers.get("x-taxii-date-added-last", "").strip()
    if not text:
        return ""
    found = read_instant(text)
    if found is None or found.tzinfo is None:
        raise FormatRefused(DocumentFault.BAD_DATE, "X-TAXII-Date-Added-Last")
    return text


def _read(position: str) -> CollectionPlace:
    try:
        return (
            msgspec.json.decode(position, type=CollectionPlace) if position else CollectionPlace()
        )
    except msgspec.DecodeError:
        return CollectionPlace()


def _headers(source: ListSource, secret: str) -> dict[str, str]:
    headers = {"Accept": MEDIA_TYPE}
    if source.login or secret:
        pair = base64.b64encode(f"{source.login}:{secret}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    return headers
