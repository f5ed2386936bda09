"""`/hashsharing/v2`: status, members, entries, reasons and feedback, compatible with NCMEC's clients.

Entries come from the change feed, deletions included as tombstones. A client reads a time range by following
`next` to the last page; its next range begins at the end of this one. Views receive the authenticated
organisation as `identity`.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import NAMESPACE_URL, UUID, uuid5

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from msgspec import Struct

from fanal import reference
from fanal.accounts.domain.records import PartnerIdentity
from fanal.accounts.routes import for_programs
from fanal.analyse.material.domain.lists import VOTE_REASONS, CastVote, Vote, Voter
from fanal.api.body import BodyTooLarge, read_body
from fanal.api.members import ListService, ServiceRefused
from fanal.exchange import queries
from fanal.exchange.domain.feed import Cursor, before
from fanal.exchange.domain.records import Service, SharedItem, SharedList
from fanal.exchange.domain.sharing import HASH_KINDS
from fanal.exchange.operations import serving
from fanal.exchange.operations.serving import told_lists
from fanal.formats import hashsharing
from fanal.formats.hashsharing import (
    MAX_FEEDBACK,
    EntriesPage,
    HandedVote,
    Member,
    error_document,
    read_feedback,
)
from fanal.formats.refusal import FormatRefused
from fanal.kernel.typed import whole_number

# HTTP side of the service: XML, one sentence with each refusal.


def xml(body: bytes, *, status: int = 200) -> HttpResponse:
    """Return an XML response with this body and HTTP status, and `Cache-Control: no-store`."""
    answer = HttpResponse(body, content_type="application/xml; charset=utf-8", status=status)
    answer["Cache-Control"] = "no-store"
    return answer


def _refusal(status: int, code: str, text: str) -> HttpResponse:
    del code
    return xml(error_document(text), status=status)


WIRE = ListService(service=Service.HASHSHARING, write=_refusal)


# Items as the service serialises them: member numbers, votes with reasons, UUIDs for reason codes.

_REASON_IDS: Final = {
    code: str(uuid5(NAMESPACE_URL, f"urn:fanal:vote-reason:{code}"))
    for code in VOTE_REASONS[Vote.DOWN]
}
_CODES: Final = {identifier: code for code, identifier in _REASON_IDS.items()}
REASONS: Final = tuple(
    hashsharing.VoteReason(id=identifier, name=reference.label("vote_reason", code, "en"))
    for code, identifier in _REASON_IDS.items()
)
"""Reasons that a member may give for a vote against a hash, with English names."""
_NAMES: Final = {reason.id: reason.name for reason in REASONS}


def reason_code(identifier: str) -> str:
    """Return the code of a vote reason from its UUID (`identifier`), or "" for an unknown UUID."""
    return _CODES.get(identifier.strip().lower(), "")


def page_of(
    identity: PartnerIdentity, items: Sequence[SharedItem], *, following: str
) -> hashsharing.EntriesPage:
    """Return a page of shared list items as entries of the hash-sharing protocol.

    `identity`: the organisation that reads them; `following`: the URL of the next page, "" for none.
    """
    return hashsharing.EntriesPage(entries=tuple(entries_of(identity, items)), next=following)


def entries_of(
    identity: PartnerIdentity, items: Sequence[SharedItem]
) -> Iterator[hashsharing.SharedEntry]:
    """Yield shared list items as entries of the protocol, each under the organisation that owns the list.

    `identity` is the organisation that reads them. An item that its list's former owners must delete is also
    yielded as a deleted entry of each of them. The results are in the order of `items`.

    Raises:
        Refused: the organisation may not read lists.
    """
    bodies = {item.shared.facts.attributes.owner_id for item in items}
    bodies |= {former for item in items for former in item.gone_under}
    bodies |= {v.voter_id for item in items for v in item.votes if v.voter is Voter.MEMBER}
    numbers = serving.member_numbers(actor=identity.actor, organisation_ids=bodies)
    names = queries.member_names(organisation_ids=bodies)
    members = {i: hashsharing.Member(id=numbers[i], name=names[i]) for i in (*bodies, None)}
    for item in items:
        yield hashsharing.SharedEntry(
            id=str(item.item.item_id),
            member=members[item.shared.facts.attributes.owner_id],
            at=item.row.at,
            deleted=item.is_gone,
            classification=item.item.classification or item.shared.facts.attributes.category,
            fingerprints={kind.lower(): value for kind, value in item.hashes.items()},
            votes=tuple(_votes(item.votes, members)) if item.hashes else (),
        )
        for former in item.gone_under:
            yield hashsharing.SharedEntry(
                id=str(item.item.item_id), member=members[former], at=item.row.at, deleted=True
            )


def _votes(
    votes: Sequence[CastVote], members: dict[UUID | None, hashsharing.Member]
) -> Iterator[hashsharing.FingerprintVote]:
    """Yield the votes on an item as the protocol has them: a vote against it once for each reason.

    `members` are the members of the protocol by organisation id, the desk under None; votes of people of
    the desk are the desk's.
    """
    for vote in votes:
        reasons = vote.reasons if vote.vote is Vote.DOWN else ("",)
        for identifier in (_REASON_IDS.get(reason, "") for reason in reasons):
            yield hashsharing.FingerprintVote(
                member=members[vote.voter_id if vote.voter is Voter.MEMBER else None],
                kind=vote.kind.lower(),
                at=vote.voted_at,
                reason=identifier,
                reason_name=_NAMES.get(identifier, ""),
            )


# The query of `entries`: a time range, or the link to the next page.

PAGE: Final = 1000
"""Maximum entries of a page, as NCMEC's clients expect."""
PRESENT: Final = timedelta(seconds=2)
"""A range that ends less than this before now is extended to now. Entries repeated in the next do no harm."""
_DIGITS: Final = 18
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class AskedRange(Struct, frozen=True, kw_only=True):
    """The time range that a request to `/v2/entries` asks for, and which page of it.

    `since` and `until` are both inclusive, in whole seconds (UTC). `cursor` is the position of this page in
    the change feed and `last` the feed position where the range ends; None and 0 on the first page.
    """

    since: datetime
    until: datetime
    cursor: Cursor | None = None
    last: int = 0

    def following(self, cursor: Cursor, *, last: int) -> str:
        """Return the URL of the page that begins at `cursor`, relative to the root of the service.

        `last`: the feed position where the range ends.
        """
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


