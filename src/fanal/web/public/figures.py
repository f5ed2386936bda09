"""Public figures: complete months, small numbers hidden, beside what others published; and as CSV."""

from datetime import date
from typing import TypeAlias

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.http import require_safe

from fanal import reference
from fanal.accounts.routes import open_to_all
from fanal.kernel.actors import public_actor
from fanal.kernel.calendar import add_months
from fanal.statistics import queries
from fanal.statistics.domain.definitions import Figure, figures as definitions, historical, words
from fanal.statistics.domain.suppression import THRESHOLD
from fanal.statistics.domain.tabular import write_csv
from fanal.web.components import numbers

SHOWN = 13
"""Months on the page; the file holds all that were published."""

Cells: TypeAlias = dict[tuple[date, str], int | None]


@require_safe
@open_to_all("figures.read")
def figures(request: HttpRequest) -> HttpResponse:
    """Show the published figures: a chart each, and the same numbers as a table."""
    found, at = queries.published(actor=public_actor())
    lang = "en" if (get_language() or "fr").startswith("en") else "fr"
    last = max((month for cells in found.values() for month, _code in cells), default=None)
    context = {
        "published_at": at,
        "threshold": THRESHOLD,
        "sections": [
            _section(definitions()[code], found[code], last=last, lang=lang)
            for code in queries.PUBLIC
            if last is not None and code in found
        ],
        "historical": [
            {
                "label": words(entry.label, lang),
                "period": entry.period,
                "value": words(entry.value, lang),
                "by": entry.published_by,
                "source": entry.source,
                "read": entry.retrieved_on,
                "confidence": entry.confidence,
                "note": words(entry.note, lang) if entry.note else "",
            }
            for entry in historical()
        ],
    }
    return render(request, "public/figures.html", context)


@require_safe
@open_to_all("figures.read")
def figures_csv(request: HttpRequest) -> HttpResponse:
    """Send every published figure as CSV; an empty number is one that is hidden."""
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


def _section(figure: Figure, cells: Cells, *, last: date, lang: str) -> dict[str, object]:
    """Return a figure: months down, codes across, and what its chart draws."""
    months = [add_months(last, offset - SHOWN + 1) for offset in range(SHOWN)]
    codes = sorted(
        {code for month, code in cells if month >= months[0]},
        key=lambda code: (-sum(cells.get((m, code)) or 0 for m in months), code),
    )
    kind = figure.columns[1].kind
    names = [_("Reports") if c == "TOTAL" else _name(kind, c, lang) for c in codes]
    shown = [[cells.get((month, code), 0) for code in codes] for month in months]
    return {
        "code": figure.code.lower(),
        "title": words(figure.label, lang) if codes != ["TOTAL"] else _("Reports received"),
        "definition": words(figure.definition, lang),
        "source": words(figure.source, lang),
        "names": names,
        "lines": [
            (numbers.month(month, lang), [_number(n, lang) for n in row])
            for month, row in zip(months, shown, strict=True)
        ],
        "chart": {
            "type": "bar",
            "stacked": True,
            "labels": [numbers.month(month, lang, short=True) for month in months],
            "series": [
                {"name": name, "values": [row[n] for row in shown]} for n, name in enumerate(names)
            ],
        },
    }


def _name(kind: str, code: str, lang: str) -> str:
    return reference.label(kind, code, lang) if code else _("Not known")


def _number(n: int | None, lang: str) -> str:
    return _("hidden") if n is None else numbers.number(n, lang)
