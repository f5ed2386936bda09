"""Votes on list entries. All votes stay stored; only a voter's last one on an entry counts, unless
withdrawn.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from msgspec import structs

from fanal.accounts.domain.policy import require
from fanal.analyse.material.domain.lists import (
    CastVote,
    Vote,
    Voter,
    check_vote,
)
from fanal.analyse.material.operations.lists import touch_list
from fanal.analyse.material.queries.entries import get_items
from fanal.analyse.material.queries.lists import vote_of, voter_of
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef


def cast_vote(
    *,
    actor: Actor,
    item_id: UUID,
    vote: Vote,
    reason: str,
    others: Sequence[str] = (),
    now: datetime,
    kind: str = "",
) -> CastVote:
    """Store the actor's vote on a list entry and return it; it counts from the next report on.

    A partner votes as an organisation, others as persons. `kind` limits the vote to a hash or address kind of
    the entry, empty for all. `reason` is a code that this vote allows (`VOTE_REASONS`), `others` are further
    ones; duplicates are dropped. `item_id` is the entry's.

    Raises:
        Refused: the actor may not vote.
        Refusal: `ENTRY` for an unknown entry or kind, `VOTE_REASON` for a reason that this vote does not
            allow.
    """
    require(actor, "list.vote")
    first, *further = dict.fromkeys([reason, *others])
    check_vote(vote, [first, *further])
    item = get_items(item_ids=[item_id]).get(item_id)
    if item is None or (kind and kind not in dict(item.values)):
        raise Refusal("lists", "ENTRY")
    cast = CastVote(
        item_id=item_id,
        kind=kind,
        voter=Voter.MEMBER if actor.partner_id else Voter.PERSON,
        voter_id=voter_of(actor=actor),
        vote=vote,
        reason=first,
        others=tuple(further),
        voted_at=now,
    )
    _keep(actor, item.list_id, cast)
    return cast


def take_vote_back(*, actor: Actor, item_id: UUID, now: datetime) -> CastVote:
    """Withdraw the actor's own vote on an entry; return the stored withdrawal.

    Raises:
        Refused: the actor may not vote.
        Refusal: `ENTRY` for an unknown entry, `NO_VOTE` if the actor has no vote in force.
    """
    require(actor, "list.vote")
    item = get_items(item_ids=[item_id]).get(item_id)
    if item is None:
        raise Refusal("lists", "ENTRY")
    mine = vote_of(item_id=item_id, voter_id=voter_of(actor=actor))
    if mine is None:
        raise Refusal("lists", "NO_VOTE")
    back = structs.replace(mine, vote=Vote.TAKEN_BACK, reason="", others=(), voted_at=now)
    _keep(actor, item.list_id, back)
    return back


def _keep(actor: Actor, list_id: UUID, cast: CastVote) -> None:
    with transaction.atomic():
        sql.run(
            "INSERT INTO analyse_vote"
            " (list_id, item_id, kind, voter, voter_id, vote, reason, others, voted_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                list_id,
                cast.item_id,
                cast.kind,
                cast.voter,
                cast.voter_id,
                cast.vote,
                cast.reason,
                list(cast.others),
                cast.voted_at,
            ],
        )
        touch_list(list_id, now=cast.voted_at)
        ledger.record(
            actor=actor,
            action="list.vote",
            at=cast.voted_at,
            objects=[
                ObjectRef(kind="list", id=list_id),
                ObjectRef(kind="list_item", id=cast.item_id),
            ],
            detail={"vote": cast.vote, "reason": "+".join(cast.reasons)},
        )
