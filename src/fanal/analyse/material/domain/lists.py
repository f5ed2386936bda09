"""Lists of known material: items, metadata, votes on entries, and changes of entries."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from fanal.formats.csv_hashes import read_csv
from fanal.formats.indicators import HASH_DIGITS, MAX_CLASSIFICATION, Indicator, hash_value
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.harmonise.domain.values.urls import canonical_host, read_url, registrable_domain
from fanal.kernel.refusal import Refusal

# Items of a list of known material, from its CSV file or from an exchange format.

MAX_ADDRESS = 2000
ADDRESSES = frozenset({"URL", "HOST", "DOMAIN"})
HASHES = frozenset({*HASH_DIGITS, "PHOTODNA"})


class ListRefused(ValueError):
    """Error: the input is no valid list (line number and reason); nothing of it is loaded.

    `refusal` is the error of the format, if there is one: its code has texts in both languages.
    """

    def __init__(self, message: str, *, refusal: FormatRefused | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal


class Item(Struct, frozen=True, kw_only=True):
    """An item of a list of known material.

    `values` are its hashes or addresses by kind: `PDQ`, `MD5`, `SHA1`, `SHA256`, `PHOTODNA`, `URL`, `HOST`
    and `DOMAIN`. `classification` is its category in the list's vocabulary. `item_id` is set by a source with
    ids of its own (a partner's list that is fetched again), else None. From `until` on the values are no
    longer in force; None: no expiry.
    """

    values: dict[str, str]
    classification: str = ""
    item_id: UUID | None = None
    until: datetime | None = None


def read_list(lines: Iterable[str]) -> Iterator[Item]:
    """Yield the items of a CSV list; a line needs at least one hash, all other columns are optional.

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
    """Convert an indicator of an exchange format to an item, with its addresses in comparison form.

    Other formats call every host name a domain: a name below a registrable domain becomes a HOST here.

    Raises:
        FormatRefused: an address is invalid.
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
    """Validate an item that does not come from a CSV list, and return it.

    Raises:
        ListRefused: no value, a value that does not fit its kind, or a category that is too long.
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
    """Meaning of a match with a list: known material (MATCH), or a known false alarm (CLEAR)."""

    MATCH = "MATCH"
    CLEAR = "CLEAR"
    """Known false alarms, whose matches are silenced."""


class Sharing(StrEnum):
    """To whom a list may be passed on: nobody (DESK), authorities, or providers and organisations too.

    This is only the limit: each delivery also needs an instruction of the desk.
    """

    DESK = "DESK"
    AUTHORITIES = "AUTHORITIES"
    """To authorities of any country, never to providers."""
    PARTNERS = "PARTNERS"
    """To authorities, and to providers and organisations in the indicator service."""


class Vote(StrEnum):
    """A vote on a list entry, by a member organisation or a person.

    UP: the entry is confirmed. DOWN: it is wrong. TAKEN_BACK: the voter's earlier vote is withdrawn.
    """

    UP = "UP"
    DOWN = "DOWN"
    TAKEN_BACK = "TAKEN_BACK"
    """A withdrawn vote; it has no reason and is never counted."""


class Voter(StrEnum):
    """Kind of voter.

    MEMBER: an organisation that takes part in the exchange of lists, through its programs. PERSON: a person
    of the desk.
    """

    MEMBER = "MEMBER"
    PERSON = "PERSON"


VOTE_REASONS: Final[dict[Vote, tuple[str, ...]]] = {
    Vote.UP: ("CONFIRMED", "SEEN_BY_REVIEWER"),
    Vote.DOWN: ("NOT_ABUSE", "WRONG_CLASS", "WRONG_HASH", "COMMON_IMAGE", "OTHER"),
}
"""Reasons of each vote; their texts are labels of kind `vote_reason`."""


class ListAttributes(Struct, frozen=True, kw_only=True):
    """Metadata of a list of known material.

    `owner_id` is the owning organisation, None for the desk itself. `scheme` names the vocabulary of the
    entries' categories (as in `harmonise/domain/data/bridge.toml`), `category` the default category.
    `confidence` is 0 to 100 and scales the score of a match. `legal_basis` is a `list_basis` code of the
    reference data, or empty. `sharing`: to whom the list may be passed on. `scope`: known material or known
    false alarms; `description` is for people.
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
    """A list of known material as results cite it.

    `owner` is the name of the owning organisation, empty for the desk itself; `attributes` are the list's
    metadata.
    """

    id: UUID
    name: str
    owner: str = ""
    attributes: ListAttributes = ListAttributes()


class CastVote(Struct, frozen=True, kw_only=True):
    """A vote as cast on a list entry (item `item_id`); only a voter's last vote on an entry counts.

    `voter` is the kind of voter, `voter_id` the id of the organisation or person. `kind` limits the vote to a
    kind of hash or address of the entry, "" for all. `reason` is the code of the first reason, `others` are
    those of further ones; a withdrawn vote has none.
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
        """All reasons (codes) for the vote, in the order given."""
        return (self.reason, *self.others) if self.reason else ()


class Aside(Struct, frozen=True, kw_only=True):
    """A suspension of a list entry by the match-rate circuit breaker, in force since the instant `since`.

    The cause: `matched` reports matched the entry within `hours` hours; `rule` is the id of the
    `material_rule` (reference data) that set the limit.
    """

    since: datetime
    matched: int
    hours: int
    rule: str


class EntryStanding(Struct, frozen=True, kw_only=True):
    """The votes on a list entry that count, and its suspension.

    `ups` and `downs` are the numbers of votes for and against it, `last` is the newest vote. `aside` is its
    suspension by the match-rate circuit breaker, None if it is not suspended.
    """

    ups: int = 0
    downs: int = 0
    last: CastVote | None = None
    aside: Aside | None = None


class FeedPlace(Struct, frozen=True, kw_only=True, order=True):
    """A position in the feed of changes of the lists: everything up to it was read.

    `change` is the number of the last change read, `item_id` the last item read within it. Changes commit in
    the order of their numbers.
    """

    change: int
    item_id: UUID


class ChangedItem(Struct, frozen=True, kw_only=True):
    """A list entry (item) in its present state, as the feed of changes gives it at its last change.

    `change` is the number of that change. `values` are its hashes or addresses in force as (kind, value); for
    a withdrawn entry (a tombstone), those of the withdrawal. `classification` is its category in the list's
    vocabulary. `until` is the last expiry of its values, None if one of them has none. `scope`: known
    material, or known false alarms.
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
    """A page of the change feed of the lists of known material: entries (`items`) in the order of the feed.

    `next` is the position of the following page, None at the present end.
    """

    items: tuple[ChangedItem, ...]
    next: FeedPlace | None


def check_attributes(name: str, attributes: ListAttributes) -> None:
    """Validate the name and the metadata of a list of known material.

    Raises:
        Refusal: `NAME`: empty, too long or unprintable; `CONFIDENCE`: not 0 to 100; `WORDS`: a code or
            the description is too long or has a forbidden character.
    """
    if not 1 <= len(name.strip()) <= MAX_NAME or not name.isprintable():
        raise Refusal("lists", "NAME")
    if not 0 <= attributes.confidence <= 100:
        raise Refusal("lists", "CONFIDENCE")
    codes = (attributes.scheme, attributes.category, attributes.legal_basis)
    if any(len(code) > MAX_CODE or not code.isprintable() for code in codes):
        raise Refusal("lists", "WORDS")
    if len(attributes.description) > MAX_DESCRIPTION or "\0" in attributes.description:
        raise Refusal("lists", "WORDS")


def check_vote(vote: Vote, reasons: Sequence[str]) -> None:
    """Validate the reasons of a vote: at least one, all allowed for this vote.

    Raises:
        Refusal: `VOTE_REASON`: no reason, or one that this vote does not allow.
    """
    if not reasons or not set(reasons) <= set(VOTE_REASONS.get(vote, ())):
        raise Refusal("lists", "VOTE_REASON")
