"""What a list of known material says of itself, what members say of its entries, and how entries changed."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

MAX_NAME: Final = 100
MAX_CODE: Final = 100
MAX_DESCRIPTION: Final = 2000


class Scope(StrEnum):
    """What a match with the list means."""

    MATCH = "MATCH"
    CLEAR = "CLEAR"
    """Known false alarms: what they match is silenced."""


class Sharing(StrEnum):
    """How far a list may be passed on. A standing instruction is needed besides (decisions 30)."""

    DESK = "DESK"
    AUTHORITIES = "AUTHORITIES"
    """To authorities of this and other countries, never to providers."""
    PARTNERS = "PARTNERS"
    """To authorities, and to the providers and bodies that are members of the indicator service."""


class Vote(StrEnum):
    """What a member or a person says of an entry."""

    UP = "UP"
    DOWN = "DOWN"
    TAKEN_BACK = "TAKEN_BACK"
    """Nothing any more; it has no reason and is never counted."""


class Voter(StrEnum):
    """Who votes: an organisation by its programs, or a person of the desk."""

    MEMBER = "MEMBER"
    PERSON = "PERSON"


VOTE_REASONS: Final[dict[Vote, tuple[str, ...]]] = {
    Vote.UP: ("CONFIRMED", "SEEN_BY_REVIEWER"),
    Vote.DOWN: ("NOT_ABUSE", "WRONG_CLASS", "WRONG_HASH", "COMMON_IMAGE", "OTHER"),
}
"""Reasons of each vote; their words are labels of kind `vote_reason`."""


class ListsRefused(ValueError):
    """A list, an entry or a vote cannot be so: `code` says why (labels of kind `lists_refused`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ListAttributes(Struct, frozen=True, kw_only=True):
    """What is said of a list as a whole.

    `owner_id` is the organisation whose list it is, None for the desk itself. `scheme` names the vocabulary
    of the entries' classes (as `harmonise.domain.data.bridge.toml` does), `category` is the class of entries
    that have none. `confidence` is 0 to 100 and scales the score of a match. `legal_basis` is the code of a
    `list_basis` of the reference data, or empty.
    """

    owner_id: UUID | None = None
    scheme: str = ""
    category: str = ""
    confidence: int = 100
    legal_basis: str = ""
    scope: Scope = Scope.MATCH
    sharing: Sharing = Sharing.PARTNERS
    description: str = ""


class ListFacts(Struct, frozen=True, kw_only=True):
    """A list as results cite it: its attributes with the owner's name (empty for the desk)."""

    id: UUID
    name: str
    owner: str = ""
    attributes: ListAttributes = ListAttributes()


class CastVote(Struct, frozen=True, kw_only=True):
    """One vote as it was cast; of those of one voter on one entry the last counts.

    `others` are the reasons beside the first; a vote that was taken back has none.
    """

    item_id: UUID
    kind: str
    voter: Voter
    voter_id: UUID
    vote: Vote
    reason: str
    others: tuple[str, ...] = ()
    voted_at: datetime

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every reason, in the order in which they were given."""
        return (self.reason, *self.others) if self.reason else ()


class Aside(Struct, frozen=True, kw_only=True):
    """An entry set aside since it matched many reports at once: how many, in how many hours, what rule."""

    since: datetime
    matched: int
    hours: int
    rule: str


class Standing(Struct, frozen=True, kw_only=True):
    """What is said of an entry beside its list: votes that count, the last one, whether it is set aside."""

    ups: int = 0
    downs: int = 0
    last: CastVote | None = None
    aside: Aside | None = None


class FeedPlace(Struct, frozen=True, kw_only=True, order=True):
    """A place in the feed of changes: everything up to it was read. Changes are numbered as they commit."""

    change: int
    item_id: UUID


class ChangedItem(Struct, frozen=True, kw_only=True):
    """An entry as it is now, at the place of its last change.

    `values` are its hashes or addresses in force by kind; a withdrawn entry (a tombstone) has those it lost.
    At `until` the last of them leaves, None where one of them has no end.
    """

    item_id: UUID
    list_id: UUID
    change: int
    changed_at: datetime
    added_at: datetime
    values: tuple[tuple[str, str], ...]
    classification: str
    scope: Scope
    withdrawn_at: datetime | None = None
    until: datetime | None = None


class Feed(Struct, frozen=True, kw_only=True):
    """A page of the feed; `next` is where the following one starts, None at the end for now."""

    items: tuple[ChangedItem, ...]
    next: FeedPlace | None


def check_attributes(name: str, attributes: ListAttributes) -> None:
    """Refuse a name or attributes that cannot be stored.

    Raises:
        ListsRefused: `NAME`, `CONFIDENCE` or `WORDS`.
    """
    if not 1 <= len(name.strip()) <= MAX_NAME or not name.isprintable():
        raise ListsRefused("NAME")
    if not 0 <= attributes.confidence <= 100:
        raise ListsRefused("CONFIDENCE")
    codes = (attributes.scheme, attributes.category, attributes.legal_basis)
    if any(len(code) > MAX_CODE or not code.isprintable() for code in codes):
        raise ListsRefused("WORDS")
    if len(attributes.description) > MAX_DESCRIPTION or "\0" in attributes.description:
        raise ListsRefused("WORDS")


def check_vote(vote: Vote, reasons: Sequence[str]) -> None:
    """Refuse reasons of which one is none of the vote's.

    Raises:
        ListsRefused: `VOTE_REASON`.
    """
    if not reasons or not set(reasons) <= set(VOTE_REASONS.get(vote, ())):
        raise ListsRefused("VOTE_REASON")
