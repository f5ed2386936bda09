"""The yearly report as PDF/UA-1: the panels of the page of a year, set by Typst from one template.

Typst is one library with its fonts: nothing of the system is needed, and nothing is fetched.
"""

from collections.abc import Sequence
from datetime import datetime
from importlib import resources

import msgspec
import typst
from django.utils.translation import gettext as _

from fanal.web.desk.statistics.panels import Panel


def as_pdf(panels: Sequence[Panel], *, title: str, lead: str, lang: str, now: datetime) -> bytes:
    """Return the report: a tagged PDF with title, language and headed tables; `now` is its date."""
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
    compiler = typst.Compiler(template, ignore_system_fonts=True)
    pages = compiler.compile(
        format="pdf",
        sys_inputs={"data": msgspec.json.encode(data).decode()},
        pdf_standards="ua-1",
        timestamp=now.replace(microsecond=0),
    )
    if not isinstance(pages, bytes):
        raise TypeError("a PDF is one file")
    return pages


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
