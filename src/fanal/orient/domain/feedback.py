"""Feedback on a provider's report: a closed set of words that can leave the desk, and nothing else."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.harmonise.domain.quality import RULES
from fanal.orient.domain.records import Track


class FeedbackVerdict(StrEnum):
    """What the desk says of a report to whoever sent it."""

    USEFUL = "USEFUL"
    DUPLICATE = "DUPLICATE"
    LACKS_DATA = "LACKS_DATA"
    WITHDRAWN = "WITHDRAWN"
    """What a fold said before holds no longer."""


GIVEN = (FeedbackVerdict.USEFUL, FeedbackVerdict.DUPLICATE, FeedbackVerdict.LACKS_DATA)
"""What a person can say."""


class FeedbackOrigin(StrEnum):
    """Whose word it is."""

    PERSON = "PERSON"
    DECISION = "DECISION"
    FOLD = "FOLD"


FIELDS = tuple(part.code for part in RULES.part)
"""What a report can lack: the parts of its quality."""


class FeedbackRefused(ValueError):
    """A feedback makes no sense; `code` says why (label kind `feedback_refused`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Feedback(Struct, frozen=True, kw_only=True):
    """One feedback; the newest of a report counts. `lacks` names what is missing, by its code."""

    id: UUID
    report_id: UUID
    verdict: FeedbackVerdict
    lacks: tuple[str, ...]
    given_at: datetime
    origin: FeedbackOrigin = FeedbackOrigin.PERSON
    author_id: UUID | None = None
    reference: str = ""
    wire_id: int | None = None


def checked_lacks(verdict: FeedbackVerdict, lacks: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is lacking in the order of the parts, each once, of what a person says.

    Raises:
        FeedbackRefused: VERDICT, none that a person can say; UNKNOWN_FIELD; NO_FIELD where data lack and
            none is named; FIELDS_UNASKED where another verdict names some.
    """
    if verdict not in GIVEN:
        raise FeedbackRefused("VERDICT")
    if set(lacks) - set(FIELDS):
        raise FeedbackRefused("UNKNOWN_FIELD")
    if verdict is FeedbackVerdict.LACKS_DATA and not lacks:
        raise FeedbackRefused("NO_FIELD")
    if verdict is not FeedbackVerdict.LACKS_DATA and lacks:
        raise FeedbackRefused("FIELDS_UNASKED")
    return tuple(code for code in FIELDS if code in lacks)


def of_decision(tracks: tuple[Track, ...]) -> FeedbackVerdict | None:
    """Return what a decision says of a report by itself: one that is acted upon was useful.

    A report without any action gets no verdict by itself: why is a person's to say.
    """
    acted = {Track.JUDICIAL, Track.MEASURES, Track.NOTICE, Track.ELSEWHERE}
    return FeedbackVerdict.USEFUL if acted & set(tracks) else None
