"""Pages on payers with a risk score: the list; indicators, transfers, reports and links of one payer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload
from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fanal import reference
from fanal.accounts.domain.policy import may
from fanal.accounts.queries.desks import desk_names
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.analyse.payments.domain.indicators import load_typologies
from fanal.analyse.payments.domain.scoring import (
    Payer,
    PayerFilter,
    PayerLine,
    PayerScore,
    PointMade,
)
from fanal.analyse.payments.domain.transfers import Paid, paid_in
from fanal.analyse.payments.queries import count_payers, get_payer, list_payers
from fanal.crosscheck.domain.records import KinLink
from fanal.crosscheck.links.queries import links_of
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import SelectorKind
from fanal.intake.queries.envelopes import get_reports
from fanal.judicial import queries as judicial
from fanal.judicial.domain.records import ADDRESSEES, SheetReport
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import PARIS
from fanal.kernel.texts import alphabetical
from fanal.web.account.actors import actor_of, now_of
from fanal.web.reading import consult

# Formatting of times and payer keys, in both languages.

_FORMATS = {"fr": "%d/%m/%Y %H:%M", "en": "%Y-%m-%d %H:%M"}
_DAYS = {"fr": "%d/%m/%Y", "en": "%Y-%m-%d"}


def instant(at: datetime, lang: str) -> str:
    """Return the time `at` as text in Europe/Paris, to the minute."""
    return at.astimezone(PARIS).strftime(_FORMATS[lang])


def when(paid: Paid, lang: str) -> str:
    """Return the time of a transfer as text (Europe/Paris): the day alone if no hour is known, or a dash."""
    if paid.at is None:
        return "–"
    return paid.at.astimezone(PARIS).strftime((_FORMATS if paid.exact else _DAYS)[lang])


def compared_by(key: str, lang: str) -> str:
    """Return in words the identifier by which a payer is recognised, from its key `kind|value`.

    For a payer recognised by name, return "name at one operator" without the name.
    """
    kind, _sep, value = key.partition("|")
    if kind == "NAME":
        return _("name at one operator")
    return f"{reference.label('selector_kind', kind, lang)} {value}"


# Reports with a payer's transfers, and the reports linked to those.

_LOOKED_AT = 20  # newest reports of a payer whose links are queried
_LINKED = 15  # linked reports shown, strongest link first


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsAround:
    """The reports around a payer, for its page: the payer's own (`reports`), and those linked to them.

    `linked`: strongest link first; `elsewhere`: names of the desks that hold linked reports invisible to the
    reader.
    """

    reports: tuple[SheetReport, ...]
    linked: tuple[SheetReport, ...]
    elsewhere: tuple[str, ...]


def around_of(payer: Payer, *, actor: Actor) -> ReportsAround:
    """Return a payer's reports and those linked to its newest twenty, as far as the actor may see them.

    The linked reports are the fifteen with the strongest links.
    """
    best: dict[UUID, KinLink] = {}
    desks: set[int] = set()
    for report_id in payer.report_ids[:_LOOKED_AT]:
        for link in links_of(actor=actor, report_id=report_id):
            if link.other_id is None:
                desks.add(link.desk_id)
            elif link.other_id not in payer.report_ids:
                known = best.get(link.other_id)
                if known is None or (link.score or 0) > (known.score or 0):
                    best[link.other_id] = link
    ranked = sorted(best, key=lambda i: (-(best[i].score or 0), i))[:_LINKED]
    names = desk_names(desk_ids=desks)
    return ReportsAround(
        reports=_reports(payer.report_ids, {}, actor=actor),
        linked=_reports(ranked, best, actor=actor),
        elsewhere=tuple(sorted(names.values(), key=alphabetical)),
    )


def _reports(
    ids: Iterable[UUID], links: dict[UUID, KinLink], *, actor: Actor
) -> tuple[SheetReport, ...]:
    wanted = list(ids)
    facts = get_reports(actor=actor, report_ids=wanted)
    records = harmonised.get_records(actor=actor, report_ids=wanted)
    return tuple(
        SheetReport(
            report_id=i,
            reference=facts[i].spoken,
            received_at=facts[i].received_at,
            kind=records[i].kind.value,
            score=round(links[i].score or 0, 3) if i in links else 0.0,
            reasons=_shared(links[i]) if i in links else (),
        )
        for i in wanted
        if i in facts and i in records
    )


def _shared(link: KinLink) -> tuple[tuple[str, str, float], ...]:
    """Return the shared values behind a link as (kind, value, weight), without reasons of negative weight."""
    kinds = frozenset(SelectorKind)
    return tuple(
        (reason.kind, reason.value, round(reason.weight, 3))
        for reason in link.reasons
        if reason.kind in kinds and reason.weight > 0
    )


_COLORS = 9
"""Beneficiaries with a color of their own in the timeline; all others share one color."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTransfer:
    """A payment transfer (`paid`) on the page, with its number there (from 1) and its report's id.

    The id is None if the report is not known.
    """

    number: int
    paid: Paid
    report_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """An indicator that counts in a payer's score (`made`), and page numbers of the transfers it cites."""

    made: PointMade
    numbers: list[int]


def rows_of(payer: Payer) -> list[ShownTransfer]:
    """Return the transfers of a payer, earliest first, numbered from 1."""
    return [
        ShownTransfer(number=number, paid=paid, report_id=payer.reports.get(paid.id))
        for number, paid in enumerate(payer.score.transfers, start=1)
    ]


def points_of(score: PayerScore, rows: Sequence[ShownTransfer]) -> list[Point]:
    """Return the indicators of a score: raising ones before lowering ones, each group by descending weight.

    `rows` are the payer's transfers, whose page numbers the indicators cite.
    """
    numbers = {row.paid.id: row.number for row in rows}
    points = [
        Point(made=made, numbers=sorted(numbers[i] for i in made.transfers if i in numbers))
        for made in score.points
    ]
    return sorted(points, key=lambda point: (point.made.lowers, -point.made.weight))


def timeline_of(score: PayerScore) -> dict[str, object] | None:
    """Return the chart of a payer's transfers with known time and value, as data for `charts.js`.

    Keys: `stacked`, `labels` (times), `series` (for the most frequent payees, and the rest together, a name
    and the euros at each label). None for fewer than two transfers.
    """
    dated = [p for p in score.transfers if p.at is not None and p.euros is not None]
    if len(dated) < 2:
        return None
    lang = get_language() or "fr"
    names = _written_names(dated)
    return {
        "stacked": True,
        "labels": [when(paid, lang) for paid in dated],
        "series": [
            {
                "name": name,
                "values": [p.euros if _name_of(p, names) == name else None for p in dated],
            }
            for name in dict.fromkeys(names.values())
        ],
    }


def _written_names(dated: Sequence[Paid]) -> dict[str, str]:
    counts: dict[str, int] = {}
    for paid in dated:
        counts[paid.beneficiary.key] = counts.get(paid.beneficiary.key, 0) + 1
    ranked = sorted(counts, key=lambda key: (-counts[key], key))
    shown = {p.beneficiary.key: p.beneficiary.shown or _("beneficiary not known") for p in dated}
    return {
        key: shown[key] if place < _COLORS else _("other beneficiaries")
        for place, key in enumerate(ranked)
    }


def _name_of(paid: Paid, names: dict[str, str]) -> str:
    return names[paid.beneficiary.key]


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
