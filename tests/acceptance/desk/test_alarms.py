"""The line of alarms in a real browser: what waits, one click to the gravest, the drawer, the sound."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id
from fanal.ledger import queries as entries
from fanal.ledger.queries import SoughtEntries
from fanal.orient.alarms.operations.alarms import acknowledge_alarm, raise_alarm
from fanal.orient.alarms.operations.outbox import claim_calls, record_delivery
from fanal.orient.alarms.queries import waiting_alarms
from fanal.orient.domain.clocks import Delivery
from tests.integration.desk.story import GAME, Desk, add_reports
from tests.server import as_worker

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]
SYSTEM = system_actor("test")
WORDS = {
    "fr": ("alertes en attente", "Prendre la plus urgente", "12 ans", "Lyon, France"),
    "en": ("alerts wait", "Take the most urgent", "12 years old", "Lyon, France"),
}
LINE = "[data-alarms] .fd-alarm"


def wait_alarms(desk: Desk, count: int = 5) -> None:
    """Further alarms, of reports that no stage has read."""
    for number in range(count):
        at = clock.now() - timedelta(minutes=number + 20)
        raise_alarm(actor=SYSTEM, report_id=new_id(at), desk_id=1, now=at)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("lang", ["fr", "en"])
def test_six_alarms_take_one_line(open_as: OpenAs, desk: Desk, lang: str, width: int) -> None:
    wait_alarms(desk)
    page = open_as("ana", f"/{lang}/desk/", width=width)
    waiting, take, age, place = WORDS[lang]
    line = page.locator(LINE)
    expect(line).to_contain_text(f"6 {waiting}")
    assert page.locator("[data-alarms]").bounding_box()["height"] == 44
    expect(line.locator(".fd-alarm-oldest")).to_contain_text("24")
    if width == 1440:
        expect(line.locator(".fd-alarm-gravest")).to_contain_text(age)
        expect(line.locator(".fd-alarm-gravest")).to_contain_text(place)
    page.wait_for_timeout(800)  # what has just come takes no click
    line.get_by_role("button", name=take).click()
    page.wait_for_url(f"**/reports/{desk.reports['danger']}/")
    expect(page.locator(LINE)).to_contain_text(f"5 {waiting}")


@pytest.mark.parametrize("script", [True, False])
def test_an_alarm_of_a_node_whose_clock_is_fast_has_not_waited(
    open_as: OpenAs, desk: Desk, script: bool
) -> None:
    del desk
    with as_worker(), connection.cursor() as cursor:
        cursor.execute("UPDATE orient_alarm SET raised_at = now() + interval '1 hour'")
    page = open_as("ana", "/en/desk/", script=script)
    waited = page.locator(f"{LINE} .fd-alarm-oldest [data-clock-text]")
    expect(waited).to_have_text("0\u202fmin")


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_call_that_fails_is_said_in_the_line(open_as: OpenAs, desk: Desk, lang: str) -> None:
    wait_alarms(desk)
    page = open_as("ana", f"/{lang}/desk/reference/")
    with as_worker():
        for call in claim_calls(actor=SYSTEM, holder=1, in_hand=[], most=9, again=False):
            record_delivery(actor=SYSTEM, calls=[call], delivery=Delivery.LEFT, now=clock.now())
    said = page.locator(f"{LINE} [data-call-fails]")
    expect(said).to_be_visible()
    assert page.locator("[data-alarms]").bounding_box()["height"] == 44
    box, take = said.bounding_box(), page.locator(f"{LINE} button").bounding_box()
    assert box["x"] + box["width"] <= take["x"]
    page.click("[data-alarms] summary")
    expect(page.locator(".fd-alarm-why").first).to_be_visible()


@pytest.mark.parametrize("script", [True, False])
def test_the_drawer_has_a_row_a_report(open_as: OpenAs, desk: Desk, script: bool) -> None:
    wait_alarms(desk, 2)
    page = open_as("ana", "/fr/desk/", script=script)
    page.locator("[data-alarms] summary").focus()
    page.keyboard.press("Enter")
    rows = page.locator(".fd-alarm-row")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("victime de 12 ans")
    expect(rows.nth(1)).to_contain_text("pas encore analysé")
    if script:
        page.wait_for_timeout(800)
    page.click(".fd-alarm-row:first-child .fd-alarm-act button")
    page.wait_for_url(f"**/reports/{desk.reports['danger']}/")


@pytest.mark.parametrize("width", [1440, 390])
def test_the_sound_is_turned_off_without_scrolling(open_as: OpenAs, desk: Desk, width: int) -> None:
    """Above six rows, which on a phone are higher than the screen; the first row stays in sight."""
    wait_alarms(desk)
    page = open_as("ana", "/fr/desk/", width=width)
    page.click("[data-alarms] summary")
    for part in ("#alarm-reason", ".fd-alarm-mute button", ".fd-alarm-row >> nth=0"):
        box = page.locator(part).bounding_box()
        assert box["y"] + min(box["height"], 44) <= page.viewport_size["height"], part


def test_the_drawer_stays_open_and_keeps_what_is_typed(open_as: OpenAs, desk: Desk) -> None:
    page = open_as("ana", "/fr/desk/")
    page.click("[data-alarms] summary")
    page.fill("#alarm-reason", "Au téléphone")
    wait_alarms(desk, 1)
    expect(page.locator(".fd-alarm-row")).to_have_count(2)
    expect(page.locator("#alarm-reason")).to_be_visible()
    assert page.input_value("#alarm-reason") == "Au téléphone"


@pytest.mark.parametrize("script", [True, False])
def test_the_sound_is_turned_off_with_a_reason_until_a_new_alarm(
    open_as: OpenAs, desk: Desk, axe: Callable[..., list[str]], script: bool
) -> None:
    page = open_as("ana", "/fr/desk/reference/", script=script)
    page.click("[data-alarms] summary")
    page.fill("#alarm-reason", "Au téléphone avec la salle.")
    if script:
        page.wait_for_timeout(800)
    page.click(".fd-alarm-mute button")
    expect(page.locator(".fd-alarm-muted .fd-alarm")).to_contain_text("son coupé pour vous jusqu’à")
    expect(page.locator("[data-alarm]")).to_have_count(0)
    assert page.locator(".fd-alarm").bounding_box()["height"] <= 32
    if script:
        assert axe(page) == []
    [entry] = entries.list_entries(actor=SYSTEM, sought=SoughtEntries(action="alarm.mute"))
    assert entry.actor_id == desk.actor("ana").person_id
    other = open_as("bruno", "/fr/desk/reference/")
    expect(other.locator("[data-alarm]")).to_have_count(1)
    wait_alarms(desk, 1)
    if not script:
        page.reload()
    expect(page.locator("[data-alarm]")).to_have_count(2)
    expect(page.locator(".fd-alarm-muted")).to_have_count(0)


COVERED = """() => {
  const line = document.querySelector("#alarms").getBoundingClientRect();
  return [...document.querySelectorAll("main :is(input:not([type=hidden]), select, textarea)")]
    .map((field) => field.getBoundingClientRect())
    .filter((box) => box.height && box.top < line.bottom && box.bottom > Math.max(line.top, 0)).length;
}"""


@pytest.mark.parametrize("width", [390, 1440])
def test_the_line_covers_no_field_and_no_paper(open_as: OpenAs, width: int) -> None:
    page = open_as("claire", "/fr/desk/rules/draft/", width=width)
    page.wait_for_selector(LINE)
    height = page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, min(height, 6000), 170):
        page.evaluate(
            "async top => { scrollTo(0, top); await new Promise(requestAnimationFrame); }", top
        )
        page.evaluate("() => new Promise(requestAnimationFrame)")
        assert page.evaluate(COVERED) == 0, top
    page.emulate_media(media="print")
    expect(page.locator("#alarms")).to_be_hidden()


def test_an_alarm_that_comes_in_is_seen_by_who_has_scrolled(open_as: OpenAs, desk: Desk) -> None:
    with as_worker():
        for waiting in waiting_alarms(actor=SYSTEM).alarms:
            acknowledge_alarm(actor=desk.actor("ana"), alarm_id=waiting.alarm.id, now=clock.now())
    page = open_as("ana", "/fr/desk/reference/?table=measure")
    expect(page.locator(LINE)).to_have_count(0)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    wait_alarms(desk, 1)
    expect(page.locator(LINE)).to_be_in_viewport()


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_drawer_is_accessible(
    open_as: OpenAs, desk: Desk, axe: Callable[..., list[str]], lang: str, width: int
) -> None:
    wait_alarms(desk, 2)
    add_reports(desk, [("second", 1, GAME | {"emergency": True, "place": {"country": "BE"}})])
    for scheme in ("light", "dark"):
        page = open_as("ana", f"/{lang}/desk/", width=width, scheme=scheme)
        page.click("[data-alarms] summary")
        expect(page.locator("#alarm-reason")).to_be_visible()
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
