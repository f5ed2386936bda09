"""Periodic review of what is kept (directive (EU) 2016/680, article 5): states and records. Pure."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.kernel.states import StateTable, move


class ReviewState(StrEnum):
    """Where the review of a report stands. KEPT is DUE again after the months of its class."""

    DUE = "DUE"
    KEPT = "KEPT"
    END_PROPOSED = "END_PROPOSED"
    ENDED = "ENDED"


REVIEW_STATES: StateTable[ReviewState] = StateTable(
    name="review",
    initial=ReviewState.DUE,
    final=frozenset({ReviewState.ENDED}),
    transitions=(
        move("keep", {ReviewState.DUE, ReviewState.KEPT}, ReviewState.KEPT),
        move("end", {ReviewState.DUE, ReviewState.KEPT}, ReviewState.END_PROPOSED),
        move("refuse", {ReviewState.END_PROPOSED}, ReviewState.KEPT),
        move("agree", {ReviewState.END_PROPOSED}, ReviewState.ENDED),
    ),
)


class DueReview(Struct, frozen=True, kw_only=True):
    """A report to review, or one whose end waits for a second person (`review_id`, `proposed_by`).

    `since`: its last review, or its receipt where nobody has reviewed it.
    """

    report_id: UUID
    desk_id: int
    received_at: datetime
    since: datetime
    state: ReviewState
    review_id: UUID | None = None
    proposed_by: UUID | None = None
