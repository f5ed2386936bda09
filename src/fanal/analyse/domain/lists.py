"""What a list of known material says of itself, what members say of its entries, and how entries changed."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from fanal.formats.csv_hashes.read import read_csv
from fanal.formats.indicators import HASH_DIGITS, MAX_CLASSIFICATION, Indicator, hash_value
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.harmonise.domain.hosts import canonical_host, registrable_domain
from fanal.harmonise.domain.urls import read_url

# Items of a list of known material: from its CSV file, and from the formats that others exchange.

MAX_ADDRESS = 2000
ADDRESSES = frozenset({"URL", "HOST", "DOMAIN"})
HASHES = frozenset({*HASH_DIGITS, "PHOTODNA"})


class ListRefused(ValueError):
    """What came cannot be read as a list: line number and reason. Nothing of it is loaded.

    `refusal` is the format's own where there is one: its code has words in both languages.
    """

    def __init__(self, message: str, *, refusal: FormatRefused | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal


class Item(Struct, frozen=True, kw_only=True):
    """One line: its hashes by kind (`PDQ`, `MD5`, `SHA1`, `SHA256`, `PHOTODNA`) or addresses, and its class.

    `item_id` is set by who knows the item by an id of their own (a partner's list that is fetched again).
    From `until` on its values hold no more, None where nobody said so.
    """

    values: dict[str, str]
    classification: str = ""
    item_id: UUID | None = None
    until: datetime | None = None


def read_list(lines: Iterable[str]) -> Iterator[Item]:
    """Yield the items of a CSV file; any column but one hash may be missing or empty.

    Raises:
        ListRefused: no header, an unknown column, a malformed hash, or a line without a hash.
    """
    try:
        for found in read_csv(lines):
            yield Item(values=found.values, classification=found.classification)
    except FormatRefused as refusal:
        said = f"{refusal.path}: {refusal.code}"
        raise ListRefused(said, refusal=refusal) from None


def item_of(found: Indicator) -> Item:
    """Return the item that an indicator of another format is, its addresses in the form that is compared.

    Others call every name of a host a domain: one below a registrable domain is a HOST here.

    Raises:
        FormatRefused: an address is none.
    """
    values: dict[str, str] = {}
    for kind, value in found.values.items():
        if kind not in ADDRESSES:
            values[kind] = value
            continue
        place, listed = _address(kind, value)
        if not listed or not _is_address(listed):
            path = f"{found.line}: {kind}"
            raise FormatRefused(DocumentFault.WRONG_TYPE, path, parameters={"expected": kind})
        values[place] = listed
    return Item(values=values, classification=found.classification, until=found.until)


def _address(kind: str, value: str) -> tuple[str, str | None]:
    if kind == "URL":
        return kind, read_url(value).key
    host = canonical_host(value)
    below = kind == "DOMAIN" and host is not None and registrable_domain(host) != host
    return ("HOST" if below else kind), host


def check_item(item: Item) -> Item:
    """Return an item that came from elsewhere than a file of ours.

    Raises:
        ListRefused: it has no value, one that is not of its kind, or too long a class.
    """
    if not item.values:
        raise ListRefused("an item has no value")
    for kind, value in item.values.items():
        fits = _is_address(value) if kind in ADDRESSES else _is_hash(kind, value)
        if not fits:
            raise ListRefused(f"{kind} does not hold {value[:80]!r}")
    if len(item.classification) > MAX_CLASSIFICATION or "\0" in item.classification:
        raise ListRefused(f"classification over {MAX_CLASSIFICATION} characters")
    return item


def _is_hash(kind: str, value: str) -> bool:
    return kind in HASHES and hash_value(kind, value) == value


def _is_address(value: str) -> bool:
    return 0 < len(value) <= MAX_ADDRESS and value.isprintable()


MAX_NAME: Final = 100
MAX_CODE: Final = 100
MAX_DESCRIPTION: Final = 2000


class MatchScope(StrEnum):
    """What a match with the list means."""

    MATCH = "MATCH"
    CLEAR = "CLEAR"
    """Known false alarms: what they match is silenced."""


class Sharing(StrEnum):
    """How far a list may be passed on. A standing instruction is needed besides."""

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
    scope: MatchScope = MatchScope.MATCH
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


class EntryStanding(Struct, frozen=True, kw_only=True):
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
    scope: MatchScope
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
