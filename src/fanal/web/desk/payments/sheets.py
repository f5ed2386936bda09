"""Pages on intelligence sheets on a payer: draft, amendment, steps; their document and export as JSON."""

from collections.abc import Mapping
from http import HTTPStatus
from uuid import UUID

import msgspec
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal import reference
from fanal.accounts.domain.policy import may
from fanal.accounts.routes import needs
from fanal.analyse.payments.domain.scoring import PointMade, told
from fanal.analyse.payments.domain.transfers import Paid
from fanal.analyse.payments.queries import get_payer
from fanal.casework.domain.documents import Part
from fanal.casework.domain.records import Act, ActFile
from fanal.casework.operations.acts import record_export
from fanal.judicial import operations, queries
from fanal.judicial.domain.kinds import SHEET, read_sheet
from fanal.judicial.domain.records import ADDRESSEES, SheetFacts, SheetFile, SheetReport
from fanal.judicial.queries import read_sheet_file
from fanal.kernel.refusal import Refusal
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.acts import pages as acts
from fanal.web.desk.acts.lists import ActLine, ActList
from fanal.web.desk.payments.views import (
    ShownTransfer,
    around_of,
    compared_by,
    instant,
    page_of,
    points_of,
    when,
)
from fanal.web.failures import reason_of
from fanal.web.reading import consult

FORMAT = "fanal-sheet/1"


def json_of(file: SheetFile) -> bytes:
    """Return an intelligence sheet on a payer as JSON: state, addressee, score with its reasons, reports.

    The score comes with its indicators and transfers. `file` is the sheet with its present document.

    Raises:
        ValueError: its facts have expired.
    """
    facts = _facts(file)
    sheet = file.sheet
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "format": FORMAT,
                "sheet": sheet.id,
                "state": sheet.state,
                "addressee": sheet.body,
                "drafted_at": facts.drafted_at,
                "assessment": file.summary,
                **told(facts.score),
                "reports": facts.reports,
                "linked": facts.linked,
                "caveat": {lang: _caveat(lang) for lang in ("fr", "en")},
            }
        )
    )


def parts_of(file: ActFile, lang: str) -> tuple[Part, ...]:
    """Return the sections (lines, tables) of the document of an intelligence sheet on a payer, in `lang`.

    `lang` is the page's language, `file` the sheet with its present document.

    Raises:
        ValueError: its facts have expired.
    """
    found = read_sheet_file(file=file)
    facts, score = _facts(found), _facts(found).score
    numbers = {paid.id: n for n, paid in enumerate(score.transfers, start=1)}
    body = reference.label("body", found.sheet.body, lang)
    colon = "\N{NO-BREAK SPACE}:" if lang == "fr" else ":"
    summary = (
        (_("Payer"), score.sender.shown or compared_by(score.sender.key, lang)),
        (_("Compared by"), compared_by(score.sender.key, lang)),
        (_("Born"), score.sender.born.isoformat() if score.sender.born else "–"),
        (_("Typology"), reference.label("typology", score.typology, lang)),
        (_("Score"), f"{score.score:.2f}"),
        (_("Transfers"), f"{len(score.transfers)} ({score.total:.2f} EUR)"),
        (_("Rules"), score.rule_version),
        (_("Drafted"), instant(facts.drafted_at, lang)),
    )
    report = (_("Report"), _("Received"), _("Kind"))
    transfer = ("N°", _("When"), _("Amount"), _("Beneficiary"), _("Payment label"), _("Operator"))
    return (
        Part(lines=(f"{_('To:')} {body}",)),
        Part(lines=(_caveat(lang),)),
        Part(lines=tuple(f"{name}{colon} {value}" for name, value in summary)),
        Part(
            heading=_("Assessment of the officer"),
            lines=tuple((found.summary or "–").split("\n")),
        ),
        Part(
            heading=_("Indicators"),
            header=(_("Indicator"), _("Why"), _("Transfers"), _("Weight"), _("Source")),
            rows=tuple(_point(point, numbers, lang) for point in score.points),
        ),
        Part(
            heading=_("Transfers"),
            header=transfer,
            rows=tuple(_transfer(n, paid, lang) for n, paid in enumerate(score.transfers, start=1)),
        ),
        Part(
            heading=_("Reports that contain these transfers"),
            header=report,
            rows=tuple(_report(one, lang) for one in facts.reports),
        ),
        Part(
            heading=_("Reports linked to them"),
            lines=() if facts.linked else (_("No other report is linked to them."),),
            header=(*report, _("Strength"), _("Shared values")),
            rows=tuple(
                (*_report(one, lang), f"{one.score:.2f}", _shared(one, lang))
                for one in facts.linked
            ),
        ),
    )


