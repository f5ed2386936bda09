"""Public figures: the page with charts and tables, and the same numbers as open data (CSV, JSON, DCAT).

They are of complete months and quarters, small numbers suppressed, with other publications to compare.
"""

from collections.abc import Sequence
from datetime import date
from typing import TypeAlias

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext as _, gettext_lazy, override
from django.views.decorators.http import require_safe

from fanal import reference
from fanal.accounts.routes import open_to_all
from fanal.kernel.actors import public_actor
from fanal.kernel.calendar import add_months
from fanal.reference.records import Text
from fanal.statistics import queries
from fanal.statistics.domain.definitions import (
    Figure,
    figures as definitions,
    historical_figures,
    words as text_of,
)
from fanal.statistics.domain.tabular import THRESHOLD, write_csv
from fanal.web.components import words
from fanal.web.components.sparklines import sparkline

_LANGUAGES = ("fr", "en")
_TITLE = gettext_lazy("Figures on reports and measures")
_LEAD = gettext_lazy("What people report, and what becomes of it, month by month.")
SHOWN = 13
"""Months on the page; the CSV file has all published ones."""

QUARTERS_SHOWN = 8

_TITLES = {
    "ORIENTED": gettext_lazy("Reports by kind, by quarter"),
    "DECIDED": gettext_lazy("Decisions by track, by quarter"),
    "SENT": gettext_lazy("Requests sent, by quarter"),
    "REMOVED": gettext_lazy("Addresses removed, by country of the host and time, by quarter"),
    "BLOCKED": gettext_lazy("Host names blocked, by quarter"),
}
_NOTES = {
    "BLOCKED": gettext_lazy("Only blockings whose name has been on the list of access providers."),
}

Cells: TypeAlias = dict[tuple[date, str], int | None]


@require_safe
@open_to_all("figures.read")
def figures(request: HttpRequest) -> HttpResponse:
    """Show the published figures, each as chart and table."""
    found, at = queries.published(actor=public_actor())
    lang = "en" if (get_language() or "fr").startswith("en") else "fr"
    context = {
        "published_at": at,
        "threshold": THRESHOLD,
        "sections": [
            _section(definitions()[code], found[code], lang=lang)
            for code in queries.PUBLIC
            if code in found
        ],
        "historical": historical_figures(lang),
    }
    return render(request, "public/figures.html", context)


@require_safe
@open_to_all("figures.read")
def figures_csv(request: HttpRequest) -> HttpResponse:
    """Send all published figures as CSV; a suppressed number is empty."""
    found, _at = queries.published(actor=public_actor())
    rows = [
        [figure, month.isoformat()[:7], code, "" if n is None else str(n)]
        for figure, cells in sorted(found.items())
        for (month, code), n in sorted(cells.items(), key=lambda item: item[0])
    ]
    text = write_csv(["figure", "month", "code", "number"], rows)
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="fanal-figures.csv"'
    return answer


@require_safe
@open_to_all("figures.read")
def figures_json(request: HttpRequest) -> HttpResponse:
    """Send all published figures as JSON, with their definitions in both languages.

    `number` is null if suppressed (see `threshold`). A period begins on the first day of its month and has
    `months` months. `published_at` is null before the first publication.
    """
    found, at = queries.published(actor=public_actor())
    known = definitions()
    return JsonResponse(
        {
            "schema": 1,
            "published_at": at and at.isoformat(),
            "threshold": THRESHOLD,
            "figures": [
                {
                    "code": code,
                    "label": _both(known[code].label),
                    "definition": _both(known[code].definition),
                    "source": _both(known[code].source),
                    "months": _length(code),
                    "numbers": [
                        {"month": month.isoformat()[:7], "code": cell, "number": n}
                        for (month, cell), n in sorted(
                            found[code].items(), key=lambda item: item[0]
                        )
                    ],
                }
                for code in queries.PUBLIC
                if code in found
            ],
        }
    )


