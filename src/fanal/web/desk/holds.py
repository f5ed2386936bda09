"""Pages on legal holds: all holds in force by day of review, and those of one report, with their forms."""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fanal.accounts.domain.policy import Resource, allows, may, require
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.crosscheck.dossiers.queries import dossiers_by_report, numbers_of
from fanal.intake.domain.records import ReportFacts
from fanal.intake.operations import holds as operations
from fanal.intake.queries import holds as queries
from fanal.intake.queries.envelopes import get_reports
from fanal.intake.queries.holds import HoldRecord
from fanal.kernel.calendar import add_months, paris_day, read_day
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.kernel.typed import identifier, whole_number
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.naming import Unclear, named_report
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm
from fanal.web.reading import consult

_PAGE: Final = 50
_LONGEST: Final = 2000


def _typed(text: str) -> str:
    """Return a text of a form with each line end as one character, as its field counted them."""
    return text.replace("\r\n", "\n")


def _reason(text: str) -> str | None:
    motive = stripped(_typed(text))
    return motive if 0 < len(motive) <= _LONGEST and "\0" not in motive else None


class _HoldForm(PostedForm):
    refuses = "hold"
    motive = Parsed(_reason, "REASON")


class _PlaceForm(_HoldForm):
    review_on = Parsed(read_day, "DATE")
    seen = Parsed(whole_number, "CHANGED")


class _LiftForm(_HoldForm):
    hold_id = Parsed(identifier, "NOT_IN_FORCE", posted="hold")
    seen = Parsed(str)


class _KeepForm(_LiftForm):
    review_on = Parsed(read_day, "DATE")


