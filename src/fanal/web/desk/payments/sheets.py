"""Intelligence sheets on a payer: drafted from the payer's page, amended, sent; JSON with reasons."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts.domain.policy import may
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.analyse.payments.queries import get_payer
from fanal.casework.domain.records import ActFile
from fanal.casework.operations.acts import record_export
from fanal.judicial import operations, queries
from fanal.judicial.domain.kinds import SHEET
from fanal.judicial.domain.sheets import ADDRESSEES
from fanal.kernel.refusal import Refusal
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.acts import pages as acts
from fanal.web.desk.payments import document
from fanal.web.desk.payments.shown import ShownTransfer, around_of, points_of
from fanal.web.desk.payments.views import page_of
from fanal.web.failures import reason_of
from fanal.web.reading import consult

_LISTED = 100


@require_POST
@needs("report.decide")
def draft(request: HttpRequest, payer: UUID) -> HttpResponse:
    """Draft an intelligence sheet on a payer from present data; if refused, show the payer's page.

    Raises:
        Http404: no such payer within the reader's desks.
    """
    actor, now = actor_of(request), now_of(request)
    found = get_payer(actor=actor, payer=payer, now=now)
    if found is None:
        raise Http404
    around = around_of(found, actor=actor)
    try:
        sheet_id = operations.draft_sheet(
            actor=actor,
            payer=found,
            reports=around.reports,
            linked=around.linked,
            body=request.POST.get("body", ""),
            now=now,
        )
    except Refusal as refused:
        context = page_of(request, payer, reason_of(refused))
        return render(request, "payments/one.html", context, status=HTTPStatus.CONFLICT)
    messages.success(
        request, _("The sheet is drafted. A judicial officer reads, amends and sends it.")
    )
    if may(actor, "referral.read"):
        return redirect("desk:sheet", sheet_id=sheet_id)
    return redirect("desk:payer", payer=payer)


@never_cache
@require_GET
@needs("referral.read")
def listing(request: HttpRequest) -> HttpResponse:
    """List the sheets of the reader's desks, newest first."""
    found = queries.list_sheets(actor=actor_of(request), limit=_LISTED)
    consult(request, "sheet", [sheet.id for sheet in found], action="sheet.list")
    names = person_names(person_ids={sheet.author_id for sheet in found})
    context = {
        "sheets": [(sheet, names.get(sheet.author_id, "")) for sheet in found],
        "full": len(found) == _LISTED,
    }
    return render(request, "payments/sheets.html", context)


@never_cache
@require_GET
@needs("referral.read")
def as_json(request: HttpRequest, sheet_id: UUID) -> HttpResponse:
    """Send a sheet as JSON, with reasons in both languages; the download is recorded in the ledger.

    Raises:
        Http404: no such sheet, or its facts have expired.
    """
    found = queries.get_sheet(actor=actor_of(request), sheet_id=sheet_id)
    if found is None or found.facts is None:
        raise Http404
    consult(request, "sheet", [sheet_id], reports=found.sheet.report_ids)
    record_export(
        actor=actor_of(request),
        lifecycle=SHEET,
        act_id=sheet_id,
        format_="JSON",
        now=now_of(request),
    )
    answer = HttpResponse(document.json_of(found), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="fanal-sheet-{sheet_id}.json"'
    return answer


def _beside(_request: HttpRequest, file: ActFile) -> tuple[dict[str, object], list[UUID]]:
    found = queries.read_sheet_file(file=file)
    sheet, facts = found.sheet, found.facts
    linked = [report.report_id for report in facts.linked] if facts else []
    transfers = facts.score.transfers if facts else ()
    rows = [
        ShownTransfer(number=n, paid=paid, report_id=None)
        for n, paid in enumerate(transfers, start=1)
    ]
    context: dict[str, object] = {
        "sheet": sheet,
        "facts": facts,
        "score": facts.score if facts else None,
        "home_report": sheet.report_ids[0],
        "points": points_of(facts.score, rows) if facts else [],
        "rows": rows,
        "summary": found.summary,
        "addressees": ADDRESSEES,
    }
    return context, [*sheet.report_ids, *linked]


def _amend(request: HttpRequest, sheet_id: UUID) -> None:
    operations.amend_sheet(
        actor=actor_of(request),
        sheet_id=sheet_id,
        now=now_of(request),
        **acts.SummaryForm(request).checked().cleaned_data,
    )


PAGES = acts.ActPages(
    lifecycle=SHEET,
    route="desk:sheet",
    template="payments/sheet.html",
    beside=_beside,
    amend=_amend,
    parts=document.parts_of,
)
