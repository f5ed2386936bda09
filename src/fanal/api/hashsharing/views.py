"""`/hashsharing/v2`: status · members · entries · reasons · feedback, for NCMEC's clients unchanged.

Entries come by the feed of changes, tombstones among them: a range is read through `next` to its end, and the
next range begins where this one ended.
"""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from fanal.accounts.domain.records import PartnerIdentity
from fanal.accounts.routes import for_programs
from fanal.api.body import BodyTooLarge, read_body
from fanal.api.hashsharing.answers import WIRE, xml
from fanal.api.hashsharing.ranges import PAGE, PRESENT, end_of, read_range
from fanal.api.hashsharing.wording import REASONS, entries_of, page_of, reason_code
from fanal.api.members import ServiceRefused
from fanal.exchange import operations, queries
from fanal.exchange.domain.feed import before
from fanal.exchange.domain.records import Service, SharedItem, SharedList
from fanal.exchange.domain.sharing import HASH_KINDS
from fanal.formats.hashsharing import write
from fanal.formats.hashsharing.read import MAX_FEEDBACK, read_feedback
from fanal.formats.hashsharing.records import EntriesPage, Feedback, Member
from fanal.formats.refusal import FormatRefused


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def status(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Tell the caller who it is."""
    numbers = operations.member_numbers(
        actor=identity.actor, organisation_ids=[identity.partner_id]
    )
    return xml(
        write.status_document(
            member=Member(id=numbers[identity.partner_id], name=identity.partner),
            user=identity.login,
            address=request.META.get("REMOTE_ADDR", ""),
        )
    )


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def members(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Tell the members that entries may name: the desk, owners of what the caller reads or read, itself."""
    now = request.now  # type: ignore[attr-defined]
    shared = operations.told_lists(actor=identity.actor, service=Service.HASHSHARING, now=now)
    bodies = {None, identity.partner_id} | {s.facts.attributes.owner_id for s in shared}
    numbers = operations.member_numbers(actor=identity.actor, organisation_ids=bodies)
    names = queries.member_names(organisation_ids=bodies)
    found = [Member(id=numbers[i], name=names[i]) for i in bodies if i in names]
    return xml(write.members_document(sorted(found, key=lambda member: member.id)))


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def entries(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Return a page of what changed in a range of time."""
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
    page = operations.serve_page(
        actor=identity.actor,
        service=Service.HASHSHARING,
        lists=shared,
        cursor=cursor,
        last=min(last, newest),
        limit=PAGE,
        now=now,
    )
    following = asked.following(page.next, last=page.last) if page.next else ""
    return xml(write.entries_document(page_of(identity, page.items, following=following)))


@csrf_exempt
@for_programs("list.receive")
@WIRE.member_only("GET")
def reasons(request: HttpRequest, identity: PartnerIdentity, kind: str) -> HttpResponse:
    """Return the reasons that may be given against a fingerprint of a kind."""
    return xml(write.reasons_document(_kind(kind).lower(), REASONS))


@csrf_exempt
@for_programs("list.vote")
@WIRE.member_only("PUT")
def feedback(
    request: HttpRequest, identity: PartnerIdentity, *, member: str, entry: str, kind: str
) -> HttpResponse:
    """Take a member's vote on an entry: the last one counts; return the entry as it stands now."""
    now = request.now  # type: ignore[attr-defined]
    vote = _vote(request)
    shared = _open(identity, request)
    found = _find(identity, shared, member=member, entry=entry)
    tag = _kind(kind)
    if tag not in found.hashes:
        raise ServiceRefused(404, "UNKNOWN_ENTRY", "The entry has no such fingerprint")
    voted = operations.vote(
        actor=identity.actor,
        item=found,
        kind=tag,
        affirmative=vote.affirmative,
        reasons=[reason_code(reason) for reason in vote.reasons],
        now=now,
    )
    return xml(write.entries_document(EntriesPage(entries=(next(entries_of(identity, [voted])),))))


def _open(identity: PartnerIdentity, request: HttpRequest) -> list[SharedList]:
    shared = operations.told_lists(
        actor=identity.actor,
        service=Service.HASHSHARING,
        now=request.now,  # type: ignore[attr-defined]
    )
    if not shared:
        raise ServiceRefused(403, "NOTHING_OPEN", "No list is open to this member at present")
    return shared


def _vote(request: HttpRequest) -> Feedback:
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
    found = operations.find_item(item_id=item_id, lists=shared)
    if found is None or found.is_gone:
        raise ServiceRefused(404, "UNKNOWN_ENTRY", "No such entry")
    owner = found.shared.facts.attributes.owner_id
    numbers = operations.member_numbers(actor=identity.actor, organisation_ids=[owner])
    if str(numbers[owner]) != member:
        raise ServiceRefused(404, "UNKNOWN_ENTRY", "No such entry of this member")
    return found


def _kind(kind: str) -> str:
    """Return the kind of hash that a path names, in any case."""
    name = kind.upper()
    if name not in HASH_KINDS:
        raise ServiceRefused(404, "UNKNOWN_KIND", "No such kind of fingerprint is held here")
    return name
