"""The document of an act in a real browser: its links, the page to print, and what the printer gets."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.integration.desk import test_earlier_forms as drafts
from tests.integration.desk.story import Desk
from tests.integration.desk.work import decided

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_is_downloaded_in_both_languages_and_printed_without_navigation(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str, tmp_path: Path
) -> None:
    measure = drafts.measure_of(desk, decided(desk))
    page = open_as("elise", f"/{lang}/desk/measures/{measure.id}/")
    for link in ("fr/", "en/"):
        with page.expect_download() as download:
            page.click(f"a[href^='/{link}'][href$='/pdf/']")
        assert download.value.suggested_filename == f"fanal-measure-{measure.id}-{link[:2]}.pdf"
        assert download.value.path().read_bytes().startswith(b"%PDF-")
    shots(page, f"measure-{lang}", tmp_path)
    page.click("a[href$='/print/']")
    check(page, axe, lang)
    assert page.locator("nav").count() == 0
    mark = {"fr": "BROUILLON – non transmis", "en": "DRAFT – not sent"}[lang]
    assert mark in page.inner_text("main")
    shots(page, f"print-{lang}", tmp_path)
    page.emulate_media(media="print")
    assert not page.is_visible(".fn-no-print")
    printed = Path(os.environ.get("SHOTS", tmp_path)) / f"print-{lang}.pdf"
    page.pdf(path=printed, prefer_css_page_size=True)
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed (poppler-utils)")
    read = subprocess.run(["pdftotext", printed, "-"], capture_output=True, text=True, check=True)
    sides = read.stdout.rstrip("\f").split("\f")
    assert len(sides) > 1
    for number, side in enumerate(sides, 1):
        assert mark in side
        assert re.search(rf"\b{number} ?/ ?{len(sides)}\b", side)


def shots(page: Page, name: str, tmp_path: Path) -> None:
    """Take pictures of a page where `SHOTS` names a folder for them."""
    folder = Path(os.environ.get("SHOTS", tmp_path))
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 1440, "height": 900})