@never_cache
@require_safe
@needs("hold.read")
def listing(request: HttpRequest) -> HttpResponse:
    """Show the legal holds in force at the person's desks, fifty a page, the earliest day of review first.

    `due` in the query narrows the list to holds whose review is due. `report` in the query, a number or a
    sender's reference, redirects to that report's holds; if it names none, the list says so (status 422). The
    reading is recorded in the ledger.
    """
    typed, unclear = request.GET.get("report", "").strip(), ""
    if typed:
        try:
            return redirect("desk:report-hold", named_report(request, typed))
        except Unclear as error:
            unclear = error.words
    actor, today = actor_of(request), paris_day(now_of(request))
    totals = {
        due: queries.count_own_holds(actor=actor, due_by=today if due else None)
        for due in (False, True)
    }
    due = "due" in request.GET
    page = Paginator(range(totals[due]), _PAGE).get_page(request.GET.get("page"))
    found = queries.list_holds(
        actor=actor,
        due_by=today if due else None,
        limit=_PAGE,
        offset=max(page.start_index() - 1, 0),
    )
    report_ids = list(dict.fromkeys(hold.report_id for hold in found))
    consult(request, "report", report_ids, action="report.list")
    facts = get_reports(actor=actor, report_ids=report_ids)
    dossiers = dossiers_by_report(actor=actor, report_ids=report_ids)
    numbers = numbers_of(dossier_ids=set(dossiers.values()))
    names = person_names(person_ids={hold.placed_by for hold in found})
    context = {
        "lines": [
            {
                "hold": hold,
                "facts": facts[hold.report_id],
                "dossier_id": dossiers.get(hold.report_id),
                "dossier": numbers.get(dossiers[hold.report_id], "")
                if hold.report_id in dossiers
                else "",
                "name": names.get(hold.placed_by, ""),
                "due": hold.is_due(today),
            }
            for hold in found
            if hold.report_id in facts
        ],
        "due": due,
        "totals": {"all": totals[False], "due": totals[True]},
        "page": page,
        "typed": typed,
        "unclear": unclear,
        "may_place": may(actor, "retention.hold"),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if unclear else HTTPStatus.OK
    return render(request, "desk/holds.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("hold.read", POST="retention.hold")
def show(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Show the legal holds of a report, in force and lifted (GET), or place one (POST) and show them.

    A refused form is shown again (status 422).

    Raises:
        Http404: the person does not see the report.
        Refused: the person may not place holds at its desk.
    """
    facts = _reached(request, report_id)
    if request.method != "POST":
        return _page(request, facts)
    require(actor_of(request), "retention.hold", Resource(desk_id=facts.desk_id))
    try:
        operations.place_hold(
            actor=actor_of(request),
            report_id=report_id,
            now=now_of(request),
            **_PlaceForm(request).checked().cleaned_data,
        )
    except Refusal as refused:
        return _page(request, facts, refused=refused)
    messages.success(request, _("The hold is in force: this report does not expire."))
    return redirect("desk:report-hold", report_id)


@require_POST
@needs("retention.hold")
def keep(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Extend a hold of a report to its next review, for a reason; then show the report's holds.

    A refused form is shown again (status 422).

    Raises:
        Http404: the person does not see the report.
        Refused: the person may not review holds at its desk.
    """
    facts = _reached(request, report_id)
    require(actor_of(request), "retention.hold", Resource(desk_id=facts.desk_id))
    try:
        operations.review_hold(
            actor=actor_of(request),
            report_id=report_id,
            now=now_of(request),
            **_KeepForm(request).checked().cleaned_data,
        )
    except Refusal as refused:
        return _page(request, facts, refused=refused)
    messages.success(request, _("The hold stays in force until its next review."))
    return redirect("desk:report-hold", report_id)


@require_POST
@needs("retention.hold")
def lift(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Lift a hold of a report, for a reason; then show the report's holds.

    A refused form is shown again (status 422).

    Raises:
        Http404: the person does not see the report.
        Refused: the person may not lift holds at its desk.
    """
    facts = _reached(request, report_id)
    require(actor_of(request), "retention.hold", Resource(desk_id=facts.desk_id))
    try:
        posted = _LiftForm(request).checked().cleaned_data
        lifted = operations.lift_holds(
            actor=actor_of(request),
            report_id=report_id,
            motive=posted["motive"],
            now=now_of(request),
            hold_ids=[posted["hold_id"]],
            seen=posted["seen"],
        )
        if not lifted:
            raise Refusal("hold", "NOT_IN_FORCE")
    except Refusal as refused:
        return _page(request, facts, refused=refused)
    messages.success(request, _("The hold is lifted."))
    return redirect("desk:report-hold", report_id)


def _page(
    request: HttpRequest, facts: ReportFacts, *, refused: Refusal | None = None
) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    today = paris_day(now)
    consult(request, "report", [facts.report_id], action="report.list")
    found = queries.holds_of(actor=actor, report_id=facts.report_id)
    names = person_names(person_ids=_people(found))
    of = identifier(request.POST.get("hold", "")) if refused else None
    if of not in {hold.id for hold in found if hold.lifted_at is None}:
        of = None
    may_place = allows(actor, "retention.hold", Resource(desk_id=facts.desk_id)).allowed
    context = {
        "facts": facts,
        "in_force": [_shown(hold, names) for hold in found if hold.lifted_at is None],
        "lifted": [_shown(hold, names) for hold in found if hold.lifted_at is not None],
        "placed": len(found),
        "today": today,
        "first": today + timedelta(days=1),
        "last": add_months(today, operations.LONGEST_MONTHS),
        "proposed": add_months(today, operations.REVIEW_MONTHS),
        "may_place": may_place and facts.erased_at is None,
        "refused": reason_of(refused),
        "refused_hold": of,
        "meanwhile": _meanwhile(request, found, names, refused),
        "typed": _typed(request.POST.get("motive", "")) if refused else "",
        "typed_day": request.POST.get("review_on", "") if refused else "",
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "desk/report_hold.html", context, status=status)


def _meanwhile(
    request: HttpRequest,
    found: Sequence[HoldRecord],
    names: dict[UUID, str],
    refused: Refusal | None,
) -> dict[str, object] | None:
    """Return the hold that the form names, if the form is refused because the hold has changed; else None.

    `found` are the holds of the report, `names` the names of people by id. Keys as of `_shown`.
    """
    if refused is None or refused.code not in {"CHANGED", "NOT_IN_FORCE"}:
        return None
    of = identifier(request.POST.get("hold", ""))
    return next((_shown(hold, names) for hold in found if hold.id == of), None)


def _people(holds: Sequence[HoldRecord]) -> set[UUID]:
    acted = ((hold.placed_by, hold.reviewed_by, hold.lifted_by) for hold in holds)
    return {person_id for three in acted for person_id in three if person_id is not None}


def _shown(hold: HoldRecord, names: dict[UUID, str]) -> dict[str, object]:
    return {
        "hold": hold,
        "placed_by": names.get(hold.placed_by, ""),
        "reviewed_by": names.get(hold.reviewed_by, "") if hold.reviewed_by else "",
        "lifted_by": names.get(hold.lifted_by, "") if hold.lifted_by else "",
    }


def _reached(request: HttpRequest, report_id: UUID) -> ReportFacts:
    found = get_reports(actor=actor_of(request), report_ids=[report_id]).get(report_id)
    if found is None:
        raise Http404
    return found
