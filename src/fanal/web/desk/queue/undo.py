"""The bar that offers to undo the person's last act, for ten seconds, and the operations that undo it.

The act is stored in the session, so that the next page shows the bar, whichever it is.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django import template
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template import Context
from django.urls import reverse
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_POST

from fanal.accounts.domain.policy import Resource
from fanal.accounts.routes import needs
from fanal.casework.operations.deciding import undo_decision
from fanal.kernel.refusal import Refusal
from fanal.orient import queries as oriented
from fanal.orient.assignment.operations import undo_assignments
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk.queue.filters import at_place, place_of
from fanal.web.failures import reason_of

register = template.Library()
DECISION: Final = "undo"
RELEASE: Final = "claim"
ASSIGNMENT: Final = "assignments-undo"
"""Acts that can be undone, named by the route that undoes them."""
SECONDS = 10
_KEY = "fanal_undo"


def offer(request: HttpRequest, act: str, object_id: UUID) -> None:
    """Offer on the next page to undo the person's last act: store it in the session.

    `act` is the name of the route that undoes it (`DECISION`, `RELEASE`, `ASSIGNMENT`), `object_id` the id of
    the report, or for `ASSIGNMENT` that of the act itself.
    """
    request.session[_KEY] = [act, str(object_id), now_of(request).isoformat()]


@register.inclusion_tag("desk/undo.html", takes_context=True, name="undo_bar")
def undo_bar(context: Context) -> dict[str, object]:
    """Show the bar that undoes the person's last act, if it is less than ten seconds old (template tag).

    Returns the template's context, empty without such an act. Keys: `act`, `report_id`, `action` (URL of the
    form), `milliseconds` (time left), `csrf_token`.

    Raises:
        Http404: the query names no such view.
    """
    request: HttpRequest = context["request"]
    found = request.session.get(_KEY)
    if not found:
        return {}
    act, report_id, at = found
    left = datetime.fromisoformat(at) + timedelta(seconds=SECONDS) - now_of(request)
    if left <= timedelta(0):
        return {}
    return {
        "act": act,
        "report_id": UUID(report_id),
        "action": reverse(f"desk:{act}", args=[report_id]) + place_of(request.GET),
        "milliseconds": int(left.total_seconds() * 1000),
        "csrf_token": context.get("csrf_token"),
    }


@require_POST
@needs("report.claim")
def undo_assignment(request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Undo the person's own act that assigned reports, right after it; then show the queue.

    Reports go back to who was in charge before; those on which somebody has acted since stay as they are.

    Raises:
        Http404: the query names no such view.
    """
    request.session.pop(_KEY, None)
    found = undo_assignments(actor=actor_of(request), act_id=act_id, now=now_of(request))
    if count := found["DONE"]:
        text = ngettext(
            "The assignment of %(count)s report is undone.",
            "The assignment of %(count)s reports is undone.",
            count,
        )
        messages.success(request, text % {"count": count})
    if count := found["CHANGED"]:
        text = ngettext(
            "%(count)s report stays as it is: somebody has acted on it since.",
            "%(count)s reports stay as they are: somebody has acted on them since.",
            count,
        )
        messages.warning(request, text % {"count": count})
    if not found:
        messages.warning(request, _("This assignment can no longer be undone."))
    return redirect(reverse("desk:queue") + place_of(request.GET))


@require_POST
@needs("report.decide")
def undo(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Undo the person's own decision right after it, withdraw its drafts, and claim the report again.

    Then show the report, with what was withdrawn or why it was refused in a message.

    Raises:
        Http404: no such report for the person.
        Refused: the person may not decide at the report's desk.
    """
    actor, now = actor_of(request), now_of(request)
    case = oriented.get_case(actor=actor, report_id=report_id)
    if case is None:
        raise Http404
    require_declared(request, Resource(desk_id=case.desk_id))
    request.session.pop(_KEY, None)
    try:
        count = undo_decision(actor=actor, report_id=report_id, now=now)
    except Refusal as refused:
        messages.warning(request, reason_of(refused))
    else:
        messages.success(request, _told(count))
    return at_place(request, report_id)


def _told(count: int) -> str:
    if not count:
        return _("The decision is undone; the report is yours again.")
    return ngettext(
        "The decision is undone and its draft is withdrawn; the report is yours again.",
        "The decision is undone and its %(count)s drafts are withdrawn; the report is yours again.",
        count,
    ) % {"count": count}