def _facts(file: SheetFile) -> SheetFacts:
    if file.facts is None:
        raise ValueError("the words of this sheet have expired")
    return file.facts


def _caveat(lang: str) -> str:
    return reference.label("sheet_caveat", "CAVEAT", lang)


def _point(point: PointMade, numbers: Mapping[UUID, int], lang: str) -> tuple[str, ...]:
    checked = "" if point.checked_by != "UNCHECKED" else f" ({_('UNCHECKED')})"
    seen = ", ".join(str(numbers[i]) for i in point.transfers if i in numbers)
    sign = "\u2212" if point.lowers else "+"
    return (
        reference.label("finding", point.code, lang),
        reference.render(point.because.code, point.because.parameters, lang),
        seen,
        f"{sign}{point.weight:.2f}",
        f"{point.source}{checked}",
    )


def _transfer(number: int, paid: Paid, lang: str) -> tuple[str, ...]:
    country = paid.beneficiary.country
    place = f" ({reference.label('country', country, lang)})" if country else ""
    return (
        str(number),
        when(paid, lang),
        f"{paid.amount or '–'} {paid.currency}".strip(),
        f"{paid.beneficiary.shown or '–'}{place}",
        paid.label or "–",
        paid.operator or "–",
    )


def _report(report: SheetReport, lang: str) -> tuple[str, ...]:
    return (
        report.reference,
        instant(report.received_at, lang),
        reference.label("report_kind", report.kind, lang),
    )


def _shared(report: SheetReport, lang: str) -> str:
    return ", ".join(
        f"{reference.label('selector_kind', kind, lang)} {value}"
        for kind, value, _w in report.reasons
    )


@require_POST
@needs("report.decide")
def draft(request: HttpRequest, payer: UUID) -> HttpResponse:
    """Draft an intelligence sheet on a payer from its current data, then redirect to it or to the payer.

    The form's `body` is the addressed authority's code. A refusal is shown on the payer's page (status 409).

    Raises:
        Http404: no such payer within the reader's desks.
        Refused: the person may not decide at the payer's desk.
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
def as_json(request: HttpRequest, sheet_id: UUID) -> HttpResponse:
    """Send an intelligence sheet as JSON, with reasons in both languages.

    The download is recorded in the ledger.

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
    answer = HttpResponse(json_of(found), content_type="application/json")
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


def _line(act: Act, content: bytes | None) -> ActLine:
    lang = get_language() or "fr"
    score = None if content is None else read_sheet(content).facts.score
    return ActLine(
        name=reference.label("body", act.addressee, lang),
        bases="",
        subject=reference.label("typology", score.typology, lang) if score else _("expired"),
    )


def _amend(request: HttpRequest, sheet_id: UUID) -> None:
    operations.amend_sheet(
        actor=actor_of(request),
        sheet_id=sheet_id,
        now=now_of(request),
        **acts.SummaryForm(request).checked().cleaned_data,
    )


LIST = ActList(
    inbox=queries.SHEETS,
    route="desk:sheets",
    page="desk:sheet",
    line=_line,
    heading=gettext_lazy("Intelligence sheets"),
    first=gettext_lazy("Addressed to"),
    icon="file",
    lead=gettext_lazy(
        "Information on a payer for the financial intelligence unit and the prosecutor. Drafted by the"
        " system at a person’s request, sent by a judicial officer."
    ),
    addressees=lambda _now: ADDRESSEES,
)
PAGES = acts.ActPages(
    lifecycle=SHEET,
    route="desk:sheet",
    template="payments/sheet.html",
    beside=_beside,
    amend=_amend,
    parts=parts_of,
)
