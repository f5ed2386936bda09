"""The work of the desk in a real browser: keys, leases, two people, and a page that scripts left."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id
from fanal.measures import queries as measures
from fanal.measures.domain.records import MeasureState
from fanal.orient import queries as oriented
from fanal.orient.alarms.operations.alarms import raise_alarm
from fanal.orient.alarms.operations.outbox import claim_calls, record_delivery
from fanal.orient.domain.clocks import Delivery
from fanal.orient.queue.operations import claim_case, release_case
from tests.acceptance.steps import arrive, take
from tests.integration.desk.story import MATERIAL, Desk, add_reports
from tests.server import as_worker

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]
REASON = "Album ouvert, contenu classé A1."


def report_path(desk: Desk, name: str, lang: str = "fr") -> str:
    """The address of a report's page."""
    return f"/{lang}/desk/reports/{desk.reports[name]}/"


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_keyboard_only(open_as: OpenAs, desk: Desk, lang: str) -> None:
    """From the queue to a recorded decision without a mouse."""
    page = open_as("ana", f"/{lang}/desk/")
    keys = page.keyboard
    keys.press("j")
    keys.press("j")
    expect(page.locator(".fd-preview")).to_contain_text("REF-material")
    keys.press("k")
    expect(page.locator(".fd-preview")).to_contain_text("REF-danger")
    keys.press("j")
    assert page.evaluate("document.activeElement.closest('[data-row]') !== null")
    keys.press("o")
    page.wait_for_url("**/reports/**")
    keys.press("q")
    arrive(page, "[data-queue]")
    keys.press("j")
    keys.press("j")
    keys.press("c")
    arrive(page, "[data-decision]")
    keys.press("d")
    assert page.evaluate("document.activeElement.name") == "way"
    for _ in range(2):
        keys.press("ArrowDown")
    assert page.evaluate("document.querySelector('[name=way]:checked').value") == "BOTH"
    keys.press("Tab")
    keys.press("Space")
    while page.evaluate("document.activeElement.name") != "reason":
        keys.press("Tab")
    keys.type(REASON + " j k c o ?")  # letters typed are words, never keys
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator(".fd-decision")).to_contain_text(REASON)
    measure = measure_of(desk)
    assert measure.state is MeasureState.DRAFT


def measure_of(desk: Desk) -> object:
    """The measure of the report with material."""
    report_id = desk.reports["material"]
    found = measures.measures_of(actor=desk.actor("claire"), report_ids=[report_id])
    return found[report_id][0]


def test_search_by_key(open_as: OpenAs) -> None:
    page = open_as("ana", "/fr/desk/")
    page.keyboard.press("/")
    page.keyboard.type("renard")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("renard_77@arcadia")


def test_two_analysts_at_once(open_as: OpenAs, desk: Desk) -> None:
    """Both have the report open and free; one takes it, the other is told and cannot decide."""
    ana = open_as("ana", report_path(desk, "material"))
    bruno = open_as("bruno", report_path(desk, "material"))
    take(ana)
    ana.wait_for_selector("[data-decision]")
    take(bruno)
    expect(bruno.locator(".fd-messages")).to_contain_text(
        "Ana a pris ce signalement en charge avant vous"
    )
    assert bruno.locator("[data-decision]").count() == 0
    case = oriented.get_case(actor=desk.actor("ana"), report_id=desk.reports["material"])
    assert case.claimed_by == desk.actor("ana").person_id


def test_a_lost_lease_is_said_and_what_was_typed_stays(open_as: OpenAs, desk: Desk) -> None:
    page = open_as("ana", report_path(desk, "material"))
    take(page)
    page.fill("[name=reason]", REASON)
    report_id = desk.reports["material"]
    case = oriented.get_case(actor=desk.actor("ana"), report_id=report_id)
    page.evaluate("document.querySelector('[data-lease]').dispatchEvent(new Event('fanal:renew'))")
    page.wait_for_timeout(300)
    assert page.locator("[data-lease-lost]").is_hidden()
    release_case(
        actor=desk.actor("ana"), report_id=report_id, claim_token=case.claim_token, now=desk.now
    )
    claim_case(actor=desk.actor("bruno"), report_id=report_id, now=desk.now)
    page.evaluate("document.querySelector('[data-lease]').dispatchEvent(new Event('fanal:renew'))")
    lost = page.locator("[data-lease-lost]")
    expect(lost).to_be_visible()
    expect(lost).to_contain_text("Bruno")
    assert page.input_value("[name=reason]") == REASON
    assert all(x.is_disabled() for x in page.locator("[data-decision] button[type=submit]").all())


