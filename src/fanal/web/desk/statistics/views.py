"""Pages on statistics: figures of the desk, summary of a year, each figure as CSV and JSON."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from fanal.accounts.domain.policy import may
from fanal.accounts.routes import needs
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import add_months, months_of_year, months_until, paris_day
from fanal.statistics import queries
from fanal.statistics.domain.definitions import figures, historical_figures
from fanal.statistics.domain.tabular import Table, as_csv, as_json
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.statistics import panels, periods
from fanal.web.desk.statistics.marks import context_of, mark_panels, marks_of
from fanal.web.desk.statistics.panels import Course, Headline
from fanal.web.desk.statistics.periods import StatisticsPeriod
from fanal.web.desk.statistics.yearly import as_pdf, sentences

HEADLINES = ("received-months", "received-urgent", "decided-months", "sent-months")
"""Keys of the panels whose totals head the page."""

COURSE = 13
"""Fewest months of a sparkline: a shorter period is shown at the end of the year before it."""

WITHDRAWN_WITHIN = timedelta(days=365)
"""Period over which retracted and never finished reports are counted."""


@never_cache
@require_safe
@needs("statistics.read")
def home(request: HttpRequest) -> HttpResponse:
    """Show the desk's statistics of a period, which the address names.

    By default the present month and the twelve before.

    Raises:
        Http404: no such period.
    """
    actor, now, lang = actor_of(request), now_of(request), language()
    today = paris_day(now)
    period = _period(request, today)
    found = _panels(period.months, actor=actor, now=now, lang=lang)
    marks = marks_of(actor=actor, since=period.first, until=period.until, lang=lang)
    earlier, later = periods.neighbours(period, today=today)
    oldest = min(queries.first_month(actor=actor) or today, period.first)
    context = {
        "period": period,
        "period_text": periods.label_of(period, lang),
        "choices": periods.choices(period, lang, today=today),
        "earlier": earlier,
        "later": later,
        "offered": periods.offered_months(oldest, lang, today=today),
        "ends": [month.isoformat()[:7] for month in (period.first, period.last)],
        "is_open": period.until > today,
        "headlines": _headlines(found, lang),
        "panels": mark_panels(found, marks, period.months, period.until),
        "waiting": panels.waiting(queries.waiting(actor=actor, now=now), lang),
        "historical": historical_figures(lang),
        "withdrawn": queries.withdrawn(actor=actor, since=now - WITHDRAWN_WITHIN),
        "withdrawn_days": WITHDRAWN_WITHIN.days,
        "year": period.last.year,
        "since": period.first,
        "until": period.until,
        "frame": frame_of(actor),
        **context_of(request, marks),
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
    actor, lang, today = actor_of(request), language(), paris_day(now_of(request))
    months, found = _of_year(request, year)
    context = {
        "year": year,
        "sentences": sentences(found, lang),
        "panels": found,
        "historical": [
            h for h in historical_figures(lang) if h["period"] in {str(year), str(year - 1)}
        ],
        "earlier": year - 1 if year > periods.FIRST_YEAR else None,
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
    now, lang = now_of(request), language()
    _months, found = _of_year(request, year)
    pdf = as_pdf(
        found,
        title=_("The year %(year)s in figures") % {"year": year},
        lead=_lead(open_year=year == paris_day(now).year),
        lang=lang,
        now=now,
        headlines=_headlines(found, lang),
        sentences=sentences(found, lang),
    )
    answer = HttpResponse(pdf, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="fanal-{year}-{lang}.pdf"'
    return answer


def _of_year(request: HttpRequest, year: int) -> tuple[Sequence[date], list[panels.Panel]]:
    """Return the months of a year, up to the present one, and its panels.

    Raises:
        Http404: a future year, or one before the first possible.
    """
    now = now_of(request)
    today = paris_day(now)
    if not periods.FIRST_YEAR <= year <= today.year:
        raise Http404
    months = months_of_year(year, last=today)
    return months, _panels(months, actor=actor_of(request), now=now, lang=language())


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
    if not date(periods.FIRST_YEAR, 1, 1) <= since < until <= latest:
        raise Http404
    return queries.table(actor=actor_of(request), figure=figure, since=since, until=until, now=now)


def _period(request: HttpRequest, today: date) -> StatisticsPeriod:
    try:
        return periods.read_period(request.GET.dict(), today=today)
    except periods.PeriodInvalid:
        raise Http404 from None


def _month(text: str, default: date) -> date:
    if not text:
        return default
    try:
        return date.fromisoformat(f"{text[:7]}-01")
    except ValueError:
        raise Http404 from None


def _panels(
    months: Sequence[date], *, actor: Actor, now: datetime, lang: str
) -> list[panels.Panel]:
    since, until = months[0], add_months(months[-1], 1)
    around = tuple(months) if len(months) >= COURSE else months_until(months[-1], count=COURSE)

    def read(figure: str, since: date = since) -> Table:
        return queries.table(actor=actor, figure=figure, since=since, until=until, now=now)

    courses = {code: Course(table=read(code, around[0]), months=around) for code in queries.DAILY}
    tables = {code: each.table.between(since, months[-1]) for code, each in courses.items()}
    kinds = tables["ORIENTED"]
    urgent = replace(courses["RECEIVED"], table=courses["RECEIVED"].table.only("URGENT"))
    return [
        panels.by_month(tables["RECEIVED"], months, lang, course=courses["RECEIVED"]),
        replace(
            panels.by_month(tables["RECEIVED"].only("URGENT"), months, lang, course=urgent),
            key="received-urgent",
            title=_("Declared emergencies"),
        ),
        replace(
            panels.by_code(kinds, lang, column=1, course=courses["ORIENTED"]),
            title=_("Reports by kind"),
        ),
        panels.heat_map(kinds, lang, rows=1, columns=2),
        panels.by_place(read("DEPARTEMENTS"), lang),
        panels.by_month(tables["DECIDED"], months, lang, course=courses["DECIDED"]),
        panels.by_month(tables["SENT"], months, lang, course=courses["SENT"]),
        panels.crossed(read("OUTCOMES"), lang, rows=1, columns=0),
        panels.crossed(read("REMOVED"), lang, rows=0, columns=1),
        *(
            panels.by_code(read(code), lang, column=0)
            for code in ("BLOCKED", "MIRRORED", "DEREFERENCED", "APPEALED", "NOTIFIED", "REFERRED")
        ),
        panels.delays(read("DELAYS"), lang),
    ]


def _headlines(found: Sequence[panels.Panel], lang: str) -> list[Headline]:
    return [panels.headline(panel, lang) for panel in found if panel.key in HEADLINES]


def frame_of(actor: Actor) -> str:
    """Return the name of the base template: with alarms if the actor may list reports, else without."""
    return "desk/base.html" if may(actor, "report.list") else "base_desk.html"


def language() -> str:
    """Return the language of the page: fr or en."""
    return "en" if (get_language() or "fr").startswith("en") else "fr"
