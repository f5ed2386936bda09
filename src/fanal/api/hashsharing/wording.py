"""What the service says of items: members by number, votes with their reasons, codes for identifiers."""

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from fanal import reference
from fanal.accounts.domain.records import PartnerIdentity
from fanal.analyse.domain.lists import VOTE_REASONS, CastVote, Vote, Voter
from fanal.exchange import operations, queries
from fanal.exchange.domain.records import SharedItem
from fanal.formats.hashsharing import records as wire

_REASON_IDS: Final = {
    code: str(uuid5(NAMESPACE_URL, f"urn:fanal:vote-reason:{code}"))
    for code in VOTE_REASONS[Vote.DOWN]
}
_CODES: Final = {identifier: code for code, identifier in _REASON_IDS.items()}
REASONS: Final = tuple(
    wire.Reason(id=identifier, name=reference.label("vote_reason", code, "en"))
    for code, identifier in _REASON_IDS.items()
)
"""The reasons against a fingerprint, as members are offered them; the service speaks English."""
_NAMES: Final = {reason.id: reason.name for reason in REASONS}


def reason_code(identifier: str) -> str:
    """Return the code of a reason's identifier, empty for one that was never offered."""
    return _CODES.get(identifier.strip().lower(), "")


def page_of(
    identity: PartnerIdentity, items: Sequence[SharedItem], *, following: str
) -> wire.EntriesPage:
    """Return a page of items as the wire says it."""
    return wire.EntriesPage(entries=tuple(entries_of(identity, items)), next=following)


def entries_of(
    identity: PartnerIdentity, items: Sequence[SharedItem]
) -> Iterator[wire.SharedEntry]:
    """Yield the entries of items: the owner of the list is the member whose they are."""
    bodies = {item.shared.facts.attributes.owner_id for item in items}
    bodies |= {former for item in items for former in item.gone_under}
    bodies |= {v.voter_id for item in items for v in item.votes if v.voter is Voter.MEMBER}
    numbers = operations.member_numbers(actor=identity.actor, organisation_ids=bodies)
    names = queries.member_names(organisation_ids=bodies)
    members = {i: wire.Member(id=numbers[i], name=names[i]) for i in (*bodies, None)}
    for item in items:
        yield wire.SharedEntry(
            id=str(item.item.item_id),
            member=members[item.shared.facts.attributes.owner_id],
            at=item.row.at,
            deleted=item.is_gone,
            classification=item.item.classification or item.shared.facts.attributes.category,
            fingerprints={kind.lower(): value for kind, value in item.hashes.items()},
            votes=tuple(_votes(item.votes, members)) if item.hashes else (),
        )
        for former in item.gone_under:
            yield wire.SharedEntry(
                id=str(item.item.item_id), member=members[former], at=item.row.at, deleted=True
            )


def _votes(
    votes: Sequence[CastVote], members: dict[UUID | None, wire.Member]
) -> Iterator[wire.Vote]:
    """Yield votes, those against once for each reason; the desk's people vote as the desk."""
    for vote in votes:
        reasons = vote.reasons if vote.vote is Vote.DOWN else ("",)
        for identifier in (_REASON_IDS.get(reason, "") for reason in reasons):
            yield wire.Vote(
                member=members[vote.voter_id if vote.voter is Voter.MEMBER else None],
                kind=vote.kind.lower(),
                at=vote.voted_at,
                reason=identifier,
                reason_name=_NAMES.get(identifier, ""),
            )
