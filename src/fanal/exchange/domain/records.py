"""Immutable records of the exchange, stored and displayed: feed rows, grants, list sources, checkpoints."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.accounts.domain.instructions import StandingInstruction
from fanal.analyse.material.domain.lists import CastVote, ChangedItem, ListFacts
from fanal.exchange.domain.feed import Cursor, OpenList


class Service(StrEnum):
    """The protocols by which lists are served to and fetched from organisations.

    HASHSHARING: NCMEC's hash-sharing protocol, version 2 (XML). TAXII: TAXII 2.1 with STIX indicators (JSON).
    """

    HASHSHARING = "HASHSHARING"
    TAXII = "TAXII"


class FeedRow(Struct, frozen=True, kw_only=True):
    """A change of a list entry (`item_id`) in the feed, as one reader sees it.

    A place is the number of a change. `row` is the change's own place, `place` the place where the reader
    finds it, `at` the time of `place`; `view` is the index of its list among the requested lists.
    """

    place: int
    row: int
    list_id: UUID
    item_id: UUID
    at: datetime
    view: int = 0


class GrantState(StrEnum):
    """Whether an organisation may read a list: OPEN, CLOSED (revoked), PAUSED (no standing instruction)."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    """The list may no longer be shared with the member: its items are deleted there by tombstones."""
    PAUSED = "PAUSED"
    """No standing instruction is in force: nothing is served, not even tombstones."""


class Grant(Struct, frozen=True, kw_only=True):
    """Whether a member organisation may read a list (`state`), and since when.

    `since` is the place of the feed (the number of a change) at which this state began, `at` the instant.
    """

    state: GrantState
    since: int
    at: datetime


class FormerOwner(Struct, frozen=True, kw_only=True):
    """A former owner of a list: `owner_id` (None: the desk) owned it up to `place` of the feed.

    A place is the number of a change.
    """

    list_id: UUID
    place: int
    owner_id: UUID | None


class SharedList(Struct, frozen=True, kw_only=True):
    """A list served to a member organisation or revoked from it, with the instruction that permits this.

    `facts` are its metadata. `open` says from which place of the feed the member reads it, and whether it was
    revoked (`open.gone`). `instruction` is the standing instruction. Organisations in `former_owners` owned
    it before (None: the desk); where the list is served as a whole, its entries are deleted under each of
    them.
    """

    facts: ListFacts
    open: OpenList
    instruction: StandingInstruction
    former_owners: tuple[UUID | None, ...] = ()

    @property
    def id(self) -> UUID:
        """The id of the list."""
        return self.facts.id


class MemberReading(Struct, frozen=True, kw_only=True):
    """The progress of a member organisation in reading our lists over a protocol (`service`).

    `partner_id` is the member. `list_id` is None if the protocol reads all lists together. `last_seq`: the
    last place (number of a change) of the feed read; `completed_at`: when the member last read to the end;
    `responses` and `entries`: numbers of answers and of entries in them; `error`: the code of its last
    refused request.
    """

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
    """A partner's service from which a list is fetched; over TAXII, from its `collection`.

    `list_id` is the list of ours that receives the entries. The secret for `login` is sealed in the vault
    (`secret_id`, else None), or in a local file (`secret_file`, its path). `every_minutes` is the interval of
    scheduled fetches, `enabled` whether there are any.
    """

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
    """The progress of fetching from a source (a partner's list).

    `position`: where the next page begins, in the form of the protocol. `turn` grows with each page, so two
    fetchers cannot store the same page. `pages` counts the fetched pages, `taken` and `withdrawn` entries.
    `page_at`: when a page was last stored; `completed_at`: when the last page was reached; `tried_at`: the
    last attempt. `error` is the code of the last failure, at `error_at`. Instants are None and texts ""
    before.
    """

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


def next_fetch(source: ListSource, held: FetchCheckpoint) -> datetime | None:
    """Return when the next scheduled fetch of a source is due, by its checkpoint; None for at once.

    After its interval; at once if it was never fetched, or if the last fetch ended early without a failure.
    """
    last = held.tried_at if held.error or held.page_at == held.completed_at else None
    return None if last is None else last + timedelta(minutes=source.every_minutes)


class RemoteEntry(Struct, frozen=True, kw_only=True):
    """An entry of a partner's list, in any protocol: its key at the partner, and its present content.

    `values` are (kind, value) pairs of the kinds that our lists support (hashes, addresses); a withdrawn
    entry has `deleted` true and no values. `classification` is `SCHEME:CODE`, "" without one. `at` is the
    partner's own date of the change, None if it states none: pages may come in any order. `until` is the end
    of its validity, None without one.
    """

    key: str
    values: tuple[tuple[str, str], ...]
    classification: str = ""
    deleted: bool = False
    at: datetime | None = None
    until: datetime | None = None


class TakenEntry(Struct, frozen=True, kw_only=True):
    """A partner's list entry as last stored here.

    `remote` is its key at the partner, `item_id` the id of our item. `held` are its values as `KIND:value`,
    empty once withdrawn; `classification` is `SCHEME:CODE`, "" without. `at` is the partner's date of the
    change, `until` the end of validity.
    """

    remote: str
    item_id: UUID
    held: tuple[str, ...]
    classification: str
    at: datetime | None = None
    until: datetime | None = None


class RemotePage(Struct, frozen=True, kw_only=True):
    """A page fetched from a partner's service: its list entries, and the position of the next page.

    `finished`: it was the last page for now.
    """

    entries: tuple[RemoteEntry, ...]
    position: str
    finished: bool


class SharedItem(Struct, frozen=True, kw_only=True):
    """A list entry as served to an organisation: its hashes by kind, empty if deleted, and the valid votes.

    `row` is the change that is served, `item` the entry's present state, `shared` its list. `hashes` maps
    PDQ, MD5, SHA1, SHA256 to values.
    """

    row: FeedRow
    shared: SharedList
    item: ChangedItem
    hashes: dict[str, str]
    votes: tuple[CastVote, ...] = ()

    @property
    def is_gone(self) -> bool:
        """Whether readers must delete the entry: it is withdrawn, suspended, or a known false alarm."""
        return not self.hashes

    @property
    def gone_under(self) -> tuple[UUID | None, ...]:
        """The former owners of the list (None: the desk) in whose name its reader holds the entry.

        The reader, a member organisation, must delete the entry there too. The result is empty unless the
        list is served as a whole.
        """
        whole = self.row.place == self.shared.open.since
        return self.shared.former_owners if whole else ()


class SharedPage(Struct, frozen=True, kw_only=True):
    """The list entries (`items`) of one response to a member organisation.

    They go up to place `last` of the feed (the number of a change). `next` is the cursor of the following
    page, None at the end of the range.
    """

    items: tuple[SharedItem, ...]
    last: int
    next: Cursor | None
