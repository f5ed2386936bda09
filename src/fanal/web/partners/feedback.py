"""The desk's feedback on a partner's own reports, shown under a standing instruction only."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from fanal.accounts.routes import needs
from fanal.kernel.actors import Actor
from fanal.orient import operations as orient
from fanal.orient.domain.feedback import Feedback
from fanal.web.account.actors import actor_of, now_of

PAGE = 100


@never_cache
@require_safe
@needs("report.status")
def listing(request: HttpRequest) -> HttpResponse:
    """List the feedback on the partner's own reports, newest first, page by page."""
    before = _before(request)
    found = sent(actor_of(request), now=now_of(request), before=before, limit=PAGE + 1)
    shown = found[:PAGE] if found is not None else []
    context = {
        "permitted": found is not None,
        "rows": shown,
        "following": shown[-1].id if found is not None and len(found) > PAGE else None,
    }
    return render(request, "partners/feedback.html", context)


def sent(
    actor: Actor,
    *,
    now: datetime,
    before: UUID | None = None,
    report_id: UUID | None = None,
    limit: int = PAGE,
) -> Sequence[Feedback] | None:
    """Return feedback on the partner's own reports, as sent to it; None if no instruction permits any.

    With `before`, feedback given before that id, newest first; else oldest first. `report_id`: on this report
    only. The sending is recorded in the ledger.
    """
    try:
        return orient.send_feedback(
            actor=actor, before=before, report_id=report_id, limit=limit, now=now
        )
    except orient.NoInstruction:
        return None


def _before(request: HttpRequest) -> UUID:
    asked = request.GET.get("before", "")
    try:
        return UUID(asked) if asked else orient.NEWEST
    except ValueError:
        raise Http404 from None
