"""The decision on a report: tracks, legal bases, and a reason; drafts follow in the same transaction."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext as _
from django.views.decorators.http import require_POST

from fanal import reference
from fanal.accounts.routes import needs
from fanal.harmonise import queries as harmonised
from fanal.judicial import operations as judicial
from fanal.measures import operations as measures
from fanal.orient import operations as orient
from fanal.orient.domain.deciding import DecisionRefused
from fanal.orient.domain.records import Choice, Track
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.claims import token_of


@require_POST
@needs("report.decide")
def decide(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Write the decision of whoever holds the report; say in words why one is refused."""
    actor = actor_of(request)
    record = harmonised.get_records(actor=actor, report_ids=[report_id]).get(report_id)
    if record is None:
        raise Http404
    try:
        recorded = judicial.record_decision(
            actor=actor,
            report=record,
            choice=_choice(request),
            claim_token=token_of(request),
            now=now_of(request),
        )
    except orient.CaseNotHeld:
        messages.error(request, _("You no longer hold this report: take it again, then decide."))
    except DecisionRefused as refused:
        messages.error(request, _words("decision_refusal", refused.code))
    except measures.MeasureRefused as refused:
        messages.error(request, _words("measure_refusal", refused.code))
    except judicial.ReferralRefused as refused:
        messages.error(request, _words("referral_refusal", refused.code))
    else:
        messages.success(request, _("The decision is recorded."))
        if recorded.measure_ids:
            messages.info(request, _("The measure waits for a second person, who cannot be you."))
    return redirect("desk:report", report_id=report_id)


def _words(kind: str, code: str) -> str:
    return reference.label(kind, code, get_language() or "fr")


def _choice(request: HttpRequest) -> Choice:
    wanted = set(request.POST.getlist("track"))
    return Choice(
        tracks=tuple(track for track in Track if track.value in wanted),
        bases=tuple(request.POST.getlist("basis")),
        reason=request.POST.get("reason", "").strip(),
        body=request.POST.get("body") or None,
    )
