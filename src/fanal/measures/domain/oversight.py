"""Oversight by the qualified person: sessions, samples, recommendations (LCEN art. 6-1). Pure.

The law gives no delay for answering a recommendation: the desk sets itself one (`clocks.toml`, stage ANSWER).
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.measures.domain.records import Request

PAUSE_AFTER = timedelta(minutes=45)
"""Continuous reading after which a pause is proposed: the desk's own rule, no legal one."""


class RecommendationKind(StrEnum):
    """What the overseer asks the desk to do with a measure."""

    END = "END"
    CORRECT = "CORRECT"


class AnswerVerdict(StrEnum):
    """What the desk does with a recommendation."""

    FOLLOWED = "FOLLOWED"
    DECLINED = "DECLINED"


class MeasureLikeness(StrEnum):
    """What measures must share to be judged together, beside what they ask and the article behind it."""

    HOST = "HOST"
    ADDRESSES = "ADDRESSES"
    GROUND = "GROUND"


class Happening(StrEnum):
    """What the record of a session holds."""

    SEEN = "SEEN"
    AGREED = "AGREED"
    RECOMMENDED = "RECOMMENDED"
    PAUSED = "PAUSED"
    RESUMED = "RESUMED"
    ENDED = "ENDED"


class DeskAnswer(Struct, frozen=True, kw_only=True):
    """The desk's answer to a recommendation."""

    verdict: AnswerVerdict
    words: str
    person_id: UUID
    at: datetime


class Recommendation(Struct, frozen=True, kw_only=True):
    """A recommendation on a measure. `due_at` is when the desk must have answered, by its own rule."""

    id: UUID
    measure_id: UUID
    desk_id: int
    kind: RecommendationKind
    words: str
    overseer_id: UUID
    made_at: datetime
    due_at: datetime
    answer: DeskAnswer | None = None


class SessionEvent(Struct, frozen=True, kw_only=True):
    """One line of a session's record."""

    what: Happening
    at: datetime
    measure_id: UUID | None = None


class Session(Struct, frozen=True, kw_only=True):
    """A session: the measures it drew among `population`, in order, and what happened."""

    id: UUID
    overseer_id: UUID
    started_at: datetime
    population: int
    sample: tuple[UUID, ...]
    events: tuple[SessionEvent, ...] = ()

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; None while it lasts."""
        return next((e.at for e in self.events if e.what is Happening.ENDED), None)

    @property
    def paused(self) -> bool:
        """Whether the overseer is on a pause."""
        stops = [e.what for e in self.events if e.what in {Happening.PAUSED, Happening.RESUMED}]
        return bool(stops) and stops[-1] is Happening.PAUSED

    def measures(self, what: Happening) -> tuple[UUID, ...]:
        """Return the measures to which `what` happened, each once, in order."""
        found = (e.measure_id for e in self.events if e.what is what and e.measure_id is not None)
        return tuple(dict.fromkeys(found))


def draw(*, population: Iterable[UUID], session_id: UUID, size: int) -> tuple[UUID, ...]:
    """Return `size` measures of `population` in the order of SHA-256(session id, measure id).

    Anybody who knows the session's id and the population draws the same sample again.
    """

    def place(measure_id: UUID) -> bytes:
        return hashlib.sha256(session_id.bytes + measure_id.bytes).digest()

    return tuple(sorted(set(population), key=place)[:size])


def likeness_of(request: Request, alike: MeasureLikeness) -> tuple[str, ...]:
    """Return what two requests have in common exactly when they look alike.

    Never host or addresses alone: a verdict is on what is asked, and on the article it rests on.
    """
    ground = (request.kind, request.basis, request.offence)
    match alike:
        case MeasureLikeness.HOST:
            return (*ground, request.host)
        case MeasureLikeness.ADDRESSES:
            return (*ground, *sorted(request.targets))
        case MeasureLikeness.GROUND:
            return ground


def reading_since(session: Session) -> datetime:
    """Return the start of the present stretch of reading: the session's, or the end of the last pause."""
    resumed = [e.at for e in session.events if e.what is Happening.RESUMED]
    return max([session.started_at, *resumed])


def pause_due(session: Session, *, now: datetime) -> bool:
    """Return whether a pause is to be proposed at `now`."""
    if session.paused or session.ended_at is not None:
        return False
    return now - reading_since(session) >= PAUSE_AFTER
