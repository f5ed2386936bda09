"""Serving of lists to organisations: shareable data only, by a standing instruction; responses are recorded.

These organisations are the members, known by their protocol number; their votes on list entries and the
expiry of entries are here too. Grants say which lists a member may read now, since when, and which it must
delete.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from msgspec import Struct, structs

from fanal import reference
from fanal.accounts.domain.instructions import InstructionKind, StandingInstruction
from fanal.accounts.domain.policy import Resource, require
from fanal.accounts.queries.instructions import standing_for_each
from fanal.accounts.queries.people import organisation_kind, partner_names
from fanal.analyse.material.domain.lists import ListFacts, Vote
from fanal.analyse.material.operations.votes import cast_vote
from fanal.analyse.material.queries.entries import get_items
from fanal.analyse.material.queries.lists import get_asides, get_lists, votes_of
from fanal.db import sql
from fanal.exchange import queries
from fanal.exchange.domain.feed import Cursor, OpenList, windows
from fanal.exchange.domain.records import (
    FeedRow,
    Grant,
    GrantState,
    Service,
    SharedItem,
    SharedList,
    SharedPage,
)
from fanal.exchange.domain.sharing import hashes_of, may_receive
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import instant_of
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.reference.records import ListBasis


class _Granted(Struct, frozen=True, kw_only=True):
    """A list that is or was open to a member organisation, with its grant and standing instruction."""

    facts: ListFacts
    grant: Grant
    instruction: StandingInstruction

    def shared(self, *, anew: bool = True, gone_at: int | None = None) -> SharedList:
        """Return the list as it is served: all its entries count as changed at the place of its grant.

        A place is the number of a change in the feed. If `anew` is false, the entries keep their own places;
        with `gone_at`, the list is revoked at that place.
        """
        since = (self.grant.since if anew else 0) if gone_at is None else gone_at
        opened = OpenList(list_id=self.facts.id, since=since, gone=gone_at is not None)
        return SharedList(facts=self.facts, open=opened, instruction=self.instruction)


def open_lists(*, actor: Actor, now: datetime) -> list[SharedList]:
    """Return the lists that a member organisation (`actor`) may read now, in order of name.

    A list needs a legal basis in force, a sharing limit that includes the member, and a standing instruction
    that covers it and names the member; an instruction for named lists only covers lists older than its
    approval. A member to which a list is granted later, or again, receives all of it. Grants (rights to read)
    that are new or have changed are stored.

    Raises:
        Refused: the actor is no member organisation.
    """
    return [one.shared() for one in _granted(actor, now=now) if _is_open(one)]


def told_lists(*, actor: Actor, service: Service, now: datetime) -> list[SharedList]:
    """Return the lists to serve to a member organisation: those it may read, then those revoked from it.

    A revoked list is served so that the member deletes its entries, if the member had begun to read it over
    this service. Over hash sharing, where readers store entries by owner, a list is also served as revoked
    under each former owner. Deletions (tombstones) also require a standing instruction. A TAXII collection is
    read by the dates of its entries; if it is granted again, all its entries count as changed at that time.

    Raises:
        Refused: the actor is no member organisation.
    """
    granted = _granted(actor, now=now)
    assert actor.partner_id is not None  # noqa: S101 - checked by the policy
    began = queries.reading_since(partner_id=actor.partner_id, service=service)
    told, gone = [], []
    for one in granted:
        first = began.get(one.facts.id if service is Service.TAXII else None)
        read_before = first is not None and first < one.grant.at
        if _is_open(one):
            told.append(one.shared(anew=read_before or service is Service.HASHSHARING))
        elif read_before:
            gone.append(one.shared(gone_at=one.grant.since))
    told += gone
    if service is Service.TAXII or not began:
        return told
    return list(_under_former_owners(told, granted))


def _under_former_owners(
    told: Sequence[SharedList], granted: Sequence[_Granted]
) -> Iterator[SharedList]:
    """Yield the lists `told` to a member with their former owners, then revocations for each former owner.

    The latter are the granted lists, each under its former owner and marked as revoked.

    A reader that stores entries by owner thereby deletes the entries of a former owner.
    """
    by_id = {one.facts.id: one for one in granted}
    former = queries.former_owners(list_ids=list(by_id))
    for shared in told:
        before = {
            f.owner_id for f in former if f.list_id == shared.id and f.place < shared.open.since
        }
        yield structs.replace(
            shared, former_owners=tuple(before - {shared.facts.attributes.owner_id})
        )
    for one in former:
        shared = by_id[one.list_id].shared(gone_at=one.place)
        said = structs.replace(shared.facts.attributes, owner_id=one.owner_id)
        yield structs.replace(shared, facts=structs.replace(shared.facts, attributes=said))


def _is_open(one: _Granted) -> bool:
    return one.grant.state is GrantState.OPEN


def _granted(actor: Actor, *, now: datetime) -> list[_Granted]:
    """Return the lists, by name, that an organisation may read or could read formerly; store its grants.

    Paused lists (without standing instruction) are stored and not returned, nor are lists that the member may
    not read and never could.

    Raises:
        Refused: the actor is no member organisation.
    """
    require(actor, "list.receive", Resource(partner_id=actor.partner_id))
    assert actor.partner_id is not None  # noqa: S101 - checked by the policy
    body = organisation_kind(organisation_id=actor.partner_id)
    name = partner_names(partner_ids=[actor.partner_id]).get(actor.partner_id, "")
    held = queries.grants_of(partner_id=actor.partner_id)
    states: dict[UUID, GrantState] = {}
    found: list[tuple[ListFacts, StandingInstruction]] = []
    listed = sorted(get_lists().values(), key=lambda facts: facts.name)
    running = standing_for_each(
        kind=InstructionKind.LIST_SERVICE,
        scopes=[facts.name for facts in listed],
        now=now,
        member=name,
        since={facts.name: instant_of(facts.id) for facts in listed},
    )
    for facts in listed:
        may = (
            body is not None
            and may_receive(facts.attributes, body=body)
            and _is_in_force(facts.attributes.legal_basis, now)
        )
        if not may and facts.id not in held:
            continue
        under = running.get(facts.name)
        if under is not None:
            states[facts.id] = GrantState.OPEN if may else GrantState.CLOSED
            found.append((facts, under))
        elif facts.id in held:
            states[facts.id] = GrantState.PAUSED
    kept = _keep(actor.partner_id, states, held, now=now)
    return [
        _Granted(facts=facts, grant=kept[facts.id], instruction=under) for facts, under in found
    ]


def _is_in_force(basis: str, now: datetime) -> bool:
    return reference.load().by_code(ListBasis, basis, paris_day(now)) is not None


def _keep(
    partner_id: UUID,
    states: Mapping[UUID, GrantState],
    held: Mapping[UUID, Grant],
    *,
    now: datetime,
) -> Mapping[UUID, Grant]:
    """Store the state of each list for an organisation (`states`, by list id); return its grants by list id.

    A change of state gets a new place (number of a change) in the feed. `held` are the grants stored before,
    by list id.
    """
    fresh = [list_id for list_id in states if list_id not in held]
    moved = [(state, i) for i, state in states.items() if i in held and held[i].state is not state]
    if not fresh and not moved:
        return held
    with connection.cursor() as cursor:
        for state, list_id in moved:
            cursor.execute(
                "UPDATE exchange_grant SET state = %s, since_seq = exchange_take(1), since = %s"
                " WHERE partner_id = %s AND list_id = %s AND state <> %s",
                [state, now, partner_id, list_id, state],
            )
        cursor.execute(
            "SELECT EXISTS (SELECT FROM exchange_reading WHERE partner_id = %s AND responses > 0)",
            [partner_id],
        )
        [(has_read,)] = cursor.fetchall()
        for list_id in fresh:  # a member that has read nothing yet needs no replay of older rows
            cursor.execute(
                "INSERT INTO exchange_grant (partner_id, list_id, since_seq, since) VALUES"
                " (%s, %s, CASE WHEN %s THEN exchange_take(1) ELSE 0 END, %s) ON CONFLICT DO NOTHING",
                [partner_id, list_id, has_read, now],
            )
    return queries.grants_of(partner_id=partner_id)


_PATIENCE = "4s"
"""Maximum wait for uncommitted changes of the lists; the reader must then retry later."""


@contextmanager
def reading() -> Iterator[None]:
    """Open the transaction in which a request of a member organisation is answered.

    The content, the member's progress and the ledger entry are committed together or not at all.
    """
    with transaction.atomic():
        sql.run("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
        yield


def serve_page(
    *,
    actor: Actor,
    service: Service,
    lists: Sequence[SharedList],
    cursor: Cursor,
    last: int,
    limit: int,
    now: datetime,
) -> SharedPage:
    """Return up to `limit` list entries for an organisation, `actor`, and record this response.

    The entries are those of `lists` after `cursor`, up to place `last` of the feed (the number of a change),
    in the order of the feed. Over TAXII, `lists` has one list, whose progress is recorded by itself.
    `service` is the protocol. Call it within `reading`.
    """
    found = windows([shared.open for shared in lists], cursor=cursor, last=last)
    rows = queries.rows_between(windows=found, limit=limit + 1)
    following = None
    if len(rows) > limit:
        rows = rows[:limit]
        following = Cursor(place=rows[-1].place, row=rows[-1].row)
    page = SharedPage(items=items_of(rows=rows, lists=lists), last=last, next=following)
    one = lists[0].id if service is Service.TAXII else None
    note_response(actor=actor, service=service, page=page, list_id=one, now=now)
    return page


def items_of(*, rows: Sequence[FeedRow], lists: Sequence[SharedList]) -> tuple[SharedItem, ...]:
    """Return the list entries behind feed rows in their present state, ready to be served.

    `row.view` is an index into `lists`. The order is that of `rows`; rows of unknown entries are omitted. An
    entry that is withdrawn, suspended or a known false alarm, or whose list the reader may no longer read,
    has empty `hashes`: the reader must delete it.
    """
    ids = [row.item_id for row in rows]
    held = get_items(item_ids=ids)
    aside, votes = get_asides(item_ids=ids), votes_of(item_ids=ids)
    return tuple(
        SharedItem(
            row=row,
            shared=lists[row.view],
            item=held[row.item_id],
            hashes=hashes_of(held[row.item_id])
            if row.item_id not in aside and not lists[row.view].open.gone
            else {},
            votes=tuple(votes.get(row.item_id, ())),
        )
        for row in rows
        if row.item_id in held
    )


def note_response(
    *,
    actor: Actor,
    service: Service,
    page: SharedPage,
    list_id: UUID | None = None,
    partial: bool = False,
    now: datetime,
) -> None:
    """Record a response (`page`) to a member organisation, `actor`, that reads our lists.

    Stored are its progress and, unless the page is empty, a ledger entry. `service` is the protocol;
    `list_id` is given for a protocol that reads each list separately. `partial` marks the answer to a request
    for single entries: the member's position in the change feed does not advance.
    """
    if page.items:
        _record(actor, service, page, now=now)
    _read_so_far(actor, service, page, list_id=list_id, partial=partial, now=now)


def note_refusal(
    *, actor: Actor, service: Service, code: str, list_id: UUID | None = None, now: datetime
) -> None:
    """Store the code of an organisation's last refused request; its own page and the desk's display it.

    `service` is the protocol; `list_id` is given for a protocol that reads each list separately.
    """
    sql.run(
        "INSERT INTO exchange_reading"
        " (partner_id, service, list_id, first_at, last_at, error, error_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT ON CONSTRAINT exchange_reading_one DO UPDATE"
        " SET error = EXCLUDED.error, error_at = EXCLUDED.error_at, last_at = EXCLUDED.last_at",
        [actor.partner_id, service, list_id, now, now, code, now],
    )


def _record(actor: Actor, service: Service, page: SharedPage, *, now: datetime) -> None:
    by_list: dict[UUID, list[SharedItem]] = {}
    for item in page.items:
        by_list.setdefault(item.shared.id, []).append(item)
    under = {item.shared.instruction.id: item.shared.instruction for item in page.items}
    first = page.items[0]
    ledger.record(
        actor=actor,
        action="list.serve",
        at=now,
        objects=[
            *(_served(list_id, items) for list_id, items in by_list.items()),
            *(instruction.reference for instruction in under.values()),
        ],
        detail={
            "service": service.value,
            "first": first.row.place,
            "last": page.items[-1].row.place,
            "count": len(page.items),
            **first.shared.instruction.cited,
        },
    )


def _served(list_id: UUID, items: Sequence[SharedItem]) -> ObjectRef:
    """Return the ledger reference of a list, with a keyed digest of the entries (`items`) served from it.

    The digest covers entry ids, hashes, and places in the feed (numbers of changes).
    """
    lines = (
        f"{i.item.item_id} {i.row.row} {' '.join(f'{k}={v}' for k, v in i.hashes.items())}"
        for i in items
    )
    content = "\n".join(lines).encode()
    digest = ledger.keyed_digest(kind="list", object_id=list_id, content=content)
    return ObjectRef(kind="list", id=list_id, digest=digest)


def _read_so_far(
    actor: Actor,
    service: Service,
    page: SharedPage,
    *,
    list_id: UUID | None,
    partial: bool,
    now: datetime,
) -> None:
    reached = page.items[-1].row.place if page.next and page.items else page.last
    if partial:
        reached = 0
    sql.run(
        "INSERT INTO exchange_reading (partner_id, service, list_id, first_at, last_at, last_seq,"
        " completed_at, responses, entries) VALUES (%s, %s, %s, %s, %s, %s, %s, 1, %s)"
        " ON CONFLICT ON CONSTRAINT exchange_reading_one DO UPDATE SET last_at = EXCLUDED.last_at,"
        " last_seq = greatest(exchange_reading.last_seq, EXCLUDED.last_seq),"
        " completed_at = coalesce(EXCLUDED.completed_at, exchange_reading.completed_at),"
        " responses = exchange_reading.responses + 1,"
        " entries = exchange_reading.entries + EXCLUDED.entries",
        [
            actor.partner_id,
            service,
            list_id,
            now,
            now,
            reached,
            None if page.next or partial else now,
            len(page.items),
        ],
    )


# Expiry: the feed places and source entries of expired items are deleted.


def forget_items(*, actor: Actor, item_ids: Sequence[UUID]) -> None:
    """Delete expired list entries from the change feed, and the records of the partners' entries behind them.

    `item_ids` are entries without any value left; the records name the source of each import. A reader that
    has not read a list for the whole retention period gets no deletions (tombstones) for them.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        for table in ("exchange_feed", "exchange_taken"):
            cursor.execute(
                f"DELETE FROM {table} WHERE item_id = ANY(%s::uuid[])",  # noqa: S608 - named here
                [list(item_ids)],
            )


