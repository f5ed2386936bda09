"""What the exchange of lists stores and shows: frozen records, no database."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.accounts.domain.instructions import StandingInstruction
from fanal.analyse.domain.lists import CastVote, ChangedItem, ListFacts
from fanal.exchange.domain.feed import Cursor, OpenList


class Service(StrEnum):
    """The two protocols, on both sides."""

    HASHSHARING = "HASHSHARING"
    TAXII = "TAXII"


class FeedRow(Struct, frozen=True, kw_only=True):
    """An item at its place for a reader: `row` is its own place, `at` the time of the place shown.

    `view` is the place of its list among those that were asked for.
    """

    place: int
    row: int
    list_id: UUID
    item_id: UUID
    at: datetime
    view: int = 0


class GrantState(StrEnum):
    """How a list stands for a member that could read it."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    """The list may not be passed on to it any more: what it was told is taken back."""
    PAUSED = "PAUSED"
    """No standing instruction is in force: nothing goes out, a tombstone neither."""


class Grant(Struct, frozen=True, kw_only=True):
    """A list for a member: its state, the place and the time since which it is in it."""

    state: GrantState
    since: int
    at: datetime


class FormerOwner(Struct, frozen=True, kw_only=True):
    """Whose a list was up to a place; None is the desk."""

    list_id: UUID
    place: int
    owner_id: UUID | None


class SharedList(Struct, frozen=True, kw_only=True):
    """A list that a member may read now, or is to forget (`open.gone`), and the instruction under which.

    `former_owners` had it before it came to stand so: where it is told whole, it is gone under each of them.
    """

    facts: ListFacts
    open: OpenList
    instruction: StandingInstruction
    former_owners: tuple[UUID | None, ...] = ()

    @property
    def id(self) -> UUID:
        """The list's id."""
        return self.facts.id


class MemberReading(Struct, frozen=True, kw_only=True):
    """How far a member has read over a service (and in which list, where it reads one)."""

    partner_id: UUID
    service: Service
    list_id: UUID | None
    first_at: datetime
    last_at: datetime
    last_seq: int
    completed_at: datetime | None
    responses: int
    entries: int
    error: str
    error_at: datetime | None


class ListSource(Struct, frozen=True, kw_only=True):
    """Where a list is fetched from. The secret is sealed in the vault, or stands in a file of the machine."""

    id: UUID
    name: str
    kind: Service
    url: str
    list_id: UUID
    collection: str = ""
    login: str = ""
    secret_id: UUID | None = None
    secret_file: str = ""
    every_minutes: int = 60
    enabled: bool = True
    added_at: datetime


class FetchCheckpoint(Struct, frozen=True, kw_only=True):
    """How far a source was fetched. `turn` grows with each page: two fetchers cannot take the same one."""

    position: str = ""
    turn: int = 0
    pages: int = 0
    taken: int = 0
    withdrawn: int = 0
    page_at: datetime | None = None
    completed_at: datetime | None = None
    tried_at: datetime | None = None
    error: str = ""
    error_at: datetime | None = None


class RemoteEntry(Struct, frozen=True, kw_only=True):
    """An entry of a partner's list, whatever the protocol: its key there, and what it holds now.

    `values` are (kind, value) pairs of the kinds that lists hold; none, and `deleted`, when it was withdrawn.
    `at` is when the partner says that it changed, where it does: pages come in any order. `until` is from
    when on it holds no more.
    """

    key: str
    values: tuple[tuple[str, str], ...]
    classification: str = ""
    deleted: bool = False
    at: datetime | None = None
    until: datetime | None = None


class TakenEntry(Struct, frozen=True, kw_only=True):
    """An entry of a source as taken last: our item, its values as `KIND:value`, none once it is gone."""

    remote: str
    item_id: UUID
    held: tuple[str, ...]
    classification: str
    at: datetime | None = None
    until: datetime | None = None


class RemotePage(Struct, frozen=True, kw_only=True):
    """A page of a source: its entries, where the next one begins, and whether this was the last for now."""

    entries: tuple[RemoteEntry, ...]
    position: str
    finished: bool


class SharedItem(Struct, frozen=True, kw_only=True):
    """An item as members get it: its hashes by kind, none when it is gone, and the votes that count."""

    row: FeedRow
    shared: SharedList
    item: ChangedItem
    hashes: dict[str, str]
    votes: tuple[CastVote, ...] = ()

    @property
    def is_gone(self) -> bool:
        """Whether members must forget it: withdrawn, set aside, or known as a false alarm."""
        return not self.hashes

    @property
    def gone_under(self) -> tuple[UUID | None, ...]:
        """Former owners of the list under whom the item is to be forgotten besides."""
        whole = self.row.place == self.shared.open.since
        return self.shared.former_owners if whole else ()


class SharedPage(Struct, frozen=True, kw_only=True):
    """What one response holds; `next` is where the following one begins, None at the end of the range."""

    items: tuple[SharedItem, ...]
    last: int
    next: Cursor | None
