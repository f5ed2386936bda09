"""Votes on the entries of lists. All stay; of one voter on one entry the last counts."""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.analyse import queries
from fanal.analyse.domain.lists import CastVote, ListsRefused, Vote, Voter, check_vote
from fanal.analyse.operations.changes import touch_list
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger


def cast_vote(
    *, actor: Actor, item_id: UUID, vote: Vote, reason: str, now: datetime, kind: str = ""
) -> CastVote:
    """Keep what the actor says of an entry, and return it; it counts from the next report on.

    A partner votes as its organisation, others as persons. `kind` tells of which hash or address of the
    entry the vote speaks, empty for all.

    Raises:
        Refused: the actor may not vote.
        ListsRefused: `ENTRY` for an unknown entry or kind, `VOTE_REASON`.
    """
    require(actor, "list.vote")
    check_vote(vote, reason)
    item = queries.get_items(item_ids=[item_id]).get(item_id)
    if item is None or (kind and kind not in dict(item.values)):
        raise ListsRefused("ENTRY")
    cast = CastVote(
        item_id=item_id,
        kind=kind,
        voter=Voter.MEMBER if actor.partner_id else Voter.PERSON,
        voter_id=actor.partner_id or actor.person_id,
        vote=vote,
        reason=reason,
        voted_at=now,
    )
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO analyse_vote"
                " (list_id, item_id, kind, voter, voter_id, vote, reason, voted_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                [item.list_id, item_id, kind, cast.voter, cast.voter_id, vote, reason, now],
            )
        touch_list(item.list_id, now=now)
        ledger.record(
            actor=actor,
            action="list.vote",
            at=now,
            objects=[
                ledger.ObjectRef(kind="list", id=item.list_id),
                ledger.ObjectRef(kind="list_item", id=item_id),
            ],
            detail={"vote": vote, "reason": reason},
        )
    return cast