@require_safe
@open_to_all("figures.read")
def figures_dcat(request: HttpRequest) -> HttpResponse:
    """Describe the published figures for catalogues of open data: a dataset of DCAT 3, as JSON-LD."""
    _found, at = queries.published(actor=public_actor())
    page = request.build_absolute_uri(reverse("public:figures"))
    forms = (("csv", "text/csv", "CSV"), ("json", "application/json", "JSON"))
    described = {
        "@context": {
            "dcat": "http://www.w3.org/ns/dcat#",
            "dct": "http://purl.org/dc/terms/",
            "xsd": "http://www.w3.org/2001/XMLSchema#",
        },
        "@id": page,
        "@type": "dcat:Dataset",
        "dct:title": [{"@language": lang, "@value": _said(_TITLE, lang)} for lang in _LANGUAGES],
        "dct:description": [
            {"@language": lang, "@value": _said(_LEAD, lang)} for lang in _LANGUAGES
        ],
        "dct:language": list(_LANGUAGES),
        "dct:accrualPeriodicity": {
            "@id": "http://publications.europa.eu/resource/authority/frequency/MONTHLY"
        },
        "dcat:landingPage": {"@id": page},
        "dcat:distribution": [
            {
                "@type": "dcat:Distribution",
                "dct:title": name,
                "dcat:mediaType": media_type,
                "dcat:accessURL": {"@id": address},
                "dcat:downloadURL": {"@id": address},
            }
            for form, media_type, name in forms
            for address in [request.build_absolute_uri(reverse(f"public:figures-{form}"))]
        ],
    }
    if at is not None:
        described["dct:modified"] = {"@type": "xsd:dateTime", "@value": at.isoformat()}
    return JsonResponse(described, content_type="application/ld+json")


def _both(text: Text) -> dict[str, str]:
    return {lang: text_of(text, lang) for lang in _LANGUAGES}


def _said(text: Promise, lang: str) -> str:
    with override(lang):
        return str(text)


def _length(figure: str) -> int:
    """Return the number of months of a public figure's periods."""
    return 1 if figure == "RECEIVED" else queries.QUARTER


def _section(figure: Figure, cells: Cells, *, lang: str) -> dict[str, object]:
    """Return the template context of one figure: table (periods as rows, codes as columns) and chart data.

    `cells`: the published counts by (first day of the period, code); None is a suppressed number. Keys:
    `code`, `title`, `definition`, `note`, `source`, `names` (of the columns), `lines` (period, numbers),
    `chart` (None if all numbers are zero or suppressed), `is_hidden` (whether one is suppressed); by month,
    also the last line as text (`latest`) and the sparkline (`spark`).
    """
    length = _length(figure.code)
    # Periods before the first nonzero number are left out: the service did not exist.
    began = min((month for (month, _code), n in cells.items() if n != 0), default=date.max)
    last = max(month for month, _code in cells)
    periods = [p for p in _periods(last, length) if p >= began] or [last]
    codes = sorted(
        {code for month, code in cells if month >= periods[0]},
        key=lambda code: (-sum(cells.get((p, code)) or 0 for p in periods), code),
    )
    kinds = [column.kind for column in figure.columns if column.name != "month"]
    names = [_("Reports") if c == "TOTAL" else _name(kinds, c, lang) for c in codes]
    shown = [[cells.get((period, code), 0) for code in codes] for period in periods]
    return {
        "code": figure.code.lower(),
        "title": text_of(figure.label, lang) if length == 1 else _TITLES[figure.code],
        "definition": text_of(figure.definition, lang),
        "note": _NOTES.get(figure.code, ""),
        "source": text_of(figure.source, lang),
        "names": names,
        "lines": [
            (_period(period, length, lang), [_number(n, lang) for n in row])
            for period, row in zip(periods, shown, strict=True)
        ],
        "latest": _latest(periods[-1], shown[-1][0], lang) if length == 1 else "",
        "spark": sparkline(periods, [row[0] for row in shown], lang) if length == 1 else None,
        "is_hidden": any(n is None for row in shown for n in row),
        "chart": {
            "type": "bar",
            "stacked": True,
            "labels": [_period(period, length, lang, short=True) for period in periods],
            "series": [
                {"name": name, "values": [row[n] for row in shown]} for n, name in enumerate(names)
            ],
        }
        if any(n for row in shown for n in row)
        else None,
    }


def _latest(month: date, number: int | None, lang: str) -> str:
    """Return a month and its number as text: `octobre 2026 : 1 234`."""
    return _("%(month)s: %(number)s") % {
        "month": words.month(month, lang),
        "number": _number(number, lang),
    }


def _periods(last: date, length: int) -> list[date]:
    count = SHOWN if length == 1 else QUARTERS_SHOWN
    return [add_months(last, (n - count + 1) * length) for n in range(count)]


def _period(first: date, length: int, lang: str, *, short: bool = False) -> str:
    """Return the period that begins on `first` as text: `octobre 2026` for one month, `T3 2026` for three.

    `short`: the month abbreviated. `length` is its number of months.
    """
    if length == 1:
        return words.month(first, lang, short=short)
    return words.quarter(first, lang)


def _name(kinds: Sequence[str], code: str, lang: str) -> str:
    """Return the name of a column: of a figure on acts, that of each code between slashes."""
    named = zip(kinds, code.split("/"), strict=False)
    return (
        " – ".join(reference.label(kind, one, lang) for kind, one in named)
        if code
        else _("Not known")
    )


def _number(n: int | None, lang: str) -> str:
    return _("hidden") if n is None else words.number(n, lang)
