"""Queries on lists of known material: attributes, changes, suspended entries, and votes on entries."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from fanal.accounts.queries.people import partner_names
from fanal.analyse.material.domain.lists import (
    Aside,
    CastVote,
    ListAttributes,
    ListFacts,
    MatchScope,
    Sharing,
    Vote,
    Voter,
)
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.texts import alphabetical

# Entries suspended by the match-rate circuit breaker, and the match rates of entries.


class AsideRecord(Struct, frozen=True, kw_only=True):
    """A suspension of a list entry (item `item_id`) by the match-rate circuit breaker, and its end.

    `aside` holds its start and the matches that caused it. `outcome` is RELEASED (the entry counts again),
    WITHDRAWN (it was removed from its list as wrong), or "" while suspended. `ended_by` ended it at
    `ended_at`, None while suspended, for the written `reason`.
    """

    id: UUID
    list_id: UUID
    item_id: UUID
    aside: Aside
    ended_at: datetime | None = None
    outcome: str = ""
    ended_by: UUID | None = None
    reason: str = ""


def get_asides(*, item_ids: Iterable[UUID]) -> dict[UUID, Aside]:
    """Return by item id the suspension in force of each suspended list entry; others have no key.

    The match-rate circuit breaker suspends entries that suddenly match very many reports.
    """
    found = sql.rows(
        "SELECT item_id, since, matched, hours, rule FROM analyse_aside"
        " WHERE item_id = ANY(%s::uuid[]) AND ended_at IS NULL",
        [list(set(item_ids))],
    )
    return {
        item_id: Aside(since=since, matched=matched, hours=hours, rule=rule)
        for item_id, since, matched, hours, rule in found
    }


def count_asides() -> int:
    """Return the number of list entries that the match-rate circuit breaker suspends now."""
    return int(sql.one("SELECT count(*) FROM analyse_aside WHERE ended_at IS NULL")[0])


def list_asides(*, ended: bool, limit: int, offset: int = 0) -> list[AsideRecord]:
    """Return a page of suspensions of list entries by the match-rate circuit breaker, newest first.

    The suspensions in force or, with `ended`, the past ones: at most `limit` after the first `offset`.
    """
    found = sql.rows(
        "SELECT id, list_id, item_id, since, matched, hours, rule, ended_at, outcome, ended_by,"
        " reason FROM analyse_aside WHERE (ended_at IS NOT NULL) = %s"
        " ORDER BY since DESC, id DESC LIMIT %s OFFSET %s",
        [ended, limit, offset],
    )
    return [
        AsideRecord(
            id=row[0],
            list_id=row[1],
            item_id=row[2],
            aside=Aside(since=row[3], matched=row[4], hours=row[5], rule=row[6]),
            ended_at=row[7],
            outcome=row[8] or "",
            ended_by=row[9],
            reason=row[10] or "",
        )
        for row in found
    ]


def match_rates(
    *, item_ids: Iterable[UUID], since: datetime
) -> Mapping[UUID, list[tuple[datetime, int]]]:
    """Return by list entry the number of matching reports per hour since `since`, oldest first.

    Pairs are (hour, reports). Hours and entries without a match are absent.
    """
    rates: dict[UUID, list[tuple[datetime, int]]] = {}
    found = sql.rows(
        "SELECT item_id, hour, sum(reports) FROM analyse_match"
        " WHERE item_id = ANY(%s::uuid[]) AND hour >= %s"
        " GROUP BY item_id, hour ORDER BY item_id, hour",
        [list(set(item_ids)), since],
    )
    for item_id, hour, reports in found:
        rates.setdefault(item_id, []).append((hour, reports))
    return rates


# Votes on entries: only a voter's last vote on an entry counts; all stay stored.

_VOTES = "SELECT item_id, kind, voter, voter_id, vote, reason, others, voted_at FROM analyse_vote"
_COUNTED = """
    SELECT item_id, kind, voter, voter_id, vote, reason, others, voted_at FROM (
        SELECT DISTINCT ON (item_id, voter_id) * FROM analyse_vote
        WHERE item_id = ANY(%s::uuid[]) ORDER BY item_id, voter_id, seq DESC
    ) AS last WHERE vote <> 'TAKEN_BACK' ORDER BY seq
"""
_Row: TypeAlias = tuple[UUID, str, str, UUID, str, str, list[str], datetime]


def count_votes(*, item_ids: Iterable[UUID]) -> dict[UUID, tuple[int, int, CastVote]]:
    """Return by list item (votes up, votes down, last vote); only a voter's last vote counts.

    Items without votes have no key.
    """
    counted: dict[UUID, tuple[int, int, CastVote]] = {}
    for item_id, votes in votes_of(item_ids=item_ids).items():
        ups = sum(vote.vote is Vote.UP for vote in votes)
        counted[item_id] = (ups, len(votes) - ups, votes[-1])
    return counted


def votes_of(*, item_ids: Iterable[UUID]) -> dict[UUID, list[CastVote]]:
    """Return by list entry (item id) the votes that count, oldest first: the last vote of each voter.

    A voter who took the vote back has none; an entry without votes has no key.
    """
    found: dict[UUID, list[CastVote]] = {}
    for row in sql.rows(_COUNTED, [list(set(item_ids))]):
        found.setdefault(row[0], []).append(_vote(row))
    return found


def voter_of(*, actor: Actor) -> UUID:
    """Return the id under which an actor votes; all people and programs of a partner are a single voter."""
    return actor.partner_id or actor.person_id


def vote_of(*, item_id: UUID, voter_id: UUID) -> CastVote | None:
    """Return a voter's last vote on a list entry; None if there is none, or it was taken back."""
    votes = votes_of(item_ids=[item_id]).get(item_id, [])
    return next((vote for vote in votes if vote.voter_id == voter_id), None)


