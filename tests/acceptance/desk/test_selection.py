"""Several reports of the queue attached to a dossier by keyboard, in both languages."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.intake.domain.number import desk_number
from tests.acceptance.public.test_look import assert_looks
from tests.acceptance.steps import arrive
from tests.integration.desk.story import MATERIAL, Desk, add_reports

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_ticked_reports_join_the_dossier_of_a_named_one(
    open_as: Callable[..., Page], axe: Callable[..., list[str]], desk: Desk, lang: str
) -> None:
    """A wrong number is told beside its field, and nothing typed is lost."""
    alone = {"files": [], "persons": [], "emergency": True}
    bodies = [
        (
            f"page-{n}",
            60 + n,
            MATERIAL
            | alone
            | {"urls": [f"https://p{n}.example/a"], "description": f"Cartes postales, {n}."},
        )
        for n in range(3)
    ]
    add_reports(desk, bodies)
    page = open_as("ana", f"/{lang}/desk/?kind=ABUSE_MATERIAL&level=DANGER", width=1440)
    ids = page.locator("[data-tick]").evaluate_all("ticks => ticks.map(tick => tick.value)")
    assert {str(desk.reports[name]) for name, *_ in bodies} == set(ids)
    for _row in ids:
        page.keyboard.press("j")
        page.keyboard.press("x")
    page.keyboard.press("e")
    arrive(page, "#anchor")
    assert_looks(page, axe)
    page.fill("#anchor", "AAA-AAA-AAA")
    page.fill("#attach-reason", "Mêmes cartes.")
    page.press("#anchor", "Enter")
    expect(page.locator("form:has(#anchor) [role=alert]")).to_be_visible()
    assert page.input_value("#attach-reason") == "Mêmes cartes."
    assert_looks(page, axe)
    first = desk.reports["page-0"]
    page.fill("#anchor", desk_number(first))
    page.press("#anchor", "Enter")
    page.wait_for_url("**/dossiers/**")
    expect(page.locator(".fd-messages")).to_contain_text("2")
    actor = desk.actor("ana")
    assert len({dossier_of(actor=actor, report_id=desk.reports[name]) for name, *_ in bodies}) == 1
