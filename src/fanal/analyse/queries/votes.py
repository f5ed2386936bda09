"""Votes on entries: of one voter on one entry the last counts, all of them stay."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from django.db import connection

from fanal.analyse.domain.lists import CastVote, Vote, Voter
from fanal.kernel.actors import Actor

_VOTES = "SELECT item_id, kind, voter, voter_id, vote, reason, others, voted_at FROM analyse_vote"
_COUNTED = """
    SELECT item_id, kind, voter, voter_id, vote, reason, others, voted_at FROM (
        SELECT DISTINCT ON (item_id, voter_id) * FROM analyse_vote
        WHERE item_id = ANY(%s::uuid[]) ORDER BY item_id, voter_id, seq DESC
    ) AS last WHERE vote <> 'TAKEN_BACK' ORDER BY seq
"""
_Row: TypeAlias = tuple[UUID, str, str, UUID, str, str, list[str], datetime]


def count_votes(*, item_ids: Iterable[UUID]) -> dict[UUID, tuple[int, int, CastVote]]:
    """Return the votes up, down and the last one of each entry that has any; a voter's last counts."""
    counted: dict[UUID, tuple[int, int, CastVote]] = {}
    for item_id, votes in votes_of(item_ids=item_ids).items():
        ups = sum(vote.vote is Vote.UP for vote in votes)
        counted[item_id] = (ups, len(votes) - ups, votes[-1])
    return counted


def votes_of(*, item_ids: Iterable[UUID]) -> dict[UUID, list[CastVote]]:
    """Return the votes that count on each entry that has any, oldest first: the last one of each voter.

    Who took its vote back has none.
    """
    found: dict[UUID, list[CastVote]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, [list(set(item_ids))])
        for row in cursor.fetchall():
            found.setdefault(row[0], []).append(_vote(row))
    return found


def voter_of(*, actor: Actor) -> UUID:
    """Return who votes when an actor does: a partner's people and programs are one voter."""
    return actor.partner_id or actor.person_id


def vote_of(*, item_id: UUID, voter_id: UUID) -> CastVote | None:
    """Return the vote of a voter that counts on an entry, None where there is none."""
    votes = votes_of(item_ids=[item_id]).get(item_id, [])
    return next((vote for vote in votes if vote.voter_id == voter_id), None)


def list_votes(*, item_id: UUID) -> list[CastVote]:
    """Return every vote on an entry, oldest first: those replaced and those taken back too."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_VOTES} WHERE item_id = %s ORDER BY seq", [item_id])
        return [_vote(row) for row in cursor.fetchall()]


def newest_votes(*, limit: int) -> list[CastVote]:
    """Return the newest votes on any entry, the newest first."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_VOTES} ORDER BY seq DESC LIMIT %s", [limit])
        return [_vote(row) for row in cursor.fetchall()]


def _vote(row: _Row) -> CastVote:
    return CastVote(
        item_id=row[0],
        kind=row[1],
        voter=Voter(row[2]),
        voter_id=row[3],
        vote=Vote(row[4]),
        reason=row[5],
        others=tuple(row[6]),
        voted_at=row[7],
    )
