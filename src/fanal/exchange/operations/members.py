"""Members by their protocol number, their votes on list entries, and expiry of entries."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import Resource, require
from fanal.analyse import operations as analyse
from fanal.analyse.domain.lists import Vote
from fanal.exchange import queries
from fanal.exchange.domain.records import SharedItem, SharedList
from fanal.exchange.operations.serving import items_of
from fanal.kernel.actors import Actor

# Expiry: the feed places and source entries of expired items are deleted.


def forget_items(*, actor: Actor, item_ids: Sequence[UUID]) -> None:
    """Delete the feed places of list entries without values, and the partners' entries behind them.

    A member that has not read a list for the whole retention period gets no deletions (tombstones) for them.

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
    """Return the protocol number of each organisation and of the desk (None); new ones get the next number.

    Raises:
        Refused: the actor is not a member.
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
    """Return a list entry as a member with these `lists` receives it, None if none of them contains it.

    Raises:
        OperationalError: as `queries.newest_place`.
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
    """Record a member's vote on a list entry that it may read, and return the entry with the valid votes.

    `kind` is the kind of hash voted on, "" for the whole entry. The last vote of a member on an entry counts.
    A negative vote has at least one of `reasons` (codes).

    Raises:
        Refused: the actor may not vote.
        ListsRefused: an unknown reason, or a kind that the entry does not have.
    """
    reason, *others = [_AGREED] if affirmative else reasons or [""]
    analyse.cast_vote(
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
