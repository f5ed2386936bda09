"""Views that assign a report to a colleague, return it to the queue, or end an assignment."""

from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fanal.accounts.domain.policy import Resource
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import identifier
from fanal.orient import queries as oriented
from fanal.orient.assignment.operations import assign_report, return_report, take_back
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk import notes
from fanal.web.desk.queue import undo
from fanal.web.desk.queue.filters import at_place
from fanal.web.desk.queue.place import to_queue
from fanal.web.desk.report.views import page_of
from fanal.web.failures import reason_of


@require_POST
@needs("report.claim")
def assign(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Assign the report to a person (form: `to`), as a supervisor or as the person in charge.

    `words` is a note to them, `shown` the version of who was in charge on the page (`version_of`). If
    refused, the report is shown again with the reason and the note as typed (status 409).

    Raises:
        Http404: no such report for the person.
        Refused: the person is not in charge of it and may not assign reports at its desk.
    """

    def give() -> HttpResponse:
        to = identifier(request.POST.get("to", ""))
        if to is None:
            raise Refusal("assignment", "NOT_HERE")
        given = assign_report(
            actor=actor_of(request),
            report_id=report_id,
            to=to,
            note=request.POST.get("words", ""),
            shown=request.POST.get("shown", ""),
            now=now_of(request),
        )
        name = person_names(person_ids=[to]).get(to, "")
        messages.success(request, _("%(name)s has this report in charge now.") % {"name": name})
        undo.offer(request, undo.ASSIGNMENT, given.act_id)
        return at_place(request, report_id)

    return _checked(request, report_id, give)


@require_POST
@needs("report.claim")
def give_back(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Return the report that is assigned to the person to the queue, then show the queue.

    The form's `shown` is the version of who was in charge on the page (`version_of`).

    Raises:
        Http404: no such report for the person.
        Refused: the person may not claim reports at its desk.
    """

    def back() -> HttpResponse:
        if return_report(
            actor=actor_of(request),
            report_id=report_id,
            shown=request.POST.get("shown", ""),
            now=now_of(request),
        ):
            messages.success(request, _("The report is back in the queue."))
        else:
            messages.warning(request, _("You no longer have this report in your charge."))
        return to_queue(request)

    return _checked(request, report_id, back)


@require_POST
@needs("report.claim")
def take(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """End the assignment of the report, so that it returns to the queue; then show the report.

    The form's `shown` is the version of who was in charge on the page (`version_of`).

    Raises:
        Http404: no such report for the person.
        Refused: the person did not give it and may not assign reports at its desk.
    """

    def taken() -> HttpResponse:
        found = take_back(
            actor=actor_of(request),
            report_id=report_id,
            shown=request.POST.get("shown", ""),
            now=now_of(request),
        )
        if found:
            messages.success(
                request, _("The assignment is taken back: the report is in the queue.")
            )
        else:
            messages.warning(request, _("This report is given to nobody any more."))
        return redirect("desk:report", report_id)

    return _checked(request, report_id, taken)


def _checked(
    request: HttpRequest, report_id: UUID, act: Callable[[], HttpResponse]
) -> HttpResponse:
    """Run an act on a report of the person's desk; if it is refused, show the report with the reason.

    The status is then 409. If the report is erased, a page shows the reason and the typed note (status 422).

    Raises:
        Http404: no such report for the person.
        Refused: the person lacks the right at the report's desk.
    """
    case = oriented.get_case(actor=actor_of(request), report_id=report_id)
    if case is None:
        raise Http404
    require_declared(request, Resource(desk_id=case.desk_id))
    try:
        return act()
    except Refusal as refused:
        if refused.code == "ERASED":  # it has no page to write on any more
            action = reverse("desk:note", args=[report_id])
            return notes.refused_page(
                request, refused, action=action, back=("desk:report", report_id)
            )
        page = page_of(request, report_id, charge_refused=reason_of(refused))
        return render(request, "desk/report.html", page, status=HTTPStatus.CONFLICT)
