"""Intelligence sheets as documents: their parts in one language, and JSON in both languages."""

from collections.abc import Mapping
from uuid import UUID

import msgspec
from django.utils.translation import gettext as _

from fanal import reference
from fanal.analyse.payments.domain.scoring import PointMade, told
from fanal.analyse.payments.domain.transfers import Paid
from fanal.casework.domain.documents import Part
from fanal.casework.domain.records import ActFile
from fanal.judicial.domain.sheets import SheetFacts, SheetFile, SheetReport
from fanal.judicial.queries import read_sheet_file
from fanal.web.desk.payments.shown import compared_by, instant, when

FORMAT = "fanal-sheet/1"


def json_of(file: SheetFile) -> bytes:
    """Return a sheet as JSON: state, addressee, score with its indicators and transfers, reports.

    `file` is the sheet with its present document.

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
    """Return the sections of a sheet's document (lines, tables) in `lang`, which is the page's language.

    `file` is the sheet with its present document.

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
