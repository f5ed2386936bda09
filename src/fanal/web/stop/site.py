"""The files of the stop page: one page in each language and a style sheet, for any web server.

A static site: no program, cookie or script, and nothing loaded from elsewhere; visits are not logged by it.
"""

from collections.abc import Mapping
from pathlib import Path

from django.template.loader import render_to_string
from django.utils import translation

_STYLE = Path(__file__).parent / "style.css"
LANGUAGES = ("fr", "en")
"""The languages of the page; the first is that of `index.html`."""


def make_site(*, contact: str, report_url: str = "") -> Mapping[str, bytes]:
    """Return the files of the stop page, by name.

    `contact` is the mail address for complaints; `report_url` the page where such content is reported, "" for
    none.
    """
    files = {"style.css": _STYLE.read_bytes()}
    for lang in LANGUAGES:
        with translation.override(lang):
            page = render_to_string(
                "stop/page.html",
                {"lang": lang, "contact": contact, "report_url": report_url},
            )
        files[f"{lang}.html"] = page.encode()
    files["index.html"] = files[f"{LANGUAGES[0]}.html"]
    return files
