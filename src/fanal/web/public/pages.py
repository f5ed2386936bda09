"""Public pages without a form: home, legal notice, data protection, accessibility, figures; the receipt key.

Published figures are of complete months, small numbers suppressed, with other publications to compare.
"""

from datetime import date
from typing import TypeAlias

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext as _, gettext_lazy
from django.views.decorators.http import require_safe

from fanal import reference
from fanal.accounts.routes import open_to_all
from fanal.kernel.actors import public_actor
from fanal.kernel.calendar import add_months
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
from fanal.web.public import setup


@require_safe
@open_to_all("page.public")
def home(request: HttpRequest) -> HttpResponse:
    """Show the home page: purpose of the service, emergency numbers, link to the report form."""
    return render(request, "public/home.html", {"root": setup.current().root})


@require_safe
@open_to_all("page.public")
def receipt_key(request: HttpRequest) -> HttpResponse:
    """Send the public key that verifies receipts, as a PEM file; its URL never changes.

    Raises:
        Http404: this node has no such key.
    """
    root = setup.current().root
    if root is None:
        raise Http404
    return HttpResponse(root.pem, content_type="application/x-pem-file")


@require_safe
@open_to_all("page.public")
def legal(request: HttpRequest) -> HttpResponse:
    """Show the legal notice."""
    return render(request, "public/legal.html")


@require_safe
@open_to_all("page.public")
def privacy(request: HttpRequest) -> HttpResponse:
    """Show the data kept of a report and of its sender, with retention periods."""
    kept = {"keep_address": setup.current().keep_address}
    return render(request, "public/privacy.html", kept)


@require_safe
@open_to_all("page.public")
def accessibility(request: HttpRequest) -> HttpResponse:
    """Show the accessibility statement."""
    return render(request, "public/accessibility.html")


SHOWN = 13
"""Months on the page; the CSV file has all published ones."""

QUARTERS_SHOWN = 8

_TITLES = {
    "ORIENTED": gettext_lazy("Reports by kind, by quarter"),
    "DECIDED": gettext_lazy("Decisions by track, by quarter"),
    "SENT": gettext_lazy("Requests sent, by quarter"),
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


def _section(figure: Figure, cells: Cells, *, lang: str) -> dict[str, object]:
    """Return the template context of one figure: table (periods as rows, codes as columns) and chart data.

    `cells`: the published counts by (first day of the period, code); None is a suppressed number. Keys:
    `code`, `title`, `definition`, `source`, `names` (of the columns), `lines` (period, numbers), `chart`
    (None if all numbers are zero or suppressed), `is_hidden` (whether one is suppressed); by month, also the
    last line as text (`latest`) and the sparkline (`spark`).
    """
    length = 1 if figure.code == "RECEIVED" else queries.QUARTER
    # Periods before the first nonzero number are left out: the service did not exist.
    began = min((month for (month, _code), n in cells.items() if n != 0), default=date.max)
    last = max(month for month, _code in cells)
    periods = [p for p in _periods(last, length) if p >= began] or [last]
    codes = sorted(
        {code for month, code in cells if month >= periods[0]},
        key=lambda code: (-sum(cells.get((p, code)) or 0 for p in periods), code),
    )
    kind = figure.columns[1].kind
    names = [_("Reports") if c == "TOTAL" else _name(kind, c, lang) for c in codes]
    shown = [[cells.get((period, code), 0) for code in codes] for period in periods]
    return {
        "code": figure.code.lower(),
        "title": text_of(figure.label, lang) if length == 1 else _TITLES[figure.code],
        "definition": text_of(figure.definition, lang),
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


def _name(kind: str, code: str, lang: str) -> str:
    return reference.label(kind, code, lang) if code else _("Not known")


def _number(n: int | None, lang: str) -> str:
    return _("hidden") if n is None else words.number(n, lang)
