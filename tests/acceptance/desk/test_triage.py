"""Triage in a real browser: one job for reports that are the same, and rules that rank everything anew."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from fanal.analyse import queries as analysed
from fanal.analyse.priority.operations import load_shipped
from fanal.analyse.priority.queries import current_rules
from fanal.kernel.actors import Role, system_actor
from fanal.worker.jobs import carry_on
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import take
from tests.integration.accounts.people import make_user
from tests.integration.desk.folds import add_folded
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_folded_reports(open_as: OpenAs, axe: Axe, desk: Desk, lang: str) -> None:
    """One row with its count; each one's additions; a person takes one out, and decides on both others."""
    add_folded(desk)
    page = open_as("ana", f"/{lang}/desk/")
    assert page.locator(".fd-row", has_text="REF-first").inner_text().count("+2") == 1
    assert page.locator(".fd-row", has_text="REF-second").count() == 0
    page.goto(page.url + f"reports/{desk.reports['first']}/")
    take(page)
    page.wait_for_selector("[data-decision] input[name=folded]")
    for details in page.locator("main details").all():
        details.evaluate("node => { node.open = true }")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click("[data-tick-all]")
    assert page.locator("input[name=folded]:checked").count() == 2
    page.once(
        "dialog", lambda dialog: dialog.accept()
    )  # leave the page: what was ticked is not sent
    page.fill(f"#unfold-{desk.reports['third']}", "Another address.")
    page.click(f"form[action$='{desk.reports['third']}/unfold/'] button")
    page.wait_for_selector("#decide")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(page.url.replace(str(desk.reports["third"]), str(desk.reports["first"])))
    page.check("input[name=way][value=NONE]")
    page.check("input[name=folded]")
    page.fill("#reason", "The same file, dealt with.")
    page.click("[data-decision] button[type=submit]")
    page.wait_for_selector(".fd-decision, .fn-note-ok, [data-message]", state="attached")
    page.goto(page.url.partition("/reports/")[0] + "/")
    assert page.locator(".fd-row", has_text="REF-third").count() == 1
    assert page.locator(".fd-row", has_text="REF-first").count() == 0


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_rule_changes_and_everything_is_ranked_anew(
    open_as: OpenAs, axe: Axe, desk: Desk, lang: str
) -> None:
    """A supervisor changes a rule and sees what it would move; another puts it in force; the queue reorders."""
    load_shipped(actor=system_actor("install"), now=desk.now)
    desk.users["helene"] = make_user("helene", Role.SUPERVISOR)
    first = current_rules().version
    ana = open_as("ana", f"/{lang}/desk/")
    order = references(ana)
    assert order.index("REF-stream") < order.index("REF-travel")

    author = open_as("claire", f"/{lang}/desk/rules/draft/")
    author.fill("#version", "priority/voyages")
    author.fill("#points-KIND_SEX_TOURISM", "90")
    author.click("main form button[type=submit]")
    author.click("form[action$='dry-run/'] button")
    author.wait_for_selector("#progress progress")
    check(author, axe, lang)
    author.set_viewport_size({"width": 1440, "height": 900})
    carry_on(seconds=60)
    author.wait_for_selector("#tried")  # the page follows the dry run by itself
    moved = author.locator("section[aria-labelledby=risers]").inner_text()
    assert "REF-travel" in moved
    assert "90" in moved
    check(author, axe, lang)
    author.set_viewport_size({"width": 1440, "height": 900})
    assert author.locator("form[action$='activate/']").count() == 0

    second = open_as("helene", author.url.partition("/fr/")[1] or f"/{lang}/desk/rules/")
    second.goto(author.url)
    second.click("form[action$='activate/'] button")
    second.wait_for_selector("#progress")
    carry_on(seconds=60)
    carry_on(seconds=60)
    second.reload()
    check(second, axe, lang)

    ana.reload()
    order = references(ana)
    assert order.index("REF-travel") < order.index("REF-stream")
    ana.goto(ana.url + f"reports/{desk.reports['travel']}/")
    ana.click(".fd-why summary")
    assert "priority/voyages" in ana.locator(".fd-why-body").inner_text()
    versions = [
        priority.rule_version
        for _, priority in analysed.list_priorities(
            actor=system_actor("test"), report_id=desk.reports["travel"]
        )
    ]
    assert versions == [first, "priority/voyages"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_draft_with_a_rule_of_the_desk_s_own(
    open_as: OpenAs, axe: Axe, desk: Desk, lang: str
) -> None:
    """A bound that is wrong stands out; a rule is added and another left out, in French without JavaScript."""
    load_shipped(actor=system_actor("install"), now=desk.now)
    page = open_as("claire", f"/{lang}/desk/rules/draft/")
    page.fill("#at_least-SELF_HARM_RISK", "?")
    page.click("button[name=add]")
    page.select_option("#fact-new-1", "links")
    page.press("#source-new-1", "Enter")  # keeps the draft, as the first button does
    page.wait_for_selector("[role=alert] a[href='#points-new-1']")
    assert page.locator("#at_least-SELF_HARM_RISK").input_value() == "?"
    check(page, axe, lang)

    kept = open_as("claire", f"/{lang}/desk/rules/draft/", script=lang == "en")
    kept.click("button[name=add]")
    kept.wait_for_url("**#added")
    kept.select_option("#fact-new-1", "links")
    for name, value in (("label_fr", "Beaucoup de liens"), ("label_en", "Many links"),
                        ("source", "The desk"), ("at_least", "5"), ("points", "7,5")):  # fmt: skip
        kept.fill(f"#{name}-new-1", value)
    kept.check("#off-SPAM")
    kept.click("main form button[type=submit]")
    told = kept.locator("section[aria-labelledby=differs] tbody").inner_text()
    own, number = {"fr": ("Beaucoup de liens", "7,5"), "en": ("Many links", "7.5")}[lang]
    assert own in told
    assert number in told
    if lang == "en":
        check(kept, axe, lang)


def references(page: Page) -> list[str]:
    """Return the references of the queue, from the top."""
    return re.findall(r"REF-\w+", page.locator("[data-queue]").inner_text())
