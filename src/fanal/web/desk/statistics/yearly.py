"""The yearly report as PDF/UA-1: the panels of the yearly page, set by Typst from one template."""

from collections.abc import Sequence
from datetime import datetime
from importlib import resources

from django.utils.translation import gettext as _

from fanal.casework.domain.documents import set_pdf
from fanal.web.desk.statistics.panels import Panel


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
