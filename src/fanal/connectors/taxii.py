"""Client of a TAXII 2.1 collection: pages of hash indicators, in order of addition.

The checkpoint is the server's `X-TAXII-Date-Added-Last`, or its `next` within a traversal: no clock of this
machine is compared with the server's.
"""

import base64
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec

from fanal.connectors.outside import Door, OutsideRefused, Response
from fanal.exchange.domain.records import ListSource, RemoteEntry, RemotePage
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.taxii import (
    MAX_ENVELOPE,
    MEDIA_TYPE,
    TaxiiIndicator,
    read_envelope,
    read_timestamp,
    timestamp,
)
from fanal.kernel.calendar import read_instant

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_LIMIT: Final = 1000
_LONGEST_NEXT: Final = 2000


class CollectionPlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A checkpoint of fetching a TAXII collection.

    `after` is the start of the traversal (`added_after`), `next` the server's value for its next page, `seen`
    the last date of addition seen. The dates are TAXII timestamps as the server wrote them; "" means none.
    """

    after: str = ""
    next: str = ""
    seen: str = ""


def fetch_page(
    door: Door, *, source: ListSource, secret: str, position: str, now: datetime
) -> RemotePage:
    """Return the page of indicators at the checkpoint `position`, and the checkpoint of the next page.

    `position` is the JSON of a `CollectionPlace`; "" or an unreadable text is the start. `secret`: the
    password for `source.login`. If the server refuses `next` (STATUS, 4xx), the page is empty and the
    traversal restarts at the last date.

    Raises:
        OutsideRefused: no usable response (codes of `Door.get`), MEDIA_TYPE for a wrong one, LOOP when the
            page links to itself or `next` is too long, NO_NEXT when more pages follow, but neither `next` nor
            a date (section 3.4).
        FormatRefused: the response is no valid envelope, or its date header no date.
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
    """Return the TAXII timestamp a microsecond before `seen`, to request that date again ("" for "").

    Objects with one date may lie on two pages, so a request after that date could miss some.
    """
    since = max(read_timestamp(seen), _EPOCH) if seen else None
    return timestamp(since - timedelta(microseconds=1)) if since else ""


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
        # A future date would override every later change, and the database holds no first day of all.
        at=min(max(indicator.modified, _EPOCH), now),
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