_AGREED = "CONFIRMED"


def member_numbers(
    *, actor: Actor, organisation_ids: Iterable[UUID | None]
) -> dict[UUID | None, int]:
    """Return the number by which hash sharing names each organisation and the desk (None).

    Missing numbers are assigned.

    Raises:
        Refused: the actor is no member organisation.
    """
    require(actor, "list.receive", Resource(partner_id=actor.partner_id))
    wanted = set(organisation_ids)
    found = queries.member_numbers(organisation_ids=wanted)
    missing = wanted - set(found)
    if not missing:
        return found
    with connection.cursor() as cursor:
        for organisation_id in missing:
            cursor.execute(
                "INSERT INTO exchange_member (organisation_id) VALUES (%s)"
                " ON CONFLICT ON CONSTRAINT exchange_member_organisation DO NOTHING",
                [organisation_id],
            )
    return queries.member_numbers(organisation_ids=wanted)


def find_item(*, item_id: UUID, lists: Sequence[SharedList]) -> SharedItem | None:
    """Return a list entry as the reader of these `lists` receives it, None if none of them contains it.

    Raises:
        OperationalError: a change of the feed takes longer than the lock timeout.
    """
    for shared in lists:
        rows = queries.rows_of_items(
            opened=shared.open, item_ids=[item_id], after=0, last=queries.newest_place()
        )
        if rows:
            return next(iter(items_of(rows=rows, lists=[shared])), None)
    return None


def vote(
    *,
    actor: Actor,
    item: SharedItem,
    kind: str,
    affirmative: bool,
    reasons: Sequence[str],
    now: datetime,
) -> SharedItem:
    """Record an organisation's vote on a list entry that it may read; return the entry with the valid votes.

    `affirmative`: for the entry, else against it, with at least one of `reasons` (codes). `kind` is the kind
    of hash voted on, "" for the whole entry. The last vote of a member on an entry counts.

    Raises:
        Refused: the actor may not vote.
        Refusal: VOTE_REASON, a reason that such a vote does not allow, or none against the entry; ENTRY, a
            kind that the entry does not have.
    """
    reason, *others = [_AGREED] if affirmative else reasons or [""]
    cast_vote(
        actor=actor,
        item_id=item.item.item_id,
        vote=Vote.UP if affirmative else Vote.DOWN,
        reason=reason,
        others=others,
        kind=kind,
        now=now,
    )
    [voted] = items_of(rows=[item.row], lists=[item.shared])
    return voted
