"""Intelligence sheets as files: PDF/UA-1 set by Typst, and JSON in both languages."""

from collections.abc import Mapping
from importlib import resources
from uuid import UUID

import msgspec
import typst
from django.utils.translation import gettext as _

from fanal import reference
from fanal.analyse.domain.payments import Paid, told
from fanal.analyse.domain.payments.scoring import PointMade
from fanal.judicial.domain.sheets import SheetFacts, SheetFile, SheetReport, SheetState
from fanal.web.desk.payments.shown import compared_by, instant, when

FORMAT = "fanal-sheet/1"


def json_of(file: SheetFile) -> bytes:
    """Return a sheet as JSON: state, addressee, score with its indicators and transfers, reports.

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


def pdf_of(file: SheetFile, *, lang: str) -> bytes:
    """Return a sheet as a tagged PDF in `lang`, marked as a draft until it is ready.

    Raises:
        ValueError: its facts have expired.
    """
    facts = _facts(file)
    data = _data(file, facts, lang)
    template = resources.files("fanal.web.desk.payments").joinpath("sheet.typ").read_bytes()
    pages = typst.Compiler(template, ignore_system_fonts=True).compile(
        format="pdf",
        sys_inputs={"data": msgspec.json.encode(data).decode()},
        pdf_standards="ua-1",
        timestamp=facts.drafted_at.replace(microsecond=0),
    )
    if not isinstance(pages, bytes):
        raise TypeError("a PDF is one file")
    return pages


def _facts(file: SheetFile) -> SheetFacts:
    if file.facts is None:
        raise ValueError("the words of this sheet have expired")
    return file.facts


def _data(file: SheetFile, facts: SheetFacts, lang: str) -> dict[str, object]:
    score = facts.score
    numbers = {paid.id: n for n, paid in enumerate(score.transfers, start=1)}
    body = reference.label("body", file.sheet.body, lang)
    name = score.sender.shown or compared_by(score.sender.key, lang)
    typology = reference.label("typology", score.typology, lang)
    summary = [
        [_("Payer"), name],
        [_("Compared by"), compared_by(score.sender.key, lang)],
        [_("Born"), score.sender.born.isoformat() if score.sender.born else "–"],
        [_("Typology"), typology],
        [_("Score"), f"{score.score:.2f}"],
        [_("Transfers"), f"{len(score.transfers)} ({score.total:.2f} EUR)"],
        [_("Rules"), score.rule_version],
        [_("Drafted"), instant(facts.drafted_at, lang)],
    ]
    return {
        "title": f"{_('Intelligence sheet')} – {name}",
        "author": "Fanal",
        "lang": lang,
        "addressee": f"{_('To:')} {body}",
        "number": str(file.sheet.id),
        "draft": _("DRAFT – not sent, not to be used") if _is_draft(file) else "",
        "caveat": _caveat(lang),
        "summary": summary,
        "assessment": {"title": _("Assessment of the officer"), "text": file.summary or "–"},
        "points": {
            "title": _("Indicators"),
            "header": [_("Indicator"), _("Why"), _("Transfers"), _("Weight"), _("Source")],
            "lines": [_point(point, numbers, lang) for point in score.points],
        },
        "transfers": {
            "title": _("Transfers"),
            "header": [
                "N°",
                _("When"),
                _("Amount"),
                _("Beneficiary"),
                _("Payment label"),
                _("Operator"),
            ],
            "lines": [_transfer(n, paid, lang) for n, paid in enumerate(score.transfers, start=1)],
        },
        "reports": {
            "title": _("Reports that hold these transfers"),
            "header": [_("Report"), _("Received"), _("Kind")],
            "lines": [_report(report, lang) for report in facts.reports],
        },
        "linked": {
            "title": _("Reports linked to them"),
            "header": [_("Report"), _("Received"), _("Kind"), _("Strength"), _("Shared values")],
            "lines": [
                [*_report(r, lang), f"{r.score:.2f}", _shared(r, lang)] for r in facts.linked
            ],
            "nothing": _("No other report is linked to them."),
        },
    }


def _is_draft(file: SheetFile) -> bool:
    return file.sheet.state in {SheetState.DRAFT, SheetState.WITHDRAWN}


def _caveat(lang: str) -> str:
    return reference.label("sheet_caveat", "CAVEAT", lang)


def _point(point: PointMade, numbers: Mapping[UUID, int], lang: str) -> list[str]:
    checked = "" if point.checked_by != "UNCHECKED" else f" ({_('UNCHECKED')})"
    seen = ", ".join(str(numbers[i]) for i in point.transfers if i in numbers)
    sign = "\u2212" if point.lowers else "+"
    return [
        reference.label("finding", point.code, lang),
        reference.render(point.because.code, point.because.parameters, lang),
        seen,
        f"{sign}{point.weight:.2f}",
        f"{point.source}{checked}",
    ]


def _transfer(number: int, paid: Paid, lang: str) -> list[str]:
    country = paid.beneficiary.country
    place = f" ({reference.label('country', country, lang)})" if country else ""
    return [
        str(number),
        when(paid, lang),
        f"{paid.amount or '–'} {paid.currency}".strip(),
        f"{paid.beneficiary.shown or '–'}{place}",
        paid.label or "–",
        paid.operator or "–",
    ]


def _report(report: SheetReport, lang: str) -> list[str]:
    return [
        report.reference,
        instant(report.received_at, lang),
        reference.label("report_kind", report.kind, lang),
    ]


def _shared(report: SheetReport, lang: str) -> str:
    return ", ".join(
        f"{reference.label('selector_kind', kind, lang)} {value}"
        for kind, value, _w in report.reasons
    )
