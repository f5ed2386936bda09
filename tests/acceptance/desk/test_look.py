"""Every page of the desk: accessible in both languages, light and dark, narrow and wide."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from fanal.accounts.operations.partners import add_partner
from fanal.accounts.queries.people import find_partner
from fanal.analyse.priority.operations import load_shipped
from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.judicial import queries as judicial
from fanal.kernel.actors import system_actor
from fanal.measures import queries as measures
from fanal.worker.expiry import erase_reports
from fanal.worker.jobs import carry_on
from tests.acceptance.public.test_look import assert_looks
from tests.acceptance.steps import go, take
from tests.integration.desk.story import Desk
from tests.integration.desk.test_providers import send
from tests.integration.desk.test_warned_measures import no_action
from tests.integration.desk.work import decided, listed

pytestmark = pytest.mark.django_db(transaction=True)
Axe = Callable[..., list[str]]
LANGUAGES = ["fr", "en"]


def check(page: Page, axe: Axe, lang: str) -> None:
    """One heading of the first level, the right language, and no violation in any look."""
    assert page.evaluate("document.documentElement.lang") == lang
    assert page.locator("h1").count() == 1
    assert_looks(page, axe)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_queue_and_preview(open_as: Callable[..., Page], axe: Axe, lang: str) -> None:
    page = open_as("ana", f"/{lang}/desk/")
    page.wait_for_selector(".fd-alarm")
    page.keyboard.press("j")
    page.wait_for_selector(".fd-preview article")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click("[data-dialog-open=keys]")
    assert page.locator("#keys").evaluate("node => node.open")
    assert axe(page) == []
    page.keyboard.press("Escape")
    page.goto(page.url + "?view=DANGER&kind=OTHER")
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_saved_views(open_as: Callable[..., Page], axe: Axe, lang: str) -> None:
    """A filter is saved, shared, counted and renamed by keyboard; every page of it is accessible."""
    page = open_as("claire", f"/{lang}/desk/?kind=GROOMING&level=DANGER")
    page.keyboard.press("s")
    page.wait_for_selector("#name:focus")
    check(page, axe, lang)
    page.keyboard.type("Du soir")
    page.keyboard.press("Enter")
    page.wait_for_selector(".fd-saved a[aria-current] .fd-count")
    assert page.locator(".fd-saved a[aria-current] .fd-count").inner_text() == "1"
    check(page, axe, lang)
    page.goto(page.url.partition("/desk/")[0] + "/desk/views/?kind=SEXTORTION")
    page.fill("#name", "Pressions")
    page.click("button[name=desk]")
    page.wait_for_selector(".fd-saved li:nth-child(2) .fd-count")
    page.goto(page.url.partition("/desk/")[0] + "/desk/views/shared/")
    check(page, axe, lang)
    page.fill("section[aria-labelledby=kept] input.form-control", "du soir")
    page.click("section[aria-labelledby=kept] button[value=rename]")
    page.click("nav.fd-tabs a:not([aria-current])")
    page.fill("section[aria-labelledby=kept] input.form-control", "  ")
    page.click("section[aria-labelledby=kept] button[value=rename]")
    page.wait_for_selector("[role=alert]")
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", ["danger", "material", "stream"])
def test_report(open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str, name: str) -> None:
    page = open_as("ana", f"/{lang}/desk/reports/{desk.reports[name]}/")
    take(page)
    page.wait_for_selector("[data-decision]")
    for details in page.locator("main details").all():
        details.evaluate("node => { node.open = true }")
    check(page, axe, lang)


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        (
            "ana",
            [
                "search/?q=renard", "search/?kind=HANDLE&value=renard_77@arcadia", "dossiers/",
                "suggestions/",
            ],
        ),
        ("claire", ["quarantine/", "rules/", "rules/draft/", "instructions/propose/"]),
        (
            "hugo",
            [f"reference/?table={table}" for table in ("measure", "priority", "lexicon", "typology")],
        ),
    ],
)  # fmt: skip
def test_pages(open_as: Callable[..., Page], axe: Axe, name: str, paths: list[str]) -> None:
    for lang in LANGUAGES:
        page = open_as(name, f"/{lang}/desk/{paths[0]}")
        check(page, axe, lang)
        for path in paths[1:]:
            page.goto(page.url.partition("/desk/")[0] + f"/desk/{path}")
            check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_provider(open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str) -> None:
    add_partner(actor=system_actor("test"), name="Chatoria", now=desk.now, quota=60)
    sender = find_partner(name="Chatoria")
    assert sender is not None
    send(desk, sender, "sent", {"kind": "GROOMING"})
    page = open_as("claire", f"/{lang}/desk/providers/")
    check(page, axe, lang)
    go(page, "main table a")
    check(page, axe, lang)
    page.goto(page.url.partition("/desk/")[0] + f"/desk/reports/{desk.reports['sent']}/")
    page.locator("section[aria-labelledby=quality] details").evaluate(
        "node => { node.open = true }"
    )
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_standing_instruction(open_as: Callable[..., Page], axe: Axe, lang: str) -> None:
    page = open_as("claire", f"/{lang}/desk/instructions/propose/")
    page.select_option("#kind", "FEEDBACK")
    page.fill("#grounds", "Neutral grounds\nof two lines.")
    page.fill("#basis", "LCEN 6-1")
    page.click("main form button[type=submit]")
    page.wait_for_selector("[role=alert]")
    check(page, axe, lang)
    page.check("[name=everybody]")
    page.click("main form button[type=submit]")
    page.wait_for_selector("#history")
    check(page, axe, lang)
    page.goto(page.url.partition("/instructions/")[0] + "/instructions/")
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_rule_set(open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str) -> None:
    load_shipped(actor=system_actor("install"), now=desk.now)
    page = open_as("claire", f"/{lang}/desk/rules/draft/")
    page.fill("#points-KIND_ABUSE_MATERIAL", "beaucoup")
    page.click("main form button[type=submit]")
    page.wait_for_selector("[aria-invalid=true]")
    check(page, axe, lang)
    page.fill("#points-KIND_ABUSE_MATERIAL", "40")
    page.click("main form button[type=submit]")
    page.click("form[action$='dry-run/'] button")
    page.wait_for_selector("#progress progress")
    carry_on(seconds=60)
    page.wait_for_selector("#tried")
    check(page, axe, lang)
    page.goto(page.url.partition("/rules/")[0] + "/rules/")
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_lists_and_an_entry(open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str) -> None:
    """A list whose entry met a report's file and was set aside: its page, the entry's, the file's card."""
    item = listed(desk, "material")
    page = open_as("claire", f"/{lang}/desk/lists/")
    check(page, axe, lang)
    page.goto(page.url + f"entries/{item}/")
    page.fill("#reason", "Une page blanche.")
    check(page, axe, lang)
    page.goto(page.url.partition("/lists/")[0] + f"/reports/{desk.reports['material']}/")
    page.locator(f"a[href$='entries/{item}/']").first.scroll_into_view_if_needed()
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_dossier(open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str) -> None:
    found = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["danger"])
    page = open_as("ana", f"/{lang}/desk/dossiers/{found}/")
    page.wait_for_selector("[data-graph][data-drawn]")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.locator("tr[data-pick] td").first.click()
    page.locator("details:has(.fd-timeline) > summary").click()
    assert axe(page) == []


