"""What de-confliction stores and shows: frozen records, no database."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.deconfliction.domain.limits import DAILY_POINTS, SharingLimits
from fanal.deconfliction.domain.states import HitState, RoundState, Side


class NewCounterpart(Struct, frozen=True, kw_only=True):
    """A body to open rounds with: how it signs, how it knows us, whom to call there.

    `organisation_id` is the body whose programs may hand in its messages here; `url` is where ours are handed
    in there, with `login` and a secret. Without either, messages go as files.
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
    """A counterpart as it stands, with the limits in force."""

    id: UUID
    secret_id: UUID | None
    added_at: datetime
    closed_at: datetime | None
    limits: SharingLimits


class Round(Struct, frozen=True, kw_only=True):
    """A round at this desk.

    `held` identifiers entered our set, which showed `shown` points, filled up; theirs showed `asked`.
    `met` is how many met, None before the conclusion.
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
    """What a desk said of a dossier: withheld or not, from one counterpart or (None) from all."""

    id: UUID
    dossier_id: UUID
    desk_id: int
    counterpart_id: UUID | None
    withheld: bool
    author_id: UUID
    made_at: datetime
    words: str


class CounterpartHit(Struct, frozen=True, kw_only=True):
    """An identifier that a counterpart holds too; `key` is None once its reports have expired."""

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
    """What happened to a hit; `words` are empty once they have expired."""

    move: str
    state: HitState
    author_id: UUID
    at: datetime
    words: str


class Sign(Struct, frozen=True, kw_only=True):
    """What a report or a dossier shows of a hit: another body works on it, and whom to call there."""

    hit_id: UUID
    counterpart: str
    contact: str
    state: HitState
