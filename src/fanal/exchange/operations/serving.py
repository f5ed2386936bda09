"""Serving lists to members: only what may be shared, under a standing instruction, each response noted."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal import reference
from fanal.accounts import queries as accounts
from fanal.accounts.domain.instructions import InstructionKind, StandingInstruction
from fanal.accounts.domain.policy import Resource, require
from fanal.analyse import queries as analysed
from fanal.analyse.domain.lists import ListFacts
from fanal.exchange import queries
from fanal.exchange.domain.feed import Cursor, OpenList, windows
from fanal.exchange.domain.records import FeedRow, Service, SharedItem, SharedList, SharedPage
from fanal.exchange.domain.sharing import hashes_of, may_receive
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.ledger import operations as ledger
from fanal.reference.records import ListBasis

_PATIENCE = "4s"
"""How long a reader waits for a change of the lists under way; after that it is told to come back."""


@contextmanager
def reading() -> Iterator[None]:
    """Open the transaction of a response: what it says, its row and its entry are one."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
        yield


def open_lists(*, actor: Actor, now: datetime) -> list[SharedList]:
    """Return the lists that a member may read now, by name, and keep since when it may.

    A list needs a legal basis in force, a sharing limit that reaches the member, and a standing instruction
    that covers it. A member to which a list opens later gets all of it; where one closes, it begins anew.

    Raises:
        Refused: the actor is no member.
    """
    require(actor, "list.receive", Resource(partner_id=actor.partner_id))
    assert actor.partner_id is not None  # noqa: S101 - what the policy has just asked
    body = accounts.organisation_kind(organisation_id=actor.partner_id)
    served: list[tuple[ListFacts, StandingInstruction]] = []
    for facts in analysed.get_lists().values():
        if body is None or not may_receive(facts.attributes, body=body):
            continue
        if not _is_in_force(facts.attributes.legal_basis, now):
            continue
        under = accounts.standing_in_force(
            kind=InstructionKind.LIST_SERVICE, scope=facts.name, now=now
        )
        if under is not None:
            served.append((facts, under))
    since = _grant(actor.partner_id, [facts.id for facts, _ in served], now=now)
    return [
        SharedList(
            facts=facts,
            open=OpenList(list_id=facts.id, since=since[facts.id]),
            instruction=under,
        )
        for facts, under in sorted(served, key=lambda pair: pair[0].name)
    ]


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
    """Return the next items after `cursor` up to place `last`, and note that they went out."""
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
    """Return the items of rows as members get them now."""
    by_list = {shared.id: shared for shared in lists}
    ids = [row.item_id for row in rows]
    held = analysed.get_items(item_ids=ids)
    aside, votes = analysed.get_asides(item_ids=ids), analysed.votes_of(item_ids=ids)
    return tuple(
        SharedItem(
            row=row,
            shared=by_list[row.list_id],
            item=held[row.item_id],
            hashes={} if row.item_id in aside else hashes_of(held[row.item_id]),
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
    """Write the ledger entry of a response with content, and how far the member has read.

    `list_id` is that of a reader who reads one list; `partial` a response to a question for single items,
    which moves no reader on.
    """
    if page.items:
        _record(actor, service, page, now=now)
    _read_so_far(actor, service, page, list_id=list_id, partial=partial, now=now)


def note_refusal(
    *, actor: Actor, service: Service, code: str, list_id: UUID | None = None, now: datetime
) -> None:
    """Keep that a member asked for what it could not have: its page and the desk's show the last one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO exchange_reading"
            " (partner_id, service, list_id, first_at, last_at, error, error_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT ON CONSTRAINT exchange_reading_one DO UPDATE"
            " SET error = EXCLUDED.error, error_at = EXCLUDED.error_at, last_at = EXCLUDED.last_at",
            [actor.partner_id, service, list_id, now, now, code, now],
        )


def _is_in_force(basis: str, now: datetime) -> bool:
    return reference.load().by_code(ListBasis, basis, paris_day(now)) is not None


def _grant(partner_id: UUID, list_ids: Sequence[UUID], *, now: datetime) -> Mapping[UUID, int]:
    held = queries.grants_of(partner_id=partner_id)
    fresh = [list_id for list_id in list_ids if list_id not in held]
    closed = [list_id for list_id in held if list_id not in list_ids]
    if not fresh and not closed:
        return held
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM exchange_grant WHERE partner_id = %s AND list_id = ANY(%s::uuid[])",
            [partner_id, closed],
        )
        cursor.execute(
            "SELECT EXISTS (SELECT FROM exchange_reading WHERE partner_id = %s AND responses > 0)",
            [partner_id],
        )
        [(has_read,)] = cursor.fetchall()
        for list_id in fresh:  # whoever has read nothing yet misses nothing that is older
            cursor.execute(
                "INSERT INTO exchange_grant (partner_id, list_id, since_seq, since) VALUES"
                " (%s, %s, CASE WHEN %s THEN exchange_take(1) ELSE 0 END, %s) ON CONFLICT DO NOTHING",
                [partner_id, list_id, has_read, now],
            )
    return queries.grants_of(partner_id=partner_id)


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


def _served(list_id: UUID, items: Sequence[SharedItem]) -> ledger.ObjectRef:
    """Return a list with the digest of what a response said of it: each item, its place, its hashes."""
    lines = (
        f"{i.item.item_id} {i.row.row} {' '.join(f'{k}={v}' for k, v in i.hashes.items())}"
        for i in items
    )
    content = "\n".join(lines).encode()
    digest = ledger.keyed_digest(kind="list", object_id=list_id, content=content)
    return ledger.ObjectRef(kind="list", id=list_id, digest=digest)


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
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO exchange_reading (partner_id, service, list_id, first_at, last_at, last_seq,"
            " completed_at, responses, entries) VALUES (%s, %s, %s, %s, %s, %s, %s, 1, %s)"
            " ON CONFLICT ON CONSTRAINT exchange_reading_one DO UPDATE SET last_at = EXCLUDED.last_at,"
            " last_seq = greatest(exchange_reading.last_seq, EXCLUDED.last_seq),"
            " completed_at = coalesce(EXCLUDED.completed_at, exchange_reading.completed_at),"
            " responses = exchange_reading.responses + 1,"
            " entries = exchange_reading.entries + EXCLUDED.entries",
            [
                actor.partner_id, service, list_id, now, now, reached,
                None if page.next or partial else now, len(page.items),
            ],
        )  # fmt: skip
