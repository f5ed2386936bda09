"""Pages on retention reviews: a report is kept with a reason, or two people decide its early erasure."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from fanal.accounts.domain.policy import Resource, require
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.intake.domain.records import ReviewState
from fanal.intake.operations.lifecycle import review_report, second_review
from fanal.intake.queries.envelopes import get_reports
from fanal.intake.queries.reviews import list_reviews, review_before, review_months
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import add_months, paris_day
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.kernel.texts import stripped
from fanal.kernel.typed import identifier
from fanal.web.account.actors import actor_of, now_of
from fanal.web.forms import Parsed, PostedForm
from fanal.web.reading import consult

_PAGE = 50
_LONGEST = 2000


def _reason(typed: str) -> str | None:
    motive = stripped(typed)
    return motive if 0 < len(motive) <= _LONGEST and "\0" not in motive else None


class _ReviewForm(PostedForm):
    end = Parsed({"keep": False, "end": True}.get, posted="verdict")
    motive = Parsed(_reason)


class _ReviewAnswerForm(PostedForm):
    agreed = Parsed({"refuse": False, "agree": True}.get, posted="verdict")
    motive = Parsed(_reason)
    review_id = Parsed(UUID, posted="review")


@never_cache
@require_safe
@needs("retention.hold")
def listing(request: HttpRequest) -> HttpResponse:
    """Show the reports of the person's desks whose retention review is due, by date of receipt, oldest first.

    Early erasures that await a second person are included. Fifty a page; `after` in the query is the id of
    the last report of the previous page. The reading is recorded in the ledger.
    """
    return _page(request)


@require_POST
@needs("retention.hold")
def review(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Keep a report until its next review, or propose its early erasure; then show the list of reviews.

    The form's `verdict` (keep, end) and `motive` (the reason) are required: without them the list is shown
    with an error. If an erasure was already proposed or agreed, nothing changes, and a message says so.

    Raises:
        Http404: the person does not see the report.
        Refused: the person may not review reports of that desk.
    """
    actor, now = actor_of(request), now_of(request)
    _reached(actor, report_id)
    form = _ReviewForm(request)
    if not form.is_valid():
        return _page(request, refused=report_id)
    try:
        review_report(actor=actor, report_id=report_id, now=now, **form.cleaned_data)
    except TransitionRefused:
        messages.error(request, _("The erasure of this report was already proposed or agreed."))
    except Refusal:
        messages.error(request, _("This report is erased already."))
    else:
        messages.success(
            request,
            _("Proposed: another supervisor must answer.")
            if form.cleaned_data["end"]
            else _("The report is kept until its next review."),
        )
    return redirect("desk:reviews")


@require_POST
@needs("retention.hold")
def second(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Accept or refuse, as a second person, an early erasure that another person proposed; show the list.

    The form's `review` (its id), `verdict` (agree, refuse) and `motive` (the reason) are required: without
    them the list is shown with an error. A refusal is shown as a message.

    Raises:
        Http404: the person does not see the report.
        Refused: the person may not review reports of that desk.
    """
    actor, now = actor_of(request), now_of(request)
    _reached(actor, report_id)
    form = _ReviewAnswerForm(request)
    if not form.is_valid():
        return _page(request, refused=report_id)
    try:
        second_review(actor=actor, now=now, **form.cleaned_data)
    except Refusal as refused:
        erased = refused.code == "ERASED"
        told = _("This report is erased already.")
        messages.error(request, told if erased else _("This proposal does not await your answer."))
    else:
        messages.success(
            request,
            _(
                "The report will be erased by the next expiry run, once an answer or an alarm of its last"
                " month has been heard."
            )
            if form.cleaned_data["agreed"]
            else _("The report is kept until its next review."),
        )
    return redirect("desk:reviews")


def _page(request: HttpRequest, *, refused: UUID | None = None) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    found = list_reviews(
        actor=actor,
        before=review_before(now=now),
        after=identifier(request.GET.get("after", "")),
        limit=_PAGE + 1,
    )
    shown = found[:_PAGE]
    consult(request, "report", [one.report_id for one in shown], action="report.list")
    facts = get_reports(actor=actor, report_ids=[one.report_id for one in shown])
    names = person_names(person_ids={o.proposed_by for o in shown if o.proposed_by})
    months = review_months(now=now)
    lines = [
        {
            "review": one,
            "facts": facts.get(one.report_id),
            "due": add_months(paris_day(one.since), months),
            "waits": one.state is ReviewState.END_PROPOSED,
            "proposer": names.get(one.proposed_by, "") if one.proposed_by else "",
            "own": one.proposed_by == actor.person_id,
            "refused": one.report_id == refused,
            "typed": request.POST.get("motive", "")[:_LONGEST] if one.report_id == refused else "",
        }
        for one in shown
    ]
    context = {
        "lines": lines,
        "months": months,
        "next": shown[-1].report_id if len(found) > _PAGE else None,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "desk/reviews.html", context, status=status)


def _reached(actor: Actor, report_id: UUID) -> None:
    """Check that the actor sees the report and may review reports of its desk.

    Raises:
        Http404: the actor does not see the report.
        Refused: the actor may not review reports of that desk.
    """
    found = get_reports(actor=actor, report_ids=[report_id]).get(report_id)
    if found is None:
        raise Http404
    require(actor, "retention.hold", Resource(desk_id=found.desk_id))
