"""Documents of a report and a dossier in a real browser, by keyboard: purpose, PDF, print, copy."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from fanal.crosscheck.dossiers.queries import dossier_of
from tests.acceptance.desk.test_documents import shots
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)


def address(desk: Desk, kind: str, lang: str) -> str:
    report = desk.reports["danger"]
    found = report if kind == "report" else dossier_of(actor=desk.actor("ana"), report_id=report)
    return f"/{lang}/desk/{kind}s/{found}/"


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", ["report", "dossier"])
def test_it_is_taken_out_by_keyboard(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, kind: str, lang: str, tmp_path: Path
) -> None:
    page = open_as("driss", address(desk, kind, lang))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("Tab")
    page.focus("a[href='#document']")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "document-motive"
    page.keyboard.press("Enter")
    assert page.url.endswith("#document")  # the browser asks for the purpose
    page.keyboard.type("Audience, cabinet du juge")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(f"-{lang}.pdf")
    file = Path(os.environ.get("SHOTS", tmp_path)) / f"{kind}-{lang}.pdf"
    download.value.save_as(file)
    assert file.read_bytes().startswith(b"%PDF-")
    shots(page, f"{kind}-{lang}", tmp_path)
    buttons = {"other": 2, "print": 3}
    for _ in range(buttons["other"]):
        page.keyboard.press("Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    other = {"fr": "en", "en": "fr"}[lang]
    assert download.value.suggested_filename.endswith(f"-{other}.pdf")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    printed(page, axe, f"{kind}-print-{lang}", lang, tmp_path)
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.click(".fd-acts a")
    assert page.url.endswith(address(desk, kind, lang))


def printed(page: Page, axe: Axe, name: str, lang: str, tmp_path: Path) -> None:
    """The page to print: marked on each side, no navigation, copied as a text, accessible."""
    check(page, axe, lang)
    assert page.locator("nav").count() == 0
    mark = {"fr": "CONFIDENTIEL", "en": "CONFIDENTIAL"}[lang]
    assert mark in page.inner_text(".fd-paper-mark")
    shots(page, name, tmp_path)
    page.click("[data-copy]")
    page.wait_for_selector(".fn-copied")
    assert {"fr": "Copié", "en": "Copied"}[lang] in page.inner_text("[data-copy]")
    assert page.evaluate("navigator.clipboard.readText()").startswith(mark)
    page.emulate_media(media="print")
    assert not page.is_visible(".fn-no-print")
    file = Path(os.environ.get("SHOTS", tmp_path)) / f"{name}.pdf"
    page.pdf(path=file, prefer_css_page_size=True)
    page.emulate_media(media="screen")
    if shutil.which("pdftotext") is None:
        return
    read = subprocess.run(["pdftotext", file, "-"], capture_output=True, text=True, check=True)
    sides = read.stdout.rstrip("\f").split("\f")
    for number, side in enumerate(sides, 1):
        assert mark in side
        assert re.search(rf"\b{number} ?/ ?{len(sides)}\b", side)