def test_an_interrupted_connection_is_said(open_as: OpenAs, desk: Desk) -> None:
    page = open_as("ana", report_path(desk, "material"))
    take(page)
    page.wait_for_selector("[data-lease]", state="attached")
    page.context.set_offline(True)
    page.evaluate("document.querySelector('[data-lease]').dispatchEvent(new Event('fanal:renew'))")
    expect(page.locator("[data-lease-late]")).to_be_visible()
    page.context.set_offline(False)
    page.evaluate("document.querySelector('[data-lease]').dispatchEvent(new Event('fanal:renew'))")
    expect(page.locator("[data-lease-late]")).to_be_hidden()


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_decision_then_second_person(open_as: OpenAs, desk: Desk, lang: str) -> None:
    """The first person completes and submits, cannot second; another reads the letter and approves."""
    claire = open_as("claire", report_path(desk, "material", lang))
    take(claire)
    claire.click("[data-take-over]")
    assert claire.evaluate("document.querySelector('[name=way]:checked').value") == "BOTH"
    claire.fill("[name=reason]", REASON)
    claire.click("[data-decision] button[type=submit]")
    claire.click(".fd-drafts a >> nth=0")
    claire.fill("#name", "Hosting Example")
    claire.fill("#contact", "abuse@hosting.example")
    claire.click("button[name=submit][value='1']")
    expect(claire.locator(".fd-signatures")).to_contain_text("Claire")
    assert claire.locator("form[action$='approve/']").count() == 0

    elise = open_as("elise", f"/{lang}/desk/second/")
    elise.click(".fd-card-title")
    expect(elise.locator(".fd-letter >> nth=0")).to_contain_text("hxxps[:]//pictures[.]example")
    expect(elise.locator("blockquote").first).to_contain_text(REASON)
    assert elise.locator(".fd-letter a").count() == 0
    elise.click("form[action$='approve/'] button")
    expect(elise.locator(".fd-signed")).to_have_count(2)
    assert measure_of(desk).state is MeasureState.APPROVED


def test_claim_and_decide_without_scripts(open_as: OpenAs, desk: Desk) -> None:
    page = open_as("ana", "/fr/desk/", script=False)
    page.click(".fd-row:has-text('REF-empty') .fd-row-act button")
    page.check("[name=way][value=NONE]")
    page.fill("[name=reason]", "Rien à quoi donner suite.")
    page.click("[data-decision] button[type=submit]")
    expect(page.locator(".fd-decision")).to_contain_text("Sans suite")


def test_an_alarm_reaches_every_page_and_rings(open_as: OpenAs, desk: Desk) -> None:
    page = open_as("ana", "/fr/desk/reference/")
    expect(page.locator(".fd-alarm")).to_be_visible()
    expect(page.locator("[data-alarm-silent]")).to_contain_text("activer le son")
    assert page.title().startswith("(!)")
    page.evaluate(
        "document.querySelector('[data-alarm-sound]').addEventListener('fanal:rang',"
        " () => { document.documentElement.dataset.rang = '' })"
    )
    page.mouse.click(700, 700)  # browsers ring only after a first gesture
    page.wait_for_selector("[data-rang]")
    expect(page.locator("[data-alarm-silent]")).to_be_hidden()
    page.add_init_script(
        "document.addEventListener('fanal:rang', () => { document.documentElement.dataset.rang = '' })"
    )
    page.click(".fd-nav a[href*='search']")
    page.wait_for_selector("[data-rang]")  # on the next page it needs no gesture
    page.wait_for_timeout(800)  # what has just come takes no click
    page.click(".fd-alarm-act button")
    page.wait_for_url("**/reports/**")
    expect(page.locator("[data-alarm]")).to_have_count(0)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_an_alarm_whose_call_fails_is_read_on_a_telephone(open_as: OpenAs, lang: str) -> None:
    page = open_as("ana", f"/{lang}/desk/reference/", width=360)
    system = system_actor("test")
    with as_worker():
        for call in claim_calls(actor=system, holder=1, in_hand=[], most=9, again=False):
            record_delivery(actor=system, calls=[call], delivery=Delivery.LEFT, now=clock.now())
    page.reload()
    said = page.locator(".fd-alarm [data-call-fails]")
    expect(said).to_be_visible()
    for part in (said, page.locator(".fd-alarm-act button").first):
        box = part.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 360
        assert box["height"] < 60
    page.locator("[data-alarms] summary").click()
    why = page.locator(".fd-alarm-row .fd-alarm-why")
    expect(why).to_be_visible()
    assert why.bounding_box()["width"] > 200


