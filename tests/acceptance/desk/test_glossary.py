"""A term of art shows its definition by keyboard and by touch, without a script."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.desk.test_look import LANGUAGES, Axe, check

pytestmark = pytest.mark.django_db(transaction=True)
SAID = {"fr": "signalements qui vont ensemble", "en": "reports that belong together"}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("script", [True, False])
def test_a_term_explains_itself(
    open_as: Callable[..., Page], axe: Axe, lang: str, script: bool
) -> None:
    page = open_as("ana", f"/{lang}/desk/dossiers/", script=script, width=360)
    says = page.locator("h1 .fn-term-says")
    expect(says).to_be_hidden()
    page.locator("h1 .fn-term").press("Enter")
    expect(says).to_be_visible()
    assert SAID[lang] in says.inner_text().lower()
    box = says.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    if script:
        check(page, axe, lang)
    page.keyboard.press("Escape")
    expect(says).to_be_hidden()