def list_votes(*, item_id: UUID) -> list[CastVote]:
    """Return all votes on a list entry, oldest first, including replaced votes and votes taken back."""
    return [_vote(row) for row in sql.rows(f"{_VOTES} WHERE item_id = %s ORDER BY seq", [item_id])]


def newest_votes(*, limit: int) -> list[CastVote]:
    """Return the `limit` newest votes on entries of known material, withdrawals included, newest first."""
    return [_vote(row) for row in sql.rows(f"{_VOTES} ORDER BY seq DESC LIMIT %s", [limit])]


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


_LISTS = (
    "SELECT id, name, owner_id, scheme, category, confidence, legal_basis, scope, sharing,"
    " description, version, changed_at FROM analyse_list"
)
_ListRow: TypeAlias = tuple[
    UUID, str, UUID | None, str, str, int, str, str, str, str, int, datetime
]


class ListState(Struct, frozen=True, kw_only=True):
    """A list of known material in its present state.

    `facts` are its name and metadata, `version` a number that grows with each change, `entries` the number of
    its values not withdrawn.
    """

    facts: ListFacts
    version: int
    changed_at: datetime
    entries: int

    @property
    def id(self) -> UUID:
        """The list's id."""
        return self.facts.id

    @property
    def name(self) -> str:
        """The list's name."""
        return self.facts.name


class ListedChange(Struct, frozen=True, kw_only=True):
    """A change of a list of known material, with its number in the order of all changes of lists.

    `added`, `changed` (in category or scope) and `withdrawn` are numbers of values. `actor_id` is its author,
    None if not recorded.
    """

    number: int
    list_id: UUID
    at: datetime
    actor_id: UUID | None
    added: int
    changed: int
    withdrawn: int


def list_lists() -> list[ListState]:
    """Return all lists of known material, sorted by name, with the number of their values not withdrawn."""
    given = sql.rows(
        "SELECT list_id, count(*) FROM analyse_entry WHERE withdrawn_at IS NULL GROUP BY list_id"
    )
    counts = dict(given)
    rows = sql.rows(_LISTS)
    found = [
        ListState(facts=facts, version=row[10], changed_at=row[11], entries=counts.get(facts.id, 0))
        for row, facts in zip(rows, _facts(rows), strict=True)
    ]
    return sorted(found, key=lambda state: alphabetical(state.facts.name))


def find_list(*, name: str) -> ListFacts | None:
    """Return the metadata of the list of known material with this name; None if there is none."""
    if not name.isprintable():
        return None
    return next(iter(_facts(sql.rows(f"{_LISTS} WHERE name = %s", [name]))), None)


def get_lists() -> dict[UUID, ListFacts]:
    """Return the metadata of all lists of known material, by list id."""
    return {facts.id: facts for facts in _facts(sql.rows(_LISTS))}


def list_changes(*, list_ids: Sequence[UUID] | None = None, limit: int) -> list[ListedChange]:
    """Return the `limit` newest changes of these lists of known material (None: of all), newest first."""
    found = sql.rows(
        "SELECT number, list_id, at, actor_id, added, changed, withdrawn FROM analyse_change"
        " WHERE %s::uuid[] IS NULL OR list_id = ANY(%s::uuid[]) ORDER BY number DESC LIMIT %s",
        [as_array(list_ids), as_array(list_ids), limit],
    )
    return [
        ListedChange(
            number=row[0],
            list_id=row[1],
            at=row[2],
            actor_id=row[3],
            added=row[4],
            changed=row[5],
            withdrawn=row[6],
        )
        for row in found
    ]


def _facts(rows: Sequence[_ListRow]) -> list[ListFacts]:
    attributes = [
        ListAttributes(
            owner_id=row[2],
            scheme=row[3],
            category=row[4],
            confidence=row[5],
            legal_basis=row[6],
            scope=MatchScope(row[7]),
            sharing=Sharing(row[8]),
            description=row[9],
        )
        for row in rows
    ]
    owners = {a.owner_id for a in attributes if a.owner_id}
    names = partner_names(partner_ids=owners) if owners else {}
    return [
        ListFacts(
            id=row[0],
            name=row[1],
            owner=names.get(said.owner_id, "") if said.owner_id else "",
            attributes=said,
        )
        for row, said in zip(rows, attributes, strict=True)
    ]


def as_array(ids: Sequence[UUID] | None) -> list[UUID] | None:
    """Return ids as an SQL array parameter; None becomes NULL."""
    return None if ids is None else list(ids)
