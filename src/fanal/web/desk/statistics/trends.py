"""Pages on trends: weekly counts of two years, changes of level in words, new services; CSV and JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from fanal import reference
from fanal.accounts.queries.people import partner_names
from fanal.accounts.routes import needs
from fanal.statistics import weeks
from fanal.statistics.domain import definitions
from fanal.statistics.domain.tabular import change
from fanal.statistics.domain.trends import RECENT, LevelChange, Newcomer
from fanal.statistics.weeks import SHOWN, Trend
from fanal.web.account.actors import actor_of, now_of
from fanal.web.components import words
from fanal.web.desk.statistics.marks import context_of, marked, marks_of
from fanal.web.desk.statistics.views import frame_of, language

DRAWN: Final = 6
"""Number of series in a chart; all others are summed into one."""
LISTED: Final = 20
_PUBLIC = UUID(int=0)
Names = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPanel:
    """The weekly counts of a figure, ready for display.

    `code` is the figure's, `key` its HTML id. `title`, `definition`, `source`, `query` (how it is computed)
    and `retention` are texts. `header` and `lines` (name, cells) are the table, `changes` the level changes
    of its weekly series, latest first (contexts of `_changes`). `chart` is the data for `charts.js`, None
    without any.
    """

    code: str
    key: str
    title: str
    definition: str
    source: str
    query: str
    retention: str
    header: list[str]
    lines: list[tuple[str, list[str]]]
    changes: list[dict[str, object]]
    chart: dict[str, object] | None


@never_cache
@require_safe
@needs("statistics.read")
def home(request: HttpRequest) -> HttpResponse:
    """Show the weekly counts of the last 52 complete weeks, compared with the year before (trends)."""
    actor, now, lang = actor_of(request), now_of(request), language()
    found = [weeks.trend(actor=actor, figure=code, now=now) for code in definitions.trends()]
    mondays = [found[0].weeks[place] for place in found[0].shown]
    until = mondays[-1] + timedelta(weeks=1)
    marks = marks_of(actor=actor, since=mondays[0], until=until, lang=lang)
    platforms = next(trend for trend in found if trend.figure.code == "PLATFORMS")
    context = {
        "panels": [
            replace(panel, chart=panel.chart and marked(panel.chart, marks, mondays, until))
            for panel in (_panel(trend, lang) for trend in found)
        ],
        "new": [_newcomer(name, platforms.weeks, lang) for name in platforms.new],
        "learning": weeks.KNOWN,
        "frame": frame_of(actor),
        **context_of(request, marks),
    }
    return render(request, "statistics/trends.html", context)


@never_cache
@require_safe
@needs("statistics.read")
def trend_csv(request: HttpRequest, trend: str) -> HttpResponse:
    """Send a trend (by its code, `trend`) as CSV, with its level changes marked.

    Raises:
        Http404: no such trend.
    """
    found = _asked(request, trend)
    text = weeks.trend_csv(found, names=_senders(found))
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="fanal-weeks-{trend.lower()}.csv"'
    return answer


@never_cache
@require_safe
@needs("statistics.read")
def trend_json(request: HttpRequest, trend: str) -> HttpResponse:
    """Send the weekly counts of a figure as JSON, with its definition, changes of level and new names.

    `trend` is the figure's code. New names are codes (such as services) first counted within the last twelve
    weeks.

    Raises:
        Http404: no such trend.
    """
    found = _asked(request, trend)
    whole = weeks.trend_json(found, names=_senders(found))
    return HttpResponse(whole, content_type="application/json")


def _asked(request: HttpRequest, figure: str) -> Trend:
    if figure not in definitions.trends():
        raise Http404
    return weeks.trend(actor=actor_of(request), figure=figure, now=now_of(request))


def _panel(trend: Trend, lang: str) -> TrendPanel:
    figure = trend.figure
    shown = {code: series[-SHOWN:] for code, series in trend.counts.items()}
    codes = sorted((c for c in shown if any(shown[c])), key=lambda c: (-sum(shown[c]), c))
    names = _names(trend, codes, lang)
    return TrendPanel(
        code=figure.code,
        key=f"trend-{figure.code.lower()}",
        title=definitions.words(figure.label, lang),
        definition=definitions.words(figure.definition, lang),
        source=definitions.words(figure.source, lang),
        query=figure.query,
        retention=definitions.words(figure.retention, lang),
        header=[
            definitions.words(figure.columns[1].label, lang),
            _("Last 4 weeks"),
            _("4 weeks before"),
            _("Change in volume"),
            _("Same weeks a year before"),
            _("This week so far"),
        ],
        lines=[(names[code], _cells(trend, code, lang)) for code in codes[:LISTED]],
        changes=_changes(trend, names, lang),
        chart=_chart(trend, codes, names, lang=lang) if codes else None,
    )


def _cells(trend: Trend, code: str, lang: str) -> list[str]:
    series = trend.counts[code]
    last, earlier = sum(series[-RECENT:]), sum(series[-2 * RECENT : -RECENT])
    year_before = sum(series[-SHOWN - RECENT : -SHOWN])
    return [
        words.number(last, lang),
        words.number(earlier, lang),
        words.percent(change(last, earlier), lang),
        words.number(year_before, lang),
        words.number(trend.now.get(code, 0), lang),
    ]


def _changes(trend: Trend, names: Names, lang: str) -> list[dict[str, object]]:
    """Return the level changes (change points) of all weekly series of a trend, latest first.

    Keys: `name` (from `names`, by code), `up` (whether a rise), `week` (its Monday), `before` and `after`
    (levels). All are texts but `up`.
    """
    found = [(code, point) for code, points in trend.changes.items() for point in points]
    found.sort(key=lambda pair: (-pair[1].at, pair[0]))
    return [
        {
            "name": names.get(code, code),
            "up": point.direction == "UP",
            "week": words.monday(trend.weeks[point.at], lang),
            **_levels(point, lang),
        }
        for code, point in found
    ]


def _levels(point: LevelChange, lang: str) -> dict[str, object]:
    return {
        "before": words.level(point.before, lang),
        "after": words.level(point.after, lang),
    }


def _chart(trend: Trend, codes: Sequence[str], names: Names, *, lang: str) -> dict[str, object]:
    series: list[dict[str, object]] = [
        {"name": names[code], "values": list(trend.counts[code][-SHOWN:])} for code in codes[:DRAWN]
    ]
    if rest := codes[DRAWN:]:
        values = [sum(trend.counts[code][place] for code in rest) for place in trend.shown]
        series.append({"name": _("Others"), "values": values})
    whole = [sum(c[place - SHOWN] for c in trend.counts.values()) for place in trend.shown]
    series.append({"name": _("Year before"), "values": whole, "line": True})
    labels = [words.monday(trend.weeks[place], lang, short=True) for place in trend.shown]
    return {"type": "bar", "stacked": True, "labels": labels, "series": series}


def _newcomer(name: Newcomer, mondays: Sequence[date], lang: str) -> dict[str, object]:
    return {
        "name": name.code,
        "week": words.monday(mondays[name.first], lang),
        "total": words.number(name.total, lang),
        "last": words.number(name.last, lang),
        "earlier": words.number(name.earlier, lang),
    }


def _names(trend: Trend, codes: Sequence[str], lang: str) -> Names:
    """Return the display names of codes (partner, country, service), codes that changed level included."""
    senders = _senders(trend)
    kind = trend.figure.columns[1].kind
    return {code: senders.get(code) or _name(code, kind, lang) for code in {*codes, *trend.changes}}


def _name(code: str, kind: str, lang: str) -> str:
    if not code:
        return _("Not known")
    return reference.label(kind, code, lang) if kind else code


def _senders(trend: Trend) -> Names:
    """Return the senders' names by partner id, the public included; empty for trends not split by sender."""
    if trend.figure.code != "SENDERS":
        return {}
    named = partner_names(partner_ids=[UUID(code) for code in trend.counts])
    return {str(_PUBLIC): _("The public"), **{str(one): name for one, name in named.items()}}
