"""Feedback to a provider about its report: a closed set of codes; no other content leaves the desk."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.harmonise.domain.quality import RULES
from fanal.kernel.refusal import Refusal
from fanal.orient.domain.records import Track


class FeedbackVerdict(StrEnum):
    """The desk's assessment of a report, for the provider that sent it.

    USEFUL: the desk acted on it. DUPLICATE: it repeats another report. LACKS_DATA: needed data are missing.
    """

    USEFUL = "USEFUL"
    DUPLICATE = "DUPLICATE"
    LACKS_DATA = "LACKS_DATA"
    WITHDRAWN = "WITHDRAWN"
    """Revokes an earlier DUPLICATE of a report no longer folded, or USEFUL of a decision undone."""


GIVEN = (FeedbackVerdict.USEFUL, FeedbackVerdict.DUPLICATE, FeedbackVerdict.LACKS_DATA)
"""The verdicts that a person can choose."""


class FeedbackOrigin(StrEnum):
    """Source of the feedback on a report.

    PERSON: somebody gave it. DECISION: it followed from a decision. FOLD: from duplicate detection.
    """

    PERSON = "PERSON"
    DECISION = "DECISION"
    FOLD = "FOLD"


FIELDS = tuple(part.code for part in RULES.part)
"""Codes of the data that a report can lack: the parts of its quality score."""


class Feedback(Struct, frozen=True, kw_only=True):
    """One feedback of the desk on a provider's report; the newest counts.

    `verdict` is the assessment, `origin` its source (a person, a decision or duplicate detection), `lacks`
    the codes of the missing data (`FIELDS`), only with LACKS_DATA. `reference` and `wire_id` are the sender's
    reference of its report and the report's number in the ISPWS interface, filled in for the sender only (""
    and None otherwise); `author_id` is filled in for the desk only, None if no person gave it.
    """

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
    """Check a person's feedback; return the codes of the missing data in standard order, each once.

    `lacks` are the codes (`FIELDS`) of data that the report should have had.

    Raises:
        Refusal: VERDICT: a person cannot choose it; UNKNOWN_FIELD (no such field); NO_FIELD: LACKS_DATA
            without any field; FIELDS_UNASKED: fields with another verdict.
    """
    if verdict not in GIVEN:
        raise Refusal("feedback", "VERDICT")
    if set(lacks) - set(FIELDS):
        raise Refusal("feedback", "UNKNOWN_FIELD")
    if verdict is FeedbackVerdict.LACKS_DATA and not lacks:
        raise Refusal("feedback", "NO_FIELD")
    if verdict is not FeedbackVerdict.LACKS_DATA and lacks:
        raise Refusal("feedback", "FIELDS_UNASKED")
    return tuple(code for code in FIELDS if code in lacks)


def of_decision(tracks: tuple[Track, ...]) -> FeedbackVerdict | None:
    """Return the verdict that follows from a decision's actions (tracks): USEFUL if the desk acts.

    A decision without action implies no verdict (None): only a person can give the reason.
    """
    acted = {Track.JUDICIAL, Track.MEASURES, Track.NOTICE, Track.ELSEWHERE}
    return FeedbackVerdict.USEFUL if acted & set(tracks) else None
