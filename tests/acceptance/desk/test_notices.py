"""A notice to a provider in a real browser: decided, completed, approved by another person, sent, answered."""

import os
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = {
    "fr": ("Notification au fournisseur", "À valider", "Réponse reçue", "Contenu retiré"),
    "en": ("Notice to the provider", "Awaiting second approval", "Answered", "Content removed"),
}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_from_the_decision_to_the_provider_s_answer(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    track, waits, answered, removed = WORDS[lang]
    page = open_as("ana", f"/{lang}/desk/reports/{desk.reports['mirror']}/")
    page.click("form[action$='/claim/'] button")
    page.check("input[name=way][value=NOTICE]")
    assert track in page.inner_text(".fd-ways")
    chosen = page.locator("#other-basis option", has_text="227-22-1").get_attribute("value")
    page.select_option("#other-basis", chosen)
    page.fill("#reason", "The account approaches children; no removal request reaches that.")
    page.click("[data-decision] button[type=submit]")
    page.click(".fd-drafts a[href*='/desk/notices/']")
    page.wait_for_selector("#letter")
    check(page, axe, lang)
    shown(page, f"draft-{lang}")
    page.fill("#name", "Hosting Ltd")
    page.fill("#contact", "dsa@hosting.example")
    page.fill("#reasons", "The account asks a child to go on elsewhere.")
    page.click("form[action$='/amend/'] button")
    assert "asks a child to go on elsewhere" in page.inner_text(".fd-letter >> nth=0")
    page.click("form[action$='/propose/'] .btn-primary")
    assert waits in page.inner_text(".fd-status")
    notice = page.url
    page = open_as("elise", f"/{lang}/desk/{notice.rpartition('/desk/')[2]}")
    assert page.locator("a[download]").count() == 0
    assert page.evaluate("fetch('message/').then(answer => answer.status)") == 409

    page = open_as("claire", f"/{lang}/desk/second/")
    page.click("table a[href*='/desk/notices/']")
    assert page.url.endswith(notice.rpartition("/desk/")[2])
    check(page, axe, lang)
    page.click("form[action$='/approve/'] button")

    page = open_as("elise", f"/{lang}/desk/{notice.rpartition('/desk/')[2]}")
    with page.expect_download() as download:
        page.click("a[download]")
    sent = download.value.path().read_bytes()
    assert b"To: dsa@hosting.example" in sent
    assert b"notice.json" in sent
    for step, outcome in (("send", ""), ("acknowledge", ""), ("answer", "REMOVED")):
        page.select_option("#move", step)
        page.fill("#proof", f"mail {step}")
        if outcome:
            page.select_option("#outcome", outcome)
        page.click("form[action$='/move/'] button")
    assert answered in page.inner_text(".fd-status")
    assert removed in page.inner_text(".fd-status")
    check(page, axe, lang)
    shown(page, f"answered-{lang}")

    page = open_as("gabrielle", f"/{lang}/desk/notices/?tab=closed")
    check(page, axe, lang)
    page.click("table a[href*='/desk/notices/']")
    assert "asks a child to go on elsewhere" in page.inner_text(".fd-letter >> nth=0")
    assert page.locator("form[action*='/notices/']").count() == 0


def shown(page: Page, name: str) -> None:
    folder = os.environ.get("SHOTS")
    if folder:
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.screenshot(path=f"{folder}/{name}-{width}-{scheme}.png", full_page=True)
        page.set_viewport_size({"width": 1440, "height": 900})
