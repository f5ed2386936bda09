"""Pages on statistics: figures of the desk, summary of a year, each figure as CSV and JSON."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from importlib import resources

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from fanal.accounts.domain.policy import may
from fanal.accounts.routes import needs
from fanal.casework.domain.documents import set_pdf
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import add_months, months_of_year, months_until, paris_day
from fanal.statistics import queries
from fanal.statistics.domain.definitions import figures, historical_figures
from fanal.statistics.domain.tabular import Table, as_csv, as_json, change
from fanal.web.account.actors import actor_of, now_of
from fanal.web.components import words
from fanal.web.desk.statistics import panels
from fanal.web.desk.statistics.panels import Panel

# The yearly report as PDF/UA-1: the panels of the yearly page, set by Typst from one template.


def as_pdf(panels: Sequence[Panel], *, title: str, lead: str, lang: str, now: datetime) -> bytes:
    """Return the yearly report (title, introduction `lead`, figures) as a tagged PDF dated `now`."""
    data = {
        "title": title,
        "author": "Fanal",
        "lead": lead,
        "lang": lang,
        "words": {
            "nothing": _("Nothing was counted in this period."),
            "source": _("Source"),
            "colon": "\N{NARROW NO-BREAK SPACE}:" if lang == "fr" else ":",
        },
        "panels": [_shown(panel) for panel in panels],
    }
    template = resources.files("fanal.web.desk.statistics").joinpath("yearly.typ").read_bytes()
    return set_pdf(template, data, at=now)


def _shown(panel: Panel) -> dict[str, object]:
    return {
        "title": panel.title,
        "header": panel.header,
        "lines": [
            {"cells": [line.heading, *line.cells], "total": line.total} for line in panel.lines
        ],
        "definition": panel.definition,
        "source": panel.source,
    }


FIRST_YEAR = 2009
"""First year with published figures."""

RECENT = 3
"""Months covered by the delays on the first page, which describes present performance."""

WITHDRAWN_WITHIN = timedelta(days=365)
"""Period over which retracted and never finished reports are counted."""


@never_cache
@require_safe
@needs("statistics.read")
def home(request: HttpRequest) -> HttpResponse:
    """Show the desk's statistics of the present month and of the twelve before."""
    actor, now, lang = actor_of(request), now_of(request), language()
    months = months_until(paris_day(now), count=queries.CHOICE)
    tables = _tables(months, actor=actor, now=now, delays_from=months[-RECENT])
    context = {
        "headlines": _headlines(tables, months[-1], lang),
        "panels": _panels(tables, months, lang),
        "waiting": panels.waiting(queries.waiting(actor=actor, now=now), lang),
        "historical": historical_figures(lang),
        "withdrawn": queries.withdrawn(actor=actor, since=now - WITHDRAWN_WITHIN),
        "withdrawn_days": WITHDRAWN_WITHIN.days,
        "this_year": paris_day(now).year,
        "since": months[0],
        "until": add_months(months[-1], 1),
        "frame": frame_of(actor),
    }
    return render(request, "statistics/home.html", context)


@never_cache
@require_safe
@needs("statistics.read")
def year_summary(request: HttpRequest, year: int) -> HttpResponse:
    """Show the figures of a calendar year, compared with the year before, ready to print.

    Raises:
        Http404: a future year, or one before the first possible.
    """
    actor, now, lang = actor_of(request), now_of(request), language()
    today = paris_day(now)
    if not FIRST_YEAR <= year <= today.year:
        raise Http404
    months = months_of_year(year, last=today)
    context = {
        "year": year,
        "panels": _panels(_tables(months, actor=actor, now=now), months, lang),
        "historical": [
            h for h in historical_figures(lang) if h["period"] in {str(year), str(year - 1)}
        ],
        "earlier": year - 1 if year > FIRST_YEAR else None,
        "later": year + 1 if year < today.year else None,
        "lead": _lead(open_year=year == today.year),
        "since": months[0],
        "until": add_months(months[-1], 1),
        "frame": frame_of(actor),
    }
    return render(request, "statistics/year.html", context)


