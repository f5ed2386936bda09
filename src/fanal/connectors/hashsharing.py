"""Client of a hash-sharing server with NCMEC's protocol, version 2.

A time range is read by following `next` to its last page; the next range begins fifteen minutes before that
end, since clocks differ. Entries received twice change nothing.
"""

import base64
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec

from fanal.connectors.outside import Door, OutsideRefused
from fanal.exchange.domain.records import ListSource, RemoteEntry, RemotePage
from fanal.exchange.domain.sharing import HASH_KINDS
from fanal.formats.hashsharing import MAX_PAGE, SharedEntry, read_page

_OVERLAP: Final = timedelta(minutes=15)
MARGIN: Final = timedelta(seconds=5)
"""A range ends this long before now: a server may commit entries with a slightly earlier time."""
_WAY: Final = "/v2/entries?"
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class RangePlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A checkpoint of fetching a list: the time range `since` to `until`, and the path of its next page.

    `next` is "" for the first page.
    """

    since: datetime = _EPOCH
    until: datetime = _EPOCH
    next: str = ""


def fetch_page(
    door: Door, *, source: ListSource, secret: str, position: str, now: datetime
) -> RemotePage:
    """Return the page of list entries at the checkpoint `position`, and the checkpoint of the next page.

    `position` is the JSON of a `RangePlace`; "" or an unreadable text is the start. `secret`: the password
    for `source.login`. If the server refuses the link to the page, the page is empty and the range restarts.

    Raises:
        OutsideRefused: no usable response (codes of `Door.get`), LOOP when the page links to itself, NEXT
            when it links to another server.
        FormatRefused: the response is no valid page.
    """
    place = _read(position)
    if place.next:
        path = place.next
    else:
        place = msgspec.structs.replace(place, until=now.replace(microsecond=0) - MARGIN)
        path = _WAY + urlencode({"from": _written(place.since), "to": _written(place.until)})
    try:
        answer = door.get(source.url + path, headers=_headers(source, secret), limit=MAX_PAGE)
    except OutsideRefused as refused:
        if place.next and refused.code == "STATUS" and 400 <= refused.status < 500:
            return _anew(place)  # the next-page link has expired: restart the range
        raise
    page = read_page(answer.body)
    if page.next and not page.next.startswith(_WAY):
        raise OutsideRefused("NEXT")
    if page.next and page.next == path:
        raise OutsideRefused("LOOP")
    following = msgspec.structs.replace(place, next=page.next)
    if not page.next:
        following = RangePlace(since=max(_EPOCH, place.until - _OVERLAP))
    return RemotePage(
        entries=tuple(_entry(entry, now=now) for entry in page.entries),
        position=msgspec.json.encode(following).decode(),
        finished=not page.next,
    )


def _anew(place: RangePlace) -> RemotePage:
    again = RangePlace(since=place.since)
    return RemotePage(entries=(), position=msgspec.json.encode(again).decode(), finished=False)


def _entry(entry: SharedEntry, *, now: datetime) -> RemoteEntry:
    held = {tag.upper(): value for tag, value in entry.fingerprints.items()}
    return RemoteEntry(
        key=f"{entry.member.id}/{entry.id}",
        values=tuple((kind, held[kind]) for kind in HASH_KINDS if kind in held),
        classification=entry.classification[:100],
        deleted=entry.deleted,
        at=min(entry.at, now)
        if entry.at > _EPOCH
        else None,  # `min`: a future date would override every later change
    )


def _read(position: str) -> RangePlace:
    try:
        return msgspec.json.decode(position, type=RangePlace) if position else RangePlace()
    except msgspec.DecodeError:
        return RangePlace()


def _headers(source: ListSource, secret: str) -> dict[str, str]:
    headers = {"Accept": "application/xml"}
    if source.login or secret:
        pair = base64.b64encode(f"{source.login}:{secret}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    return headers


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
