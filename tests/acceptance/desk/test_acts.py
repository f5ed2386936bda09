"""Named acts in a real browser: notes, an identity opened, habilitations; and who lands where."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.harmonise.openings import list_openings
from fanal.kernel.actors import Role
from fanal.orient import queries as oriented
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import twice
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)
MOTIVE = "Written request of the prosecutor of Paris, file 26/118."


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_note_by_keyboard_and_a_card_of_a_file(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    report_id = desk.reports["mirror"]
    page = open_as("ana", f"/{lang}/desk/reports/{report_id}/")
    page.focus("#note")
    page.keyboard.type("The same album, a month later.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".fd-exchange li")
    (note,) = oriented.notes_of(actor=desk.actor("ana"), report_ids=[report_id])
    assert note.words == "The same album, a month later."
    assert page.locator(".fd-files img, .fd-files video, .fd-files picture").count() == 0
    assert page.locator(".fd-files .fn-media-tile").count() == 2
    assert page.locator(".fd-files a").first.is_visible()  # the other report with the same file
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    dossier = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["danger"])
    page.goto(page.url.partition("/desk/")[0] + f"/desk/dossiers/{dossier}/")
    page.fill("#note", "One and the same person writes in both games.")
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if one.method == "POST" else None)
    twice(page, "form[action$='/note/'] button")
    page.wait_for_selector(".fd-exchange li")
    assert len(sent) == 1
    page.goto(page.url.partition("/desk/")[0] + "/desk/search/?q=album")
    assert page.locator(".fd-exchange li").count() == 1
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_identity_is_opened_once_and_seen_by_another(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    page = open_as("driss", f"/{lang}/desk/reports/{desk.reports['danger']}/")
    page.click("a[href$='/identity/']")
    page.wait_for_selector("#motive")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.fill("#motive", "too short")
    page.click("form .btn-danger")  # the browser itself asks for more
    assert page.locator("#motive").evaluate("node => !node.checkValidity()")
    page.fill("#motive", MOTIVE)
    page.click("form .btn-danger")
    page.wait_for_selector("#opened")
    check(page, axe, lang)
    watcher = open_as("gabrielle", f"/{lang}/oversight/openings/")
    assert MOTIVE in watcher.inner_text("main")
    check(watcher, axe, lang)
    watcher.set_viewport_size({"width": 1440, "height": 900})
    watcher.click("form[action$='/seen/'] button")
    watcher.wait_for_selector("#seen")
    (opening,) = list_openings(actor=desk.actor("claire"))
    assert [person for person, _at in opening.seen] == [desk.users["gabrielle"].person_id]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_habilitation_is_granted_and_ended(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    desk.users["nino"] = make_user("nino")
    page = open_as("claire", f"/{lang}/account/habilitations/")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click(".fd-head-actions a")
    page.select_option("#person", label="Nino (nino)")
    page.select_option("#role", "ANALYST")
    page.fill("#act", "Order 2026-41: takes over the evening shift")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click("form .btn-primary")
    page.click("th a:has-text('Nino')")
    page.select_option("#reason", "MOVED")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click("form .btn-outline-danger")
    page.wait_for_selector("#ended")
    assert "Nino" in page.inner_text("section:has(#ended)")
    check(page, axe, lang)
    own = open_as("nino", f"/{lang}/account/")
    assert "2026-41" in own.inner_text("main")
    check(own, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("role", "path"),
    [
        (Role.ADMINISTRATOR, "account/installation/"),
        (Role.ADMINISTRATOR, "account/access/"),
        (Role.ADMINISTRATOR, "account/access/add/"),
        (Role.ADMINISTRATOR, "account/people/"),
        (Role.ADMINISTRATOR, "account/people/add/"),
    ],
)
def test_the_administrators_pages(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str, role: Role, path: str
) -> None:
    desk.users["karim"] = make_user("karim", role)
    check(open_as("karim", f"/{lang}/{path}"), axe, lang)
