"""Pages on payers with a risk score: the list; indicators, transfers, reports and links of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload
from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fanal.accounts.domain.policy import may
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.analyse.payments.domain.indicators import load_typologies
from fanal.analyse.payments.domain.scoring import PayerFilter, PayerLine
from fanal.analyse.payments.domain.transfers import paid_in
from fanal.analyse.payments.queries import count_payers, get_payer, list_payers
from fanal.harmonise import queries as harmonised
from fanal.judicial import queries as judicial
from fanal.judicial.domain.records import ADDRESSEES
from fanal.kernel.actors import Actor
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.payments.shown import around_of, points_of, rows_of, timeline_of
from fanal.web.reading import consult

_PAGE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines(Sequence[PayerLine]):
    """The payers that match a filter, as a lazy sequence for the paginator."""

    actor: Actor
    filters: PayerFilter

    def __len__(self) -> int:
        return count_payers(actor=self.actor, filters=self.filters)

    @overload
    def __getitem__(self, at: int) -> PayerLine: ...
    @overload
    def __getitem__(self, at: slice) -> list[PayerLine]: ...
    def __getitem__(self, at: int | slice) -> PayerLine | list[PayerLine]:
        if isinstance(at, int):
            return self[at : at + 1][0]
        start, stop = at.start or 0, at.stop or 0
        return list_payers(actor=self.actor, filters=self.filters, offset=start, limit=stop - start)


@never_cache
@require_GET
@needs("report.read")
def listing(request: HttpRequest) -> HttpResponse:
    """List the scored payers of the reader's desks, highest score first.

    Query: the filters of `filters_of`, and `page`.
    """
    actor = actor_of(request)
    filters = filters_of(request.GET)
    page = Paginator(_Lines(actor=actor, filters=filters), _PAGE).get_page(request.GET.get("page"))
    lines = list(page.object_list)
    reports = {line.report_id for line in lines}
    consult(request, "report", sorted(reports), action="payer.list")
    names = _names(lines, actor=actor)
    typologies = load_typologies()
    context = {
        "rows": [(line, names.get(line.payer, "")) for line in lines],
        "page": page,
        "filters": filters,
        "asked": bool(request.GET),
        "typologies": [typology.code for typology in typologies.typology],
        "indicators": [rule.code for rule in (*typologies.indicator, *typologies.lowers)],
        "version": typologies.version,
        "may_read_sheets": may(actor, "referral.read"),
    }
    return render(request, "payments/list.html", context)


@never_cache
@require_GET
@needs("report.read")
def show(request: HttpRequest, payer: UUID) -> HttpResponse:
    """Show one payer from present data; the reading is recorded in the ledger first.

    Raises:
        Http404: no such payer within the reader's desks.
    """
    return render(request, "payments/one.html", page_of(request, payer))


def page_of(request: HttpRequest, payer_id: UUID, refused: str = "") -> dict[str, object]:
    """Return the template context of a payer's page; `refused`: why a sheet could not be drafted.

    Keys: `payer`, `score`, `points` (indicators), `rows` and `chart` (transfers), `reports`, `linked` and
    `elsewhere` (its reports and those linked to them), `sheets` (with authors), and what the reader may do.

    Raises:
        Http404: no such payer within the reader's desks.
    """
    actor, now = actor_of(request), now_of(request)
    payer = get_payer(actor=actor, payer=payer_id, now=now)
    if payer is None:
        raise Http404
    around = around_of(payer, actor=actor)
    linked = [report.report_id for report in around.linked]
    consult(request, "payer", [payer_id], reports=[*payer.report_ids, *linked])
    sheets = judicial.sheets_on(actor=actor, payer=payer_id)
    names = person_names(person_ids={sheet.author_id for sheet in sheets})
    rows = rows_of(payer)
    return {
        "payer": payer,
        "score": payer.score,
        "home_report": payer.report_ids[0],
        "points": points_of(payer.score, rows),
        "rows": rows,
        "chart": timeline_of(payer.score),
        "reports": around.reports,
        "linked": around.linked,
        "elsewhere": around.elsewhere,
        "sheets": [(sheet, names.get(sheet.author_id, "")) for sheet in sheets],
        "may_draft": may(actor, "report.decide") and payer.score.suspected,
        "may_read_sheets": may(actor, "referral.read"),
        "addressees": ADDRESSEES,
        "refused": refused,
    }


def filters_of(asked: QueryDict) -> PayerFilter:
    """Return the payer filters in a query: `suspected`, `typology`, `indicator`, `country`.

    Invalid values are ignored.
    """
    typologies = load_typologies()
    codes = {rule.code for rule in (*typologies.indicator, *typologies.lowers)}
    known = {typology.code for typology in typologies.typology}
    typology, code = asked.get("typology", ""), asked.get("indicator", "")
    country = asked.get("country", "").strip().upper()
    plain = len(country) == 2 and country.isascii() and country.isalpha()
    return PayerFilter(
        suspected={"yes": True, "no": False}.get(asked.get("suspected", "")),
        typology=typology if typology in known else "",
        code=code if code in codes else "",
        country=country if plain else "",
    )


def _names(lines: Sequence[PayerLine], *, actor: Actor) -> dict[UUID, str]:
    """Return the name of each payer in `lines` by payer id, as in the newest report with their transfers."""
    rates = load_typologies().rates
    records = harmonised.get_records(actor=actor, report_ids=[line.report_id for line in lines])
    wanted = {line.payer for line in lines}
    return {
        paid.sender.id(): paid.sender.shown
        for record in records.values()
        for paid in paid_in(record, rates)
        if paid.sender.id() in wanted
    }