def read_range(query: QueryDict, *, now: datetime) -> AskedRange:
    """Return the time range of a query: all entries without `from`, up to now without `to`.

    Raises:
        ServiceRefused: an invalid date, a range that ends before it begins, or an invalid next-page link.
    """
    since = max(_EPOCH, _instant(query, "from") or _EPOCH)
    until = _instant(query, "to") or now.replace(microsecond=0)
    if until < since:
        raise ServiceRefused(400, "BAD_RANGE", "The range ends before it begins")
    start = _number(query, "start")
    if start is None:
        return AskedRange(since=since, until=until)
    last, row = _number(query, "max"), _number(query, "row")
    if last is None:
        raise ServiceRefused(400, "BAD_NEXT", "Parameter max is missing")
    cursor = Cursor(place=start, row=start if row is None else row)
    return AskedRange(since=since, until=until, cursor=cursor, last=last)


def end_of(until: datetime) -> datetime:
    """Return the last microsecond of the second `until`, since a time range includes that whole second."""
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


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def status(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Return an XML document with the calling organisation's number, name, login and IP address."""
    numbers = serving.member_numbers(actor=identity.actor, organisation_ids=[identity.partner_id])
    return xml(
        hashsharing.status_document(
            member=Member(id=numbers[identity.partner_id], name=identity.partner),
            user=identity.login,
            address=request.META.get("REMOTE_ADDR", ""),
        )
    )


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def members(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Return an XML document of the members (organisations) that entries may name.

    These are the desk, the caller, and the owners of the lists open to the caller, now or formerly.
    """
    now = request.now  # type: ignore[attr-defined]
    shared = told_lists(actor=identity.actor, service=Service.HASHSHARING, now=now)
    bodies = {None, identity.partner_id} | {s.facts.attributes.owner_id for s in shared}
    numbers = serving.member_numbers(actor=identity.actor, organisation_ids=bodies)
    names = queries.member_names(organisation_ids=bodies)
    found = [Member(id=numbers[i], name=names[i]) for i in bodies if i in names]
    return xml(hashsharing.members_document(sorted(found, key=lambda member: member.id)))


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def entries(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Return one page of the list entries (hashes) that changed in the time range of the query.

    The range is read by `read_range`.
    """
    now = request.now  # type: ignore[attr-defined]
    asked = read_range(request.GET, now=now)
    shared = _open(identity, request)
    cursor, last = asked.cursor, asked.last
    newest = queries.newest_place()
    if cursor is None:
        cursor = before(queries.first_place_from(instant=asked.since))
        last = newest
        if now - asked.until > PRESENT:
            last = min(newest, queries.place_at(instant=end_of(asked.until)))
    page = serving.serve_page(
        actor=identity.actor,
        service=Service.HASHSHARING,
        lists=shared,
        cursor=cursor,
        last=min(last, newest),
        limit=PAGE,
        now=now,
    )
    following = asked.following(page.next, last=page.last) if page.next else ""
    return xml(hashsharing.entries_document(page_of(identity, page.items, following=following)))


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def reasons(request: HttpRequest, identity: PartnerIdentity, kind: str) -> HttpResponse:
    """Return an XML document of the reasons that voters may give against a hash of this kind.

    `kind` is the kind of hash, such as `md5`.
    """
    return xml(hashsharing.reasons_document(_kind(kind).lower(), REASONS))


@csrf_exempt
@for_programs("list.vote")
@WIRE.member_only("PUT")
def feedback(
    request: HttpRequest, identity: PartnerIdentity, *, member: str, entry: str, kind: str
) -> HttpResponse:
    """Record the organisation's vote on an entry, in place of its earlier one; return the entry as XML.

    `member`: number of the entry's owner; `entry`: id; `kind`: kind of hash voted on.

    Raises:
        ServiceRefused: 404, no such entry, or it has no such hash; 400, an unreadable vote or unknown reason;
            413, too large a document; 403, no list is open to the organisation.
    """
    now = request.now  # type: ignore[attr-defined]
    vote = _vote(request)
    shared = _open(identity, request)
    found = _find(identity, shared, member=member, entry=entry)
    tag = _kind(kind)
    if tag not in found.hashes:
        raise ServiceRefused(404, "UNKNOWN_ENTRY", "The entry has no such fingerprint")
    voted = serving.vote(
        actor=identity.actor,
        item=found,
        kind=tag,
        affirmative=vote.affirmative,
        reasons=[reason_code(reason) for reason in vote.reasons],
        now=now,
    )
    return xml(
        hashsharing.entries_document(EntriesPage(entries=(next(entries_of(identity, [voted])),)))
    )


def _open(identity: PartnerIdentity, request: HttpRequest) -> list[SharedList]:
    shared = told_lists(
        actor=identity.actor,
        service=Service.HASHSHARING,
        now=request.now,  # type: ignore[attr-defined]
    )
    if not shared:
        raise ServiceRefused(403, "NOTHING_OPEN", "No list is open to this member at present")
    return shared


def _vote(request: HttpRequest) -> HandedVote:
    try:
        vote = read_feedback(read_body(request, limit=MAX_FEEDBACK))
    except BodyTooLarge:
        raise ServiceRefused(413, "TOO_LARGE", "The document is too large") from None
    except FormatRefused:
        raise ServiceRefused(400, "VOTE", "The document is no feedback") from None
    if not vote.affirmative and not all(reason_code(reason) for reason in vote.reasons):
        raise ServiceRefused(400, "UNKNOWN_REASON", "A reason is none of those offered")
    return vote


def _find(
    identity: PartnerIdentity, shared: list[SharedList], *, member: str, entry: str
) -> SharedItem:
    try:
        item_id = UUID(entry)
    except ValueError:
        raise ServiceRefused(404, "UNKNOWN_ENTRY", "No such entry") from None
    found = serving.find_item(item_id=item_id, lists=shared)
    if found is None or found.is_gone:
        raise ServiceRefused(404, "UNKNOWN_ENTRY", "No such entry")
    owner = found.shared.facts.attributes.owner_id
    numbers = serving.member_numbers(actor=identity.actor, organisation_ids=[owner])
    if str(numbers[owner]) != member:
        raise ServiceRefused(404, "UNKNOWN_ENTRY", "No such entry of this member")
    return found


def _kind(kind: str) -> str:
    """Return the kind of hash in a path segment (`md5`), in upper case.

    Raises:
        ServiceRefused: 404, no such kind is shared.
    """
    name = kind.upper()
    if name not in HASH_KINDS:
        raise ServiceRefused(404, "UNKNOWN_KIND", "No such kind of fingerprint is held here")
    return name


app_name = "hashsharing"
urlpatterns = [
    path("v2/status", status, name="status"),
    path("v2/members", members, name="members"),
    path("v2/entries", entries, name="entries"),
    path("v2/feedback/<str:kind>/reasons", reasons, name="reasons"),
    path("v2/entries/<str:member>/<str:entry>/<str:kind>/feedback", feedback, name="feedback"),
]
