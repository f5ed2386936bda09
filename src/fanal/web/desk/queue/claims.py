"""Views to claim, renew and release a report: a lease with a fencing token, for one person at a time."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.kernel.typed import whole_number
from fanal.orient import queries as oriented
from fanal.orient.queue import operations as orient
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.queue import undo
from fanal.web.desk.queue.filters import at_place
from fanal.web.desk.queue.place import to_queue


@require_POST
@needs("report.claim")
def claim(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Claim the report for the person, then show it; a message names the holder if somebody else has it.

    Raises:
        Http404: no such report for the person.
    """
    try:
        orient.claim_case(actor=actor_of(request), report_id=report_id, now=now_of(request))
    except orient.CaseUnknown:
        raise Http404 from None
    except orient.CaseTaken:
        name = _holder(request, report_id)
        messages.warning(
            request,
            _("%(name)s claimed this report before you.") % {"name": name}
            if name
            else _("This report can no longer be claimed."),
        )
    return at_place(request, report_id)


@require_POST
@needs("report.claim")
def renew(request: HttpRequest, report_id: UUID) -> JsonResponse:
    """Extend the person's lease on a report while its page is open; answer as JSON.

    `held` is true with the new end (`until`); 409 with `held` false and the name of the present `holder` if
    the lease was lost. The form holds the lease's `token`.

    Raises:
        Http404: no such report, or none that the person may read.
    """
    actor, now = actor_of(request), now_of(request)
    if oriented.get_case(actor=actor, report_id=report_id) is None:
        raise Http404
    held = orient.renew_claim(
        actor=actor, report_id=report_id, claim_token=token_of(request), now=now
    )
    if held is None:
        lost = {"held": False, "holder": _holder(request, report_id)}
        return JsonResponse(lost, status=HTTPStatus.CONFLICT)
    return JsonResponse({"held": True, "until": held.lease_until.isoformat()})


@require_POST
@needs("report.claim")
def release(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Release the report to the queue, then show the queue; nothing changes without the lease's token.

    Raises:
        Http404: no such report, or none that the person may read.
    """
    actor = actor_of(request)
    if oriented.get_case(actor=actor, report_id=report_id) is None:
        raise Http404
    released = orient.release_case(
        actor=actor, report_id=report_id, claim_token=token_of(request), now=now_of(request)
    )
    if released:
        messages.success(request, _("The report is back in the queue."))
        undo.offer(request, undo.RELEASE, report_id)
    return to_queue(request)


def token_of(request: HttpRequest) -> int:
    """Return the lease's fencing token in the form; -1, which no lease has, if it is missing or malformed."""
    token = whole_number(request.POST.get("token", ""), digits=9)
    return -1 if token is None else token


def _holder(request: HttpRequest, report_id: UUID) -> str:
    case = oriented.get_case(actor=actor_of(request), report_id=report_id)
    holder = case.held_by(now_of(request)) if case else None
    return person_names(person_ids=[holder]).get(holder, "") if holder else ""
