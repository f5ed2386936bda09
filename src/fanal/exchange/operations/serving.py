"""Serving of lists to members: only shareable data, under a standing instruction, each response recorded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.analyse import queries as analysed
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
    """Open the transaction of a response: its content, its progress row and its ledger entry are one."""
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
    """Return up to `limit` list entries after `cursor`, up to place `last` of the feed; record the response.

    Over TAXII, `lists` has one list, whose progress is recorded by itself. Called within `reading`.
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
    """Return the list entries behind feed rows in their present state, ready to be served to a member.

    `row.view` is an index into `lists`. Rows of unknown entries are omitted. An entry that is withdrawn,
    suspended or a known false alarm, or whose list the member may no longer read, has empty `hashes`:
    the member must delete it.
    """
    ids = [row.item_id for row in rows]
    held = analysed.get_items(item_ids=ids)
    aside, votes = analysed.get_asides(item_ids=ids), analysed.votes_of(item_ids=ids)
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
    """Record a response to a member: its ledger entry if it has list entries, and the member's progress.

    `service` is the protocol; `list_id` is given for a protocol that reads each list separately. `partial`
    marks the answer to a request for single entries, which does not advance the reader.
    """
    if page.items:
        _record(actor, service, page, now=now)
    _read_so_far(actor, service, page, list_id=list_id, partial=partial, now=now)


def note_refusal(
    *, actor: Actor, service: Service, code: str, list_id: UUID | None = None, now: datetime
) -> None:
    """Store the last refused request of a member, and its code; its own page and the desk's display it."""
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
    """Return the ledger reference of a list, with a keyed digest of the entries, places and hashes served."""
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