BEHIND = """() => {
  const top = document.activeElement.getBoundingClientRect().top;
  return top < document.getElementById("alarms").getBoundingClientRect().bottom;
}"""


@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_that_a_page_goes_to_stands_behind_an_alarm(
    open_as: Callable[..., Page], width: int
) -> None:
    """An anchor of the address, the link from a fault to its field, and Shift+Tab on the way back up."""
    page = open_as("claire", "/fr/desk/")
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(page.url + "reference/?table=priority#points")
    page.wait_for_selector(".fd-alarm")
    page.wait_for_function("scrollY > 0")
    heading = page.locator("#points").bounding_box()
    alarms = page.locator("#alarms").bounding_box()
    assert heading is not None
    assert alarms is not None
    assert alarms["height"] > 40
    assert heading["y"] >= alarms["height"]
    page.goto(page.url.partition("/reference/")[0] + "/rules/draft/")
    page.evaluate("scrollTo(0, 1500); document.getElementById('points-KIND_GROOMING').focus()")
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.tagName") == "INPUT":
            assert not page.evaluate(BEHIND)


AT_ONCE = """() => { window.atOnce = new Promise((done) => {
  const region = document.getElementById("alarms");
  new MutationObserver((_, watch) => {
    watch.disconnect();
    const button = region.querySelector(".fd-alarm-act button");
    const click = (detail) => {
      const event = new MouseEvent("click", { bubbles: true, cancelable: true, detail });
      region.addEventListener("submit", (submit) => submit.preventDefault(), { once: true });
      return button.dispatchEvent(event);
    };
    done({ mouse: click(1), keyboard: click(0) });
  }).observe(region, { childList: true, subtree: true });
}); }"""
"""From now on `atOnce` tells what becomes of a click on an alarm in the moment in which another one comes in."""


@pytest.mark.parametrize("scrolled", [0, 120])
def test_an_alarm_that_comes_in_moves_nothing_and_takes_no_click(
    open_as: OpenAs, desk: Desk, scrolled: int
) -> None:
    page = open_as("ana", report_path(desk, "material"), width=360)
    claim = page.locator(".fd-report-head [data-claim] button")
    page.mouse.wheel(0, scrolled)
    page.wait_for_function("top => scrollY === top", arg=scrolled)
    page.wait_for_selector(".fd-alarm")
    before = claim.bounding_box()["y"]
    page.evaluate(AT_ONCE)
    raise_alarm(actor=system_actor("test"), report_id=new_id(desk.now), desk_id=1, now=clock.now())
    assert page.evaluate("atOnce") == {"mouse": False, "keyboard": True}
    expect(page.locator("[data-alarm]")).to_have_count(2)
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert claim.bounding_box()["y"] == pytest.approx(before, abs=1)


def test_arrivals_never_move_the_list(open_as: OpenAs, desk: Desk) -> None:
    page = open_as("ana", "/fr/desk/")
    before = page.locator("[data-row]").all_inner_texts()
    desk.now = clock.now()
    add_reports(desk, [("fresh", 0, MATERIAL | {"urls": ["https://new.example/a"]})])
    expect(page.locator(".fd-arrivals")).to_be_visible()
    assert len(page.locator("[data-row]").all()) == len(before)
    page.click(".fd-arrivals")
    expect(page.locator("[data-row]")).to_have_count(len(before) + 1)
