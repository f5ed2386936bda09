"""Immutable records of deconfliction: other organisations (counterparts), rounds of comparison, matches.

With them are the state tables of a round of private set intersection, for either side, and of a match.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from fanal.deconfliction.domain.limits import DAILY_POINTS, SharingLimits
from fanal.kernel.states import StateTable, move

# The error of every refused operation.


class Side(StrEnum):
    """The role of this desk in a round of private set intersection.

    OFFERING: it began the round. ANSWERING: the other organisation did.
    """

    OFFERING = "OFFERING"
    ANSWERING = "ANSWERING"


class MessageKind(StrEnum):
    """The kinds of messages in a round of private set intersection, in order.

    OFFER: the blinded set of the side that begins. ANSWER: that set blinded again, and the other side's.
    CONCLUSION: which identifiers both hold.
    """

    OFFER = "OFFER"
    ANSWER = "ANSWER"
    CONCLUSION = "CONCLUSION"


class RoundState(StrEnum):
    """The states of a round of private set intersection at this desk.

    OFFERED: we began it and wait for the answer. RECEIVED, ANSWERED: the other organisation began it, and its
    offer waits for our answer or has it. CONCLUDED, EXPIRED (out of time) and REFUSED (an invalid message)
    are final.
    """

    OFFERED = "OFFERED"
    RECEIVED = "RECEIVED"
    ANSWERED = "ANSWERED"
    CONCLUDED = "CONCLUDED"
    EXPIRED = "EXPIRED"
    REFUSED = "REFUSED"


OFFERING: Final = StateTable(
    name="deconfliction_offering",
    initial=RoundState.OFFERED,
    final=frozenset({RoundState.CONCLUDED, RoundState.EXPIRED, RoundState.REFUSED}),
    transitions=(
        move("conclude", [RoundState.OFFERED], RoundState.CONCLUDED),
        move("expire", [RoundState.OFFERED], RoundState.EXPIRED),
        move("refuse", [RoundState.OFFERED], RoundState.REFUSED),
    ),
)
"""State table of a round that this desk began."""

ANSWERING: Final = StateTable(
    name="deconfliction_answering",
    initial=RoundState.RECEIVED,
    final=frozenset({RoundState.CONCLUDED, RoundState.EXPIRED, RoundState.REFUSED}),
    transitions=(
        move("answer", [RoundState.RECEIVED], RoundState.ANSWERED),
        move("renew", [RoundState.ANSWERED], RoundState.RECEIVED),
        move("conclude", [RoundState.ANSWERED], RoundState.CONCLUDED),
        move("expire", [RoundState.RECEIVED, RoundState.ANSWERED], RoundState.EXPIRED),
        move("refuse", [RoundState.RECEIVED, RoundState.ANSWERED], RoundState.REFUSED),
    ),
)
"""State table of a round that a counterpart began."""

ROUNDS: Final = {Side.OFFERING: OFFERING, Side.ANSWERING: ANSWERING}


class HitState(StrEnum):
    """The states of a match (an identifier that both desks hold): how far people have dealt with it.

    NEW: nobody has yet. CONTACTED: the other desk was contacted. CLOSED: nothing more to do. REOPENED: it was
    closed, and a new report contains the identifier.
    """

    NEW = "NEW"
    CONTACTED = "CONTACTED"
    CLOSED = "CLOSED"
    REOPENED = "REOPENED"


HIT: Final = StateTable(
    name="deconfliction_hit",
    initial=HitState.NEW,
    final=frozenset(),
    transitions=(
        move("contact", [HitState.NEW, HitState.REOPENED], HitState.CONTACTED),
        move("close", [HitState.NEW, HitState.CONTACTED, HitState.REOPENED], HitState.CLOSED),
        move("reopen", [HitState.CLOSED], HitState.REOPENED),
    ),
)
"""State table of a match: people contact and close; a new report with the identifier reopens it."""


class NewCounterpart(Struct, frozen=True, kw_only=True):
    """A counterpart to register: an organisation with which identifiers are compared.

    `our_name`: its name for this desk. `contact`: whom to call there. `public_key`: its raw Ed25519 key,
    which signs its messages. `organisation_id`: the organisation whose programs may deliver its messages
    here. `url`: the address where ours are delivered, with `login` and a secret. Without either (None, ""),
    messages travel as files. `every_hours`: the interval between our rounds (comparisons). `daily_points`:
    the maximum number of points (blinded identifiers) that it may send in a day.
    """

    name: str
    our_name: str
    contact: str
    public_key: bytes
    organisation_id: UUID | None = None
    url: str = ""
    login: str = ""
    every_hours: int = 24
    daily_points: int = DAILY_POINTS


class Counterpart(NewCounterpart, frozen=True, kw_only=True):
    """A registered counterpart: an organisation with which identifiers are compared.

    `secret_id` is the id of the sealed password for its service, None without one. `keyed_at`: when its
    present key was registered; a standing instruction approved before does not cover it. `closed_at` is None
    while comparisons with it are possible. `limits` are the limits in force of the identifiers compared.
    """

    id: UUID
    secret_id: UUID | None
    added_at: datetime
    keyed_at: datetime
    closed_at: datetime | None
    limits: SharingLimits


class Round(Struct, frozen=True, kw_only=True):
    """A round of private set intersection with a counterpart (another organisation), seen from this desk.

    `side` says whether this desk began it. `instruction_id`: the standing instruction (a dated permission)
    that permits it. It ends at `expires_at` at the latest; `closed_at` is None while it is open. `held`:
    number of identifiers in our set, None before it is built. `shown`: number of points (blinded identifiers)
    of our set, padding included; `asked`: of their set. `met`: number of matches, None before the conclusion.
    `error`: code of a refusal, "" without.
    """

    id: UUID
    counterpart_id: UUID
    side: Side
    state: RoundState
    instruction_id: UUID
    started_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    held: int | None
    shown: int
    asked: int
    met: int | None
    error: str


class Withholding(Struct, frozen=True, kw_only=True):
    """A desk's decision whether a dossier's identifiers are withheld from comparisons with an organisation.

    `counterpart_id` is the organisation, None for all. `withheld` False ends the withholding. `author_id` and
    `made_at`: by whom and when; `words` is the reason, empty once expired or for another desk.
    """

    id: UUID
    dossier_id: UUID
    desk_id: int
    counterpart_id: UUID | None
    withheld: bool
    author_id: UUID
    made_at: datetime
    words: str


class CounterpartHit(Struct, frozen=True, kw_only=True):
    """A match: an identifier (by its selector `key`) that a counterpart (another organisation) also holds.

    `counterpart` is its name, `contact` whom to call there. `key` is derived from kind and value of the
    identifier, None once its reports have expired. `met_at` and `last_met_at`: the first and last comparison
    with this match; `changed_at`: its last change of `state`. `report_ids`: our reports with the identifier,
    at desks of the reader, newest first, 1,000 at most.
    """

    id: UUID
    counterpart_id: UUID
    counterpart: str
    contact: str
    key: UUID | None
    state: HitState
    met_at: datetime
    last_met_at: datetime
    changed_at: datetime
    report_ids: tuple[UUID, ...]


class HitStep(Struct, frozen=True, kw_only=True):
    """An event in the life of a match (an identifier that another organisation also holds).

    `move` is the transition (contact, close, reopen), `state` the state after it. `words` (the author's note)
    is empty once expired.
    """

    move: str
    state: HitState
    author_id: UUID
    at: datetime
    words: str


class Sign(Struct, frozen=True, kw_only=True):
    """A match as displayed on a report or dossier: an identifier that another organisation also holds.

    `hit_id` is the id of the match, `counterpart` the name of that organisation, `contact` whom to call
    there.
    """

    hit_id: UUID
    counterpart: str
    contact: str
    state: HitState
