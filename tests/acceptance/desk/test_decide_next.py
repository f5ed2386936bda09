"""Twenty reports by keyboard alone, and the bar that undoes the last act, in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from fanal.orient.models import StoredDecision
from fanal.web.desk.queue import portions
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import arrive
from tests.integration.desk.story import MATERIAL, Desk, add_reports

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]
REPORTS = 20
PLACES = ("Brest", "Metz", "Nice", "Pau", "Tours", "Lens", "Dax", "Albi", "Agen", "Gap", "Laon", "Foix",
          "Sens", "Vire", "Auch", "Blois", "Caen", "Dole", "Evry", "Vichy")  # fmt: skip


class Hands:
    """A person's keys on a page, and the pages that they load, both counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.keys, self.loads = page, 0, 0
        page.on("load", self._loaded)

    def _loaded(self, _page: Page) -> None:
        self.loads += 1

    def press(self, key: str) -> None:
        """Press a key, or a key with another held, as one."""
        self.keys += 1
        self.page.keyboard.press(key)

    def press_to(self, key: str, selector: str) -> None:
        """Press a key that leads to another page, and wait for it."""
        with self.page.expect_navigation():
            self.press(key)
        arrive(self.page, selector)


@pytest.fixture
def pages(desk: Desk) -> None:
    """Twenty reports of pages that have nothing in common."""
    bodies = []
    for n, place in enumerate(PLACES):
        body = MATERIAL | {
            "urls": [f"https://{place.lower()}-{n}.example/album/{n}"],
            "files": [],
            "persons": [],
            "occurred_at": f"2026-11-{n + 1:02d}",
            "description": f"Une page ouverte à tous, des cartes postales de {place}.",
        }
        bodies.append((f"page-{n}", 60 + n, body))
    add_reports(desk, bodies)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_twenty_reports_in_sixty_keys_and_twenty_pages(
    open_as: OpenAs, desk: Desk, pages: None, lang: str
) -> None:
    """Where the proposal is right: it is filled in with its reason, and recorded; the next one comes."""
    page = open_as("ana", f"/{lang}/desk/?view=OPEN&kind=ABUSE_MATERIAL")
    hands = Hands(page)
    hands.press_to("n", "[data-decision]")
    opened, seen = hands.loads, set()
    for _ in range(REPORTS):
        seen.add(page.url.partition("?")[0])
        hands.press("p")
        expect(page.locator("[data-decide-next]")).to_be_focused()
        hands.press_to("Control+Enter", "main")
        assert page.url.endswith("?view=OPEN&kind=ABUSE_MATERIAL")
    assert len(seen) == REPORTS
    assert StoredDecision.objects.count() == REPORTS
    assert StoredDecision.objects.filter(tracks=["JUDICIAL", "MEASURES"]).count() == REPORTS
    assert hands.loads - opened <= REPORTS
    assert hands.keys <= 3 * REPORTS


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_last_act_is_undone_by_one_key(
    open_as: OpenAs, axe: Axe, desk: Desk, pages: None, lang: str
) -> None:
    """Another reason by its number; the decision is undone, and its draft goes with it, in words."""
    page = open_as("ana", f"/{lang}/desk/?view=OPEN&kind=ABUSE_MATERIAL")
    hands = Hands(page)
    hands.press_to("n", "[data-decision]")
    first = page.url
    hands.press("p")
    proposed = page.input_value("#reason")
    hands.press("2")
    assert page.input_value("#reason") not in {"", proposed}
    page.fill("#reason", "In words of one's own.")
    page.locator("[data-decide-next]").focus()
    hands.press("3")
    assert page.input_value("#reason") == "In words of one's own."
    hands.press_to("Control+Enter", "[data-undo]")
    assert page.url != first
    hands.press_to("z", "[data-decision]")
    assert page.url == first
    told = page.locator(".fd-messages").inner_text()
    assert {"fr": "projets retirés", "en": "drafts are withdrawn"}[lang] in told
    withdrawn = {"fr": "Abandonnée", "en": "Withdrawn"}[lang]
    assert withdrawn in page.locator(".fd-decision .fd-drafts").inner_text()
    hands.press_to("n", "[data-undo]")
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_ticked_reports_are_closed_at_once_by_keyboard(
    open_as: OpenAs, axe: Axe, pages: None, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four keys to tick, one to see what would change; nothing changes before, and it goes on by itself."""
    monkeypatch.setattr(portions, "_PORTION", 1)
    page = open_as("ana", f"/{lang}/desk/?view=OPEN&kind=ABUSE_MATERIAL")
    expect(page.locator("[data-act]")).to_be_disabled()
    hands = Hands(page)
    for key in ("j", "x", "j", "x"):
        hands.press(key)
    assert page.locator("[data-ticked]").inner_text().strip() == "(2)"
    check(page, axe, lang)
    hands.press_to("e", "#act-CLOSE")
    check(page, axe, lang)
    assert StoredDecision.objects.count() == 0
    page.locator("[data-fill]").first.click()
    page.locator("form:has(#reason) [type=submit]").click()
    arrive(page, ".fd-messages")
    told = {"fr": "2 signalements clos sans suite.", "en": "2 reports closed without action."}
    assert told[lang] in page.locator(".fd-messages").inner_text()
    assert page.url.endswith("?view=OPEN&kind=ABUSE_MATERIAL")
    assert [one.tracks for one in StoredDecision.objects.all()] == [["NONE"], ["NONE"]]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_bar_goes_after_ten_seconds_and_waits_for_who_is_on_it(
    open_as: OpenAs, desk: Desk, pages: None, lang: str
) -> None:
    page = open_as("ana", f"/{lang}/desk/")
    Hands(page).press_to("n", "[data-decision]")
    Hands(page).press_to("n", "[data-undo]")
    page.locator("[data-undo] button").focus()
    page.wait_for_timeout(10_500)
    expect(page.locator("[data-undo]")).to_be_visible()
    page.locator("main").focus()
    expect(page.locator("[data-undo]")).to_be_hidden()
