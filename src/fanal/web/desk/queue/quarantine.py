"""Pages on quarantine: the reports whose processing failed at some stage, and their new processing."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts.domain.policy import Resource, require
from fanal.accounts.routes import needs
from fanal.intake.domain.records import Stage
from fanal.intake.operations.queue import ask_replay, replay_stage
from fanal.intake.queries.envelopes import get_reports
from fanal.intake.queries.work import list_quarantine, quarantine_groups
from fanal.web.account.actors import actor_of, now_of
from fanal.web.reading import consult

_LISTED = 200


@never_cache
@require_GET
@needs("quarantine.read")
def quarantine(request: HttpRequest) -> HttpResponse:
    """Show the reports in quarantine by failure, with what to do, then the oldest two hundred."""
    found = list_quarantine(actor=actor_of(request), limit=_LISTED)
    consult(
        request, "report", [facts.report_id for facts, _error in found], action="quarantine.read"
    )
    context = {
        "quarantined": found,
        "groups": quarantine_groups(actor=actor_of(request)),
        "most": _LISTED,
    }
    return render(request, "desk/quarantine.html", context)


@require_POST
@needs("quarantine.replay")
def replay_code(request: HttpRequest) -> HttpResponse:
    """Have all reports with one failure code (form field `error`) processed again, by a job of the worker.

    Redirects to the quarantine, with a message.
    """
    actor, error = actor_of(request), request.POST.get("error", "")
    known = {group.error for group in quarantine_groups(actor=actor)}
    if error in known and ask_replay(actor=actor, error=error, now=now_of(request)):
        messages.success(
            request, _("Asked for: the worker processes these reports again, in the background.")
        )
    else:
        messages.info(request, _("Nothing to do: asked for already, or no longer in quarantine."))
    return redirect("desk:quarantine")


@require_POST
@needs("quarantine.replay")
def replay(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Process a quarantined report again, from the first stage.

    A failure in a later stage may come from data that an earlier stage stored. Redirects to the quarantine,
    with a message.

    Raises:
        Http404: no such report.
        Refused: the person may not do so at the report's desk.
    """
    actor = actor_of(request)
    facts = get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if facts is None:
        raise Http404
    require(actor, "quarantine.replay", Resource(desk_id=facts.desk_id))
    moved = 0
    if facts.quarantined_at is not None:
        moved = replay_stage(
            actor=actor, stage=Stage.HARMONISE, report_ids=[report_id], now=now_of(request)
        )
    if moved:
        messages.success(request, _("The report is being processed again."))
    else:
        messages.info(request, _("The report is no longer in quarantine."))
    return redirect("desk:quarantine")
