"""The yearly report as PDF/UA-1, set by Typst: cover, five sentences, charts, then the tables of the page."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path

from django.utils.translation import gettext as _, ngettext

from fanal.casework.domain.documents import set_pdf
from fanal.kernel.calendar import paris_day
from fanal.web.components import words
from fanal.web.desk.statistics.panels import Compared, Headline, Panel, PanelChart

_MAPS = Path(__file__).parents[2] / "static/vendor/maps.svg"
_SHADES = ("#ffffff", "#e3f0f3", "#c4dde3", "#9cc4cd", "#6ca1ae", "#0a5768")
"""Colors of the shades of a map; `yearly.typ` has the same for tables."""


def sentences(panels: Sequence[Panel], lang: str) -> list[str]:
    """Return the five sentences of a year, each from the total or a line of a panel.

    They say how many reports came in, how many were declared emergencies, which kind was the most frequent,
    how many decisions were taken and requests sent.
    """
    by_key = {panel.key: panel for panel in panels}
    received, urgent, decided, sent = (
        by_key[key].total or Compared(value=0, before=None)
        for key in ("received-months", "received-urgent", "decided-months", "sent-months")
    )
    return [
        ngettext(
            "%(number)s report was received%(compared)s.",
            "%(number)s reports were received%(compared)s.",
            received.value,
        )
        % _numbers(received, lang),
        ngettext(
            "%(number)s was declared an emergency%(compared)s.",
            "%(number)s were declared emergencies%(compared)s.",
            urgent.value,
        )
        % _numbers(urgent, lang),
        _most_frequent(by_key["oriented-codes"], lang),
        ngettext(
            "%(number)s decision was taken%(compared)s.",
            "%(number)s decisions were taken%(compared)s.",
            decided.value,
        )
        % _numbers(decided, lang),
        ngettext(
            "%(number)s request was sent%(compared)s.",
            "%(number)s requests were sent%(compared)s.",
            sent.value,
        )
        % _numbers(sent, lang),
    ]


def as_pdf(
    panels: Sequence[Panel],
    *,
    title: str,
    lead: str,
    lang: str,
    now: datetime,
    headlines: Sequence[Headline] = (),
    sentences: Sequence[str] = (),
) -> bytes:
    """Return the yearly report as a tagged PDF dated `now`.

    The cover has its title, the introduction `lead` and the `headlines`; `sentences` follow, then charts and
    tables of the panels.
    """
    day = words.day(paris_day(now), lang, today=paris_day(now))
    data = {
        "title": title,
        "author": "Fanal",
        "lead": lead,
        "lang": lang,
        "words": {
            "nothing": _("Nothing was counted in this period."),
            "source": _("Source"),
            "colon": "\N{NARROW NO-BREAK SPACE}:" if lang == "fr" else ":",
            "sentences": _("The year in five sentences"),
            "charts": _("Charts"),
            "tables": _("Tables of the figures"),
            "same": _("The table of the same name gives the same numbers."),
            "outlines": _(
                "Outlines: Victor Cazanave (départements, CC BY 4.0, adapted), Natural Earth (overseas,"
                " public domain)."
            ),
        },
        "totals": [
            {"name": one.name, "value": one.value, "compared": _said(one)} for one in headlines
        ],
        "sentences": list(sentences),
        "made": _("Counted on %(day)s %(year)s.") % {"day": day, "year": paris_day(now).year},
        "panels": [_shown(panel, lang) for panel in panels],
    }
    template = resources.files("fanal.web.desk.statistics").joinpath("yearly.typ").read_bytes()
    return set_pdf(template, data, at=now)


def _numbers(total: Compared, lang: str) -> dict[str, str]:
    """Return a total and its comparison with the year before, as text for a sentence."""
    before, change = words.number(total.before, lang), words.percent(total.change, lang)
    if total.before is None:
        compared = ""
    elif total.change is None:
        compared = _(", against %(before)s the year before") % {"before": before}
    else:
        compared = _(", %(change)s on the year before (%(before)s)") % {
            "change": change,
            "before": before,
        }
    return {"number": words.number(total.value, lang), "compared": compared}


def _most_frequent(panel: Panel, lang: str) -> str:
    if panel.total is None or not panel.total.value or panel.chart is None:
        return _("No report has a kind yet.")
    name, first = panel.chart["labels"][0], panel.chart["series"][0]["values"][0] or 0
    return _(
        "The most frequent kind is “%(kind)s”: %(number)s out of %(total)s (%(share)s), once"
        " through every stage."
    ) % {
        "kind": name,
        "number": words.number(first, lang),
        "total": words.number(panel.total.value, lang),
        "share": words.share(first / panel.total.value, lang),
    }


def _said(headline: Headline) -> str:
    if not headline.before:
        return _("No figure for the year before")
    before = _("Year before: %(number)s") % {"number": headline.before}
    return f"{before} ({headline.change})" if headline.change else before


def _shown(panel: Panel, lang: str) -> dict[str, object]:
    return {
        "title": panel.title,
        "header": panel.header,
        "lines": [
            {
                "cells": [line.heading, *line.cells],
                "total": line.total,
                "shades": list(line.shades),
            }
            for line in panel.lines
        ],
        "definition": panel.definition,
        "source": panel.source,
        "chart": _drawn(panel.chart, lang) if panel.chart else None,
        "map": _map(panel) if panel.map else None,
        "legend": [list(entry) for entry in panel.legend],
    }


def _drawn(chart: PanelChart, lang: str) -> dict[str, object] | None:
    """Return a chart's bars of the period with their sums; None without any number."""
    series = [
        {"name": one["name"], "values": [n or 0 for n in one["values"]]}
        for one in chart["series"]
        if not one.get("line") and not one.get("quiet")
    ]
    totals = [sum(numbers) for numbers in zip(*(one["values"] for one in series), strict=True)]
    if not any(totals):
        return None
    return {
        "labels": chart["labels"],
        "horizontal": chart.get("horizontal", False),
        "series": series,
        "totals": totals,
        "shown": [words.number(n, lang) for n in totals],
    }


def _map(panel: Panel) -> str:
    """Return a panel's map as SVG."""
    if panel.map is None:
        return ""
    shapes = "".join(
        f'<use href="#{shape.id}" fill="{_SHADES[shape.shade]}" stroke="#16212c"'
        ' stroke-width="0.75"/>'
        for shape in panel.shapes
    )
    names = "".join(
        f'<text x="{x}" y="{y}" text-anchor="middle" font-size="13" fill="#465563"'
        f' font-family="Libertinus Serif">{code}</text>'
        for code, x, y in panel.map.tiles
    )
    land = 'fill="#f5f7f7" stroke="#7a8994" stroke-width="0.5"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {panel.map.width} {panel.map.height}">'
        f'<defs>{_outlines()}</defs><use href="#france" {land}/>'
        '<rect x="1" y="1" width="156" height="118" rx="6" fill="none" stroke="#d8e0e3"/>'
        f'<use href="#paris" {land}/>{shapes}{names}</svg>'
    )


@cache
def _outlines() -> str:
    """Return the shapes of France and of the enlargement of Paris, as SVG groups without those of the world.

    Raises:
        FileNotFoundError: set-up has not drawn the maps.
    """
    text = _MAPS.read_text("utf-8")
    france, world, paris = (text.index(f'<g id="{name}">') for name in ("france", "world", "paris"))
    return text[france:world] + text[paris : text.rindex("</svg>")]