@never_cache
@require_safe
@needs("statistics.read")
def year_pdf(request: HttpRequest, year: int) -> HttpResponse:
    """Send the summary of a year as an accessible PDF.

    Raises:
        Http404: a future year, or one before the first possible.
    """
    actor, now, lang = actor_of(request), now_of(request), language()
    today = paris_day(now)
    if not FIRST_YEAR <= year <= today.year:
        raise Http404
    months = months_of_year(year, last=today)
    pdf = as_pdf(
        _panels(_tables(months, actor=actor, now=now), months, lang),
        title=_("The year %(year)s in figures") % {"year": year},
        lead=_lead(open_year=year == today.year),
        lang=lang,
        now=now,
    )
    answer = HttpResponse(pdf, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="fanal-{year}-{lang}.pdf"'
    return answer


@never_cache
@require_safe
@needs("statistics.read")
def figure_csv(request: HttpRequest, figure: str) -> HttpResponse:
    """Send a statistical figure (by its code) as CSV, with cells protected against formula injection.

    The query's `since` and `until` (a month such as `2026-11`; `until` is excluded) bound the period; by
    default it is the present month and the twelve before.

    Raises:
        Http404: an unknown figure, or a period outside the possible ones.
    """
    table = _asked(request, figure)
    answer = HttpResponse(as_csv(table), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="fanal-{figure.lower()}.csv"'
    return answer


@never_cache
@require_safe
@needs("statistics.read")
def figure_json(request: HttpRequest, figure: str) -> HttpResponse:
    """Send a statistical figure (by its code) as JSON, with its definition and source.

    The query's `since` and `until` bound the period as in `figure_csv`.

    Raises:
        Http404: an unknown figure, or a period outside the possible ones.
    """
    return HttpResponse(as_json(_asked(request, figure)), content_type="application/json")


def _lead(*, open_year: bool) -> str:
    """Return the introduction to a year's figures, which says what they are compared with.

    `open_year`: the year is not over.
    """
    if open_year:
        return _(
            "The year is not over: each number is compared with the same days of the year before."
        )
    return _("The whole year next to the previous one. Cases are counted in their current state.")


def _asked(request: HttpRequest, figure: str) -> Table:
    """Return a figure's table for download: from the query's month `since` to before `until`.

    By default the present month and the twelve before, as on the page.

    Raises:
        Http404: an unknown figure, a malformed month, or a period outside the possible ones.
    """
    if figure not in figures():
        raise Http404
    now = now_of(request)
    months = months_until(paris_day(now), count=queries.CHOICE)
    since = _month(request.GET.get("since", ""), months[0])
    until = _month(request.GET.get("until", ""), add_months(months[-1], 1))
    latest = add_months(months[-1], 1)
    if not date(FIRST_YEAR, 1, 1) <= since < until <= latest:
        raise Http404
    return queries.table(actor=actor_of(request), figure=figure, since=since, until=until, now=now)


def _month(text: str, default: date) -> date:
    if not text:
        return default
    try:
        return date.fromisoformat(f"{text[:7]}-01")
    except ValueError:
        raise Http404 from None


def _tables(
    months: Sequence[date], *, actor: Actor, now: datetime, delays_from: date | None = None
) -> dict[str, Table]:
    since, until = months[0], add_months(months[-1], 1)
    codes = [code for code in figures() if code != "WAITING"]
    return {
        code: queries.table(
            actor=actor,
            figure=code,
            since=delays_from or since if code == "DELAYS" else since,
            until=until,
            now=now,
        )
        for code in codes
    }


def _panels(tables: dict[str, Table], months: Sequence[date], lang: str) -> list[panels.Panel]:
    kinds = tables["ORIENTED"]
    return [
        panels.by_month(tables["RECEIVED"], months, lang),
        replace(panels.by_code(kinds, lang, column=1), title=_("Reports by kind")),
        panels.crossed(kinds, lang, rows=1, columns=2),
        panels.by_month(tables["DECIDED"], months, lang),
        panels.by_month(tables["SENT"], months, lang),
        panels.crossed(tables["OUTCOMES"], lang, rows=1, columns=0),
        panels.by_code(tables["BLOCKED"], lang, column=0),
        panels.by_code(tables["DEREFERENCED"], lang, column=0),
        panels.by_code(tables["NOTIFIED"], lang, column=0),
        panels.by_code(tables["REFERRED"], lang, column=0),
        replace(panels.delays(tables["DELAYS"], lang), title=_delays_title(tables["DELAYS"])),
    ]


def _delays_title(table: Table) -> str:
    since = words.month(table.since, language())
    return _("Delays since %(month)s") % {"month": since}


def _percent(value: int, before: int | None, lang: str) -> str:
    found = change(value, before)
    return "" if found is None else words.percent(found, lang)


def _headlines(tables: dict[str, Table], month: date, lang: str) -> list[dict[str, object]]:
    """Return the headline figures of a month, compared with the same days a year before, as text.

    `tables`: by figure code. Keys: `name`, `value`, `before`, `change`.
    """
    key = month.isoformat()[:7]

    def headline(figure: str, code: str = "") -> dict[str, object]:
        rows = [r for r in tables[figure].rows if r.keys[0] == key and (not code or code in r.keys)]
        value = sum(int(r.value or 0) for r in rows)
        known = [r.before for r in rows if r.before is not None]
        before = sum(known) if len(known) == len(rows) else None
        return {
            "value": words.number(value, lang),
            "before": "–" if before is None else words.number(before, lang),
            "change": _percent(value, before, lang),
        }

    return [
        {"name": "RECEIVED", **headline("RECEIVED")},
        {"name": "URGENT", **headline("RECEIVED", "URGENT")},
        {"name": "DECIDED", **headline("DECIDED")},
        {"name": "SENT", **headline("SENT")},
    ]


def frame_of(actor: Actor) -> str:
    """Return the name of the base template: with alarms if the actor may list reports, else without."""
    return "desk/base.html" if may(actor, "report.list") else "base_desk.html"


def language() -> str:
    """Return the language of the page: fr or en."""
    return "en" if (get_language() or "fr").startswith("en") else "fr"
