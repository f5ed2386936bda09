"""`/api/v1/feedback`: the desk's feedback on a provider's own reports, sent under a standing instruction."""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.params.functions import Query

from fanal.api.v1.problems import ApiRefused, Problem
from fanal.orient import operations as orient
from fanal.orient.domain.feedback import FeedbackVerdict

router = Router(tags=["feedback"])
_MOST = 500
_AFTER = Query(None)


class FeedbackItem(Schema):
    """Feedback on one report; a later one on the same report replaces it. `lacks` names missing fields.

    `DUPLICATE` is a true one: the desk had the same file or the same event already. Reports that only share a
    value with an earlier one are no duplicates. `WITHDRAWN` takes back what was said before.
    """

    id: UUID
    report: UUID
    reference: str
    report_id: int | None
    """Report number in the NCMEC-compatible service (`/ispws`), None for other reports."""
    verdict: FeedbackVerdict
    lacks: list[str]
    given_at: datetime


class FeedbackPage(Schema):
    """A page, oldest first; `next` goes into `after`, and is null once nothing more waits."""

    items: list[FeedbackItem]
    next: UUID | None


@router.get(
    "/feedback",
    response={
        200: FeedbackPage,
        401: Problem,
        403: Problem,
        422: Problem,
        503: Problem,
    },
    summary="Feedback on your reports",
)
def feedback(
    request: HttpRequest,
    after: UUID | None = _AFTER,
    limit: int = Query(100, ge=1, le=_MOST),
) -> FeedbackPage:
    """Return feedback given after the one named by `after`: on your own reports only.

    403 where no standing instruction of the desk lets feedback leave to you: nothing is hidden by an
    empty page.
    """
    now = request.now  # type: ignore[attr-defined]
    actor = request.auth.actor  # type: ignore[attr-defined]
    try:
        found = orient.send_feedback(actor=actor, after=after, limit=limit + 1, now=now)
    except orient.NoInstruction:
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
