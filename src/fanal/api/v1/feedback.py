"""`/api/v1/feedback`: the desk's feedback on a provider's own reports, sent under a standing instruction."""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema
from ninja.params.functions import Query

from fanal.api.v1.problems import ApiRefused, Problem
from fanal.orient.feedback.domain import FeedbackVerdict
from fanal.orient.feedback.operations import NoInstruction, send_feedback

router = Router(tags=["feedback"])
_MOST = 500
_AFTER = Query(None, description="Identifier of the last feedback that you have read.")
_LIMIT = Query(100, ge=1, le=_MOST, description="Number of items of the page, at most.")


class FeedbackItem(Schema):
    """Feedback of the desk on one report; later feedback on the same report replaces it."""

    id: UUID = Field(description="Identifier of the feedback (UUID).")
    report: UUID = Field(description="Identifier of the report at the desk (UUID).")
    reference: str = Field(description="Your own reference of the report.")
    report_id: int | None = Field(
        description="Report number in the NCMEC-compatible service (`/ispws`); null for reports of this API."
    )
    verdict: FeedbackVerdict = Field(
        description="USEFUL; DUPLICATE: the desk already had the same file or event, not merely a shared"
        " value; LACKS_DATA: see `lacks`; WITHDRAWN: earlier feedback no longer applies."
    )
    lacks: list[str] = Field(
        description="Codes of the missing data, such as `ADDRESS_PORT`; empty unless the verdict is"
        " LACKS_DATA."
    )
    given_at: datetime = Field(
        description="Time at which the desk gave the feedback (RFC 3339, UTC)."
    )


class FeedbackPage(Schema):
    """A page of feedback, oldest first."""

    items: list[FeedbackItem] = Field(description="Feedback given after the item named by `after`.")
    next: UUID | None = Field(
        description="Value of `after` for the next page; null on the last page."
    )


@router.get(
    "/feedback",
    response={
        200: FeedbackPage,
        401: Problem,
        403: Problem,
        422: Problem,
        503: Problem,
    },
    summary="Read the feedback on your reports",
)
def feedback(
    request: HttpRequest,
    after: UUID | None = _AFTER,
    limit: int = _LIMIT,
) -> FeedbackPage:
    """Return the feedback on your own reports given after the item named by `after`.

    403 when no standing instruction of the desk permits sending you feedback: an empty page always means
    that there is none.
    """
    now = request.now  # type: ignore[attr-defined]
    actor = request.auth.actor  # type: ignore[attr-defined]
    try:
        found = send_feedback(actor=actor, after=after, limit=limit + 1, now=now)
    except NoInstruction:
        raise ApiRefused(403, "NO_INSTRUCTION") from None
    shown = found[:limit]
    return FeedbackPage(
        items=[
            FeedbackItem(
                id=item.id,
                report=item.report_id,
                reference=item.reference,
                report_id=item.wire_id,
                verdict=item.verdict,
                lacks=list(item.lacks),
                given_at=item.given_at,
            )
            for item in shown
        ],
        next=shown[-1].id if len(found) > limit else None,
    )
