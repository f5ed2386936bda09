"""De-confliction in a browser: from the sign on a report to the noted contact, accessible in every look."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from fanal.deconfliction import queries
from fanal.deconfliction.operations.receiving import receive
from fanal.deconfliction.operations.steps import conclude, make_offer
from fanal.kernel import clock
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.integration.deconfliction.world import SYSTEM, holding, peer, register
from tests.integration.exchange.sharing import make_supervisors

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = "both@mail.example"


def meet() -> tuple[object, object]:
    """Let another body hold an address of two of our reports; return a report and the counterpart."""
    make_supervisors()
    report_id = holding("dc-1", BOTH)
    holding("dc-2", BOTH)
    other = peer(BOTH)
    found = register(other)
    round_id, offer = make_offer(actor=SYSTEM, counterpart=found, now=clock.now())
    receive(actor=SYSTEM, body=other.answer(offer), now=clock.now())
    conclude(actor=SYSTEM, round_id=round_id, now=clock.now())
    return report_id, found.id


@pytest.mark.parametrize("lang", LANGUAGES)
def test_from_the_sign_to_the_contact(
    open_as: Callable[..., Page], desk: object, axe: Axe, lang: str
) -> None:
    report_id, counterpart_id = meet()
    page = open_as("claire", f"/{lang}/desk/reports/{report_id}/")
    root = page.url.partition("/desk/")[0]
    page.locator(".fn-note a[href*='/hits/']").first.click()
    page.wait_for_selector("h1:has-text('South desk')")
    check(page, axe, lang)
    page.fill("#words", "Called at noon; they go first.")
    page.click("section:has(#words) button[type=submit]")
    page.wait_for_selector(".fd-history :text('Called at noon')")
    check(page, axe, lang)
    for path in ("hits/", "", f"counterparts/{counterpart_id}/", "counterparts/add/"):
        page.goto(f"{root}/desk/deconfliction/{path}")
        check(page, axe, lang)
    page.fill("#name", "West")
    page.fill("#our_name", "West")
    page.fill("#key", "00")
    page.fill("#contact", "Duty")
    page.select_option("#known", "NO")
    page.click("form.fd-form button[type=submit]")
    page.wait_for_selector("[role=alert]")
    check(page, axe, lang)
    page.goto(f"{root}/desk/reports/{report_id}/")
    page.locator(".fd-status a[href*='/dossiers/']").click()
    page.wait_for_selector("#sharing")
    page.check("input[name=act][value=WITHHOLD]")
    page.fill("#withhold-words", "Arrests this week.")
    page.click("section:has(#sharing) button[type=submit]")
    page.wait_for_selector("section:has(#sharing) :text('Arrests this week.')")
    check(page, axe, lang)
    assert len(queries.list_hits(actor=SYSTEM)) == 1
