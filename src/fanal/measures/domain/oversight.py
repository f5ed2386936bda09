"""Oversight by the qualified person: sessions, samples, recommendations (LCEN art. 6-1). Pure.

The law gives no delay for the answer to a recommendation: the desk's own applies (`clocks.toml`, stage
ANSWER).
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.measures.domain.records import Request

PAUSE_AFTER = timedelta(minutes=45)
"""Continuous reading time after which a pause is proposed: a rule of the house, not of the law."""


class RecommendationKind(StrEnum):
    """The effect that the overseer recommends: to end the measure (a removal request), or to correct it."""

    END = "END"
    CORRECT = "CORRECT"


class AnswerVerdict(StrEnum):
    """The desk's answer to an overseer's recommendation: followed or declined."""

    FOLLOWED = "FOLLOWED"
    DECLINED = "DECLINED"


class MeasureLikeness(StrEnum):
    """The value that removal requests must share to be judged as a group, besides kind and articles of law.

    HOST: the same host; ADDRESSES: the same addresses; GROUND: nothing more.
    """

    HOST = "HOST"
    ADDRESSES = "ADDRESSES"
    GROUND = "GROUND"


class Happening(StrEnum):
    """The kinds of event in an oversight session, in which the overseer reviews a sample of removal requests.

    On a request: SEEN (opened), AGREED (no remark), RECOMMENDED; on the session: PAUSED, RESUMED, ENDED.
    """

    SEEN = "SEEN"
    AGREED = "AGREED"
    RECOMMENDED = "RECOMMENDED"
    PAUSED = "PAUSED"
    RESUMED = "RESUMED"
    ENDED = "ENDED"


class DeskAnswer(Struct, frozen=True, kw_only=True):
    """The desk's answer to an overseer's recommendation: verdict, reasons (`words`), author and date."""

    verdict: AnswerVerdict
    words: str
    person_id: UUID
    at: datetime


class Recommendation(Struct, frozen=True, kw_only=True):
    """A recommendation of the overseer on a removal request, with its reasons (`words`) and any answer.

    `measure_id` is the request, `due_at` the desk's own deadline for the answer; `answer` is None before it.
    """

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
    """An event in the record of an oversight session: its kind (`what`) and instant.

    `measure_id` is the removal request concerned, None for an event on the session itself.
    """

    what: Happening
    at: datetime
    measure_id: UUID | None = None


class Session(Struct, frozen=True, kw_only=True):
    """An oversight session: the overseer reviews a random sample of the removal requests ever sent.

    `population` is the number of requests from which the sample was drawn, `sample` holds their ids, `events`
    are those recorded so far.
    """

    id: UUID
    overseer_id: UUID
    started_at: datetime
    population: int
    sample: tuple[UUID, ...]
    events: tuple[SessionEvent, ...] = ()

    @property
    def ended_at(self) -> datetime | None:
        """The instant at which the session ended; None while it lasts."""
        return next((e.at for e in self.events if e.what is Happening.ENDED), None)

    @property
    def paused(self) -> bool:
        """Whether the overseer is on a pause."""
        stops = [e.what for e in self.events if e.what in {Happening.PAUSED, Happening.RESUMED}]
        return bool(stops) and stops[-1] is Happening.PAUSED

    def measures(self, what: Happening) -> tuple[UUID, ...]:
        """Return the ids of the removal requests with an event of kind `what`, each once, in order."""
        found = (e.measure_id for e in self.events if e.what is what and e.measure_id is not None)
        return tuple(dict.fromkeys(found))


def draw(*, population: Iterable[UUID], session_id: UUID, size: int) -> tuple[UUID, ...]:
    """Draw a reproducible random sample: return the ids of at most `size` removal requests.

    They are the first in the order of SHA-256(session id + measure id): the session's id and the population
    are enough to verify the sample.
    """

    def place(measure_id: UUID) -> bytes:
        return hashlib.sha256(session_id.bytes + measure_id.bytes).digest()

    return tuple(sorted(set(population), key=place)[:size])


def likeness_of(request: Request, alike: MeasureLikeness) -> tuple[str, ...]:
    """Return the grouping key of a removal request: two requests are alike exactly if their keys are equal.

    `alike` names the value to share; the key always includes kind, legal basis and offence, since a verdict
    concerns them too.
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
    """Return the start of the current reading time: the start of the session or the end of the last pause.

    Reading time is the time in an oversight session since then. A pause that has begun but not ended does not
    change the result.
    """
    resumed = [e.at for e in session.events if e.what is Happening.RESUMED]
    return max([session.started_at, *resumed])


def pause_due(session: Session, *, now: datetime) -> bool:
    """Return whether to propose a pause to the overseer at `now`: after 45 minutes of reading without one."""
    if session.paused or session.ended_at is not None:
        return False
    return now - reading_since(session) >= PAUSE_AFTER