@pytest.mark.role("worker")  # which alone erases
@pytest.mark.parametrize("lang", LANGUAGES)
def test_erased_report(open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str) -> None:
    report_id = decided(desk)
    erase_reports(actor=system_actor("test"), report_ids=[report_id], now=desk.now)
    check(open_as("ana", f"/{lang}/desk/reports/{report_id}/"), axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_measures_and_referrals(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    report_id = decided(desk)
    (measure,) = measures.measures_of(actor=desk.actor("ana"), report_ids=[report_id])[report_id]
    found = judicial.referrals_of(actor=desk.actor("driss"), report_ids=[report_id])
    (referral,) = found[report_id]
    page = open_as("elise", f"/{lang}/desk/second/")
    for path in ("second/", "measures/", f"measures/{measure.id}/"):
        page.goto(page.url.partition("/desk/")[0] + f"/desk/{path}")
        check(page, axe, lang)
    page = open_as("driss", f"/{lang}/desk/referrals/")
    check(page, axe, lang)
    page.goto(page.url + f"{referral.id}/")
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_warned_measure(open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str) -> None:
    """The proposer reads the warnings, writes why, and submits what stands; the second person reads both."""
    no_action(desk, "mirror")
    report_id = decided(desk)
    (measure,) = measures.measures_of(actor=desk.actor("ana"), report_ids=[report_id])[report_id]
    page = open_as("ana", f"/{lang}/desk/measures/{measure.id}/")
    page.fill("#submit-reason", "Seen again today.")
    check(page, axe, lang)
    go(page, "button[formaction$='/submit/']")
    assert page.locator("[role=alert].fd-refused").count() == 0
    page = open_as("elise", f"/{lang}/desk/second/")
    assert page.locator(".fd-card .fn-chip-warn").count() == 1
    page.goto(page.url.partition("second/")[0] + f"measures/{measure.id}/")
    page.locator(".fd-history details").evaluate("node => { node.open = true }")
    check(page, axe, lang)
