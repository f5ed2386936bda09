"""Serving of lists to organisations: shareable data only, by a standing instruction; responses are recorded.

These organisations are the members, known by their protocol number; their votes on list entries and the
expiry of entries are here too.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import Resource, require
from fanal.analyse.material.domain.lists import Vote
from fanal.analyse.material.operations.votes import cast_vote
from fanal.analyse.material.queries.entries import get_items
from fanal.analyse.material.queries.lists import get_asides, votes_of
from fanal.db import sql
from fanal.exchange import queries
from fanal.exchange.domain.feed import Cursor, windows
from fanal.exchange.domain.records import FeedRow, Service, SharedItem, SharedList, SharedPage
from fanal.exchange.domain.sharing import hashes_of
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

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

    `row.view` is an index into `lists`. Rows of unknown entries are omitted. An entry that is withdrawn,
    suspended or a known false alarm, or whose list the reader may no longer read, has empty `hashes`: the
    reader must delete it.
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
        Refusal: an unknown reason, or a kind that the entry does not have.
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
