"""A citizen reports, receives a code, follows and answers: with and without JavaScript, by keyboard."""

import re
from collections.abc import Callable

import msgspec
import pytest
from django.test import Client
from playwright.sync_api import Page

from fanal.intake.domain import receipt
from fanal.intake.operations.follow import ask_reporter
from fanal.intake.queries.envelopes import follow
from fanal.intake.queries.files import open_submissions
from fanal.kernel import clock
from fanal.kernel.actors import Role, public_actor, system_actor
from fanal.web.public import follow as follow_view, report as report_view
from tests.acceptance.conftest import Visit
from tests.acceptance.steps import go, turn
from tests.integration.orient.people import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("installed_keys")]

CODE = re.compile(r"(?:[0-9A-HJKMNP-TV-Z]{4}-){4}[0-9A-HJKMNP-TV-Z]{4}")


TWICE = """() => {
  let sent = 0;
  const count = (event) => { if (!event.defaultPrevented) sent += 1; event.preventDefault(); };
  addEventListener("submit", count);
  const button = document.querySelector("#answer button[value=answer]");
  button.click();
  button.click();
  removeEventListener("submit", count);
  return sent;
}"""
"""How often a double click would have sent the answer; nothing leaves."""


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    """Every test's sender is new."""
    report_view.send_limits.cache_clear()
    follow_view.wrong_codes.cache_clear()


def _next(page: Page) -> None:
    turn(page, "main button[value=next]")


def fill(
    page: Page, *, danger: str = "NO", contact: str = "ANONYMOUS", whom: str = "WITNESS"
) -> None:
    """Go from the first page to the check page."""
    page.check(f"input[name=whom][value={whom}]")
    _next(page)
    page.check(f"input[name=danger][value={danger}]")
    _next(page)
    page.check("input[value=GROOMING]")
    _next(page)
    page.check("input[name=channel][value=GAME]")
    page.fill("#service", "Blocks")
    page.fill("#nickname", "pixel_fox_77")
    page.fill("#room", "Room 12")
    page.check("input[name=when][value=YESTERDAY]")
    _next(page)
    page.fill("#description", "Someone asks for secrets.")
    page.fill("#conversation", "pixel_fox_77: hello\nme: who are you")
    _next(page)
    _next(page)
    if whom == "WITNESS":
        page.check("input[name=child][value=ME]")
    page.fill("#child_age", "12")
    _next(page)
    page.check("input[name=meeting][value=NO]")
    _next(page)
    page.check(f"input[name=contact][value={contact}]")
    if contact == "CONTACT":
        page.fill("#your_email", "reporter@mail.example")
    _next(page)


def _code(page: Page) -> str:
    page.wait_for_selector(".fp-code-text")
    found = CODE.search(page.inner_text(".fp-code-text"))
    assert found is not None
    return found.group()


def _opened(code: str) -> dict[str, object]:
    """Return the sealed answers of a code's report, opened as the worker opens them."""
    followed = follow(actor=public_actor(), lookup_hash=receipt.lookup_hash(code))
    assert followed is not None
    actor = system_actor("test")
    opened = open_submissions(actor=actor, report_ids=[followed.report_id], now=clock.now())
    body: dict[str, object] = msgspec.json.decode(opened[followed.report_id].body)
    return body


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_report_with_javascript(visit: Visit, lang: str) -> None:
    page = visit(f"/{lang}/report/")
    fill(page)
    page.click("[data-send]")
    code = _code(page)
    body = _opened(code)
    assert body["platform"] == "Blocks:Room 12"
    assert body["language"] == lang
    assert page.context.cookies() == []
    assert code not in page.url


def test_report_without_javascript_waits_and_arrives(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit("/fr/report/", script=False)
    fill(page)
    go(page, "button[value=send]")
    assert "dix secondes" in page.inner_text("[role=alert]")
    monkeypatch.setattr(report_view, "WAIT_WITHOUT_PROOF", 0)
    page.click("button[value=send]")
    assert _opened(_code(page))["kind"] == "GROOMING"
    assert page.context.cookies() == []


def test_keyboard_only(visit: Visit) -> None:
    page = visit("/fr/report/")
    page.keyboard.press("Tab")
    assert "fn-skip" in (page.evaluate("document.activeElement.className") or "")
    page.keyboard.press("Enter")
    for _ in range(12):
        if page.evaluate("document.activeElement.name") == "whom":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("input[name=danger]")
    assert page.evaluate("document.querySelector('progress').value") == 2


def test_the_browsers_own_back_goes_one_question_back(visit: Visit) -> None:
    page = visit("/fr/report/")
    _next(page)
    page.check("input[name=danger][value=NO]")
    _next(page)
    page.check("input[value=GROOMING]")
    _next(page)
    page.fill("#nickname", "pixel_fox_77")
    page.press("#nickname", "Tab")
    _next(page)
    page.fill("#description", "Words typed just now.")
    page.mouse.click(5, 5)
    for question in ("#nickname", "input[name=kind]", "input[name=danger]"):
        page.evaluate("history.back()")
        page.wait_for_selector(question)
        page.mouse.click(5, 5)
    assert page.is_checked("input[name=danger][value=NO]")
    _next(page)
    assert page.is_checked("input[value=GROOMING]")
    _next(page)
    assert page.input_value("#nickname") == "pixel_fox_77"
    _next(page)
    assert page.input_value("#description") == "Words typed just now."


def test_a_link_to_a_field_stays_on_the_page(visit: Visit) -> None:
    page = visit("/fr/report/")
    _next(page)
    page.check("input[name=danger][value=NO]")
    _next(page)
    page.mouse.click(5, 5)
    _next(page)
    page.click("#errors a")
    page.wait_for_timeout(700)
    assert page.evaluate("document.querySelector('progress').value") == 3
    page.check("input[value=GROOMING]")
    _next(page)
    page.wait_for_selector("#nickname")


def test_errors_on_top_and_beside_the_field(visit: Visit) -> None:
    page = visit("/fr/report/")
    _next(page)
    _next(page)
    top = page.locator("#errors")
    assert top.evaluate("node => node === document.activeElement")
    assert top.locator("a[href='#danger']").count() == 1
    assert page.locator("#danger .fp-error").count() == 1
    assert page.title().startswith("Erreur")


def test_back_keeps_every_answer(visit: Visit) -> None:
    page = visit("/fr/report/")
    fill(page, contact="CONTACT")
    for _ in range(6):
        turn(page, "main button[value=back]")
    assert page.input_value("#nickname") == "pixel_fox_77"
    assert page.is_checked("input[name=channel][value=GAME]")
    turn(page, "main button[value=back]")
    assert page.is_checked("input[value=GROOMING]")


def test_language_switch_keeps_page_and_answers(visit: Visit) -> None:
    page = visit("/fr/report/")
    _next(page)
    page.check("input[name=danger][value=NO]")
    _next(page)
    page.check("input[value=SEXTORTION]")
    page.click("header button[value=stay]")
    assert "/en/report/" in page.url
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.is_checked("input[value=SEXTORTION]")


def test_sending_twice_is_one_report_with_one_code(visit: Visit) -> None:
    page = visit("/fr/report/")
    fill(page)
    page.wait_for_selector("[data-proof-state]:has-text('Prêt')")
    fields = page.evaluate("Object.fromEntries(new FormData(document.getElementById('report')))")
    client = Client()
    answers = [client.post("/fr/report/", fields | {"go": "send"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    codes = {CODE.search(answer.content.decode()).group() for answer in answers}  # type: ignore[union-attr]
    assert len(codes) == 1
    assert all(not answer.cookies for answer in answers)


def test_contact_is_sealed_apart(visit: Visit) -> None:
    page = visit("/fr/report/")
    fill(page, contact="CONTACT")
    page.click("[data-send]")
    assert "reporter@mail.example" not in str(_opened(_code(page)))


def test_follow_question_and_answer(visit: Visit, axe: Callable[..., list[str]]) -> None:
    """The page leads with the question and its answer box, on a phone too, until it is answered."""
    page = visit("/fr/report/", width=360)
    fill(page)
    page.click("[data-send]")
    code = _code(page)
    found = follow(actor=public_actor(), lookup_hash=receipt.lookup_hash(code))
    assert found is not None
    ask_reporter(
        actor=person(Role.ANALYST),
        report_id=found.report_id,
        text="Which <b>world</b> was it?",
        now=clock.now(),
    )
    page.goto(page.url.replace("/report/", "/follow/"))
    page.fill("#code", code.lower().replace("-", " "))
    go(page, "main button")
    assert "Which <b>world</b> was it?" in page.inner_text(".fp-from-desk")
    assert page.inner_text("h1") == "Notre équipe a une question"
    assert (
        page.locator(".fp-from-desk").bounding_box()["y"]
        < page.locator("#text").bounding_box()["y"]
    )
    assert page.locator("#text").bounding_box()["y"] < 640
    assert "Aucune question" not in page.inner_text("main")
    assert axe(page) == []
    page.fill("#text", "The blue one.")
    assert page.evaluate(TWICE) == 1
    page.wait_for_timeout(2100)
    go(page, "form:has(#text) button")
    assert page.locator(".fp-from-you").count() == 1
    assert page.inner_text("h1") == "Votre signalement"
    assert page.locator("#text").count() == 1
    with page.expect_download() as download:
        page.click("main > form button")
    assert download.value.path().read_text().startswith("FANAL RECEIPT 1")
    assert page.context.cookies() == []


def test_wrong_codes_get_one_answer(visit: Visit) -> None:
    page = visit("/fr/follow/")
    texts = []
    for typed in ("nonsense", receipt.new_code(), ""):
        page.fill("#code", typed)
        go(page, "main button")
        texts.append(page.inner_text("[role=alert]"))
    assert len(set(texts)) == 1


def test_another_site_cannot_post(visit: Visit) -> None:
    answer = Client(headers={"Origin": "https://evil.example"}).post("/fr/report/", {"go": "next"})
    assert answer.status_code == 403
    answer = Client(headers={"Sec-Fetch-Site": "cross-site"}).post("/fr/follow/", {"code": "x"})
    assert answer.status_code == 403


def test_a_lost_draft_keeps_the_open_page(visit: Visit) -> None:
    answer = Client().post(
        "/fr/report/", {"draft": "x", "step": "saw", "description": "kept words", "go": "next"}
    )
    assert answer.status_code == 409
    page = visit("/fr/report/")
    page.set_content(answer.content.decode().replace("/fr/report/", page.url))
    assert "gardées" in page.inner_text(".fn-note")


def test_danger_goes_first_and_the_receipt_says_to_call(visit: Visit) -> None:
    page = visit("/fr/report/")
    fill(page, danger="YES")
    page.click("[data-send]")
    code = _code(page)
    assert _opened(code)["emergency"] is True
    assert "17" in page.inner_text(".fn-note-danger")


@pytest.mark.parametrize("script", [True, False])
def test_the_answers_come_first_and_the_numbers_after_a_yes(visit: Visit, script: bool) -> None:
    page = visit("/fr/report/", width=360, script=script)
    page.set_viewport_size({"width": 360, "height": 640})
    _next(page)
    first = page.locator(".fp-choice").first.bounding_box()
    assert first is not None
    assert first["y"] + first["height"] <= 640
    assert page.locator(".fp-urgent").is_visible()
    page.check("input[name=danger][value=NO]")
    assert not page.locator(".fp-urgent").is_visible()
    page.check("input[name=danger][value=YES]")
    assert page.locator(".fp-urgent a[href='tel:17']").is_visible()
    _next(page)
    assert "appelez d’abord le 17" in page.inner_text(".fn-note-danger")


@pytest.mark.parametrize("script", [True, False])
def test_where_somebody_is_and_a_meeting_are_asked_and_may_stay_unknown(
    visit: Visit, script: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_view, "WAIT_WITHOUT_PROOF", 0)
    page = visit("/fr/report/", script=script)
    _next(page)
    page.check("input[name=danger][value=NO]")
    _next(page)
    page.check("input[value=GROOMING]")
    for _ in range(3):
        _next(page)
    page.check("input[name=suspect_where][value=UNKNOWN]")
    assert not page.locator("#suspect_town").is_visible()
    page.check("input[name=suspect_where][value=ABROAD]")
    assert page.locator("#suspect_country").is_visible()
    page.check("input[name=suspect_where][value=UNKNOWN]")
    _next(page)
    page.check("input[name=child_where][value=FRANCE]")
    assert not page.locator("#child_country").is_visible()
    page.fill("#child_town", "59000 Lille")
    _next(page)
    page.check("input[name=meeting][value=NO]")
    assert not page.locator("#meeting_town").is_visible()
    page.check("input[name=meeting][value=YES]")
    assert "Appelez le 17" in page.inner_text(".fp-planned")
    page.check("input[name=meeting_when][value=TOMORROW]")
    page.fill("#meeting_time", "17h")
    page.check("input[name=meeting_where][value=FRANCE]")
    page.fill("#meeting_town", "Gare de Lille")
    _next(page)
    page.check("input[name=contact][value=ANONYMOUS]")
    _next(page)
    said = page.inner_text("main")
    assert [word for word in ("59000 Lille", "Gare de Lille", "17h") if word not in said] == []
    page.click("button[value=send]")
    meeting, child = _opened(_code(page))["places"]  # type: ignore[misc]
    assert (meeting["role"], meeting["locality"], meeting["at"][10:]) == (
        "MEETING",
        "Gare de Lille",
        "T17:00",
    )
    assert child == {"role": "CHILD", "country": "FR", "locality": "Lille", "postcode": "59000"}


@pytest.mark.parametrize("code", ["P2P", "DARKWEB"])
def test_file_sharing_and_the_dark_web_are_channels(visit: Visit, code: str) -> None:
    page = visit("/fr/report/", script=False)
    _next(page)
    page.check("input[name=danger][value=NO]")
    _next(page)
    page.check("input[value=ABUSE_MATERIAL]")
    _next(page)
    page.check(f"input[name=channel][value={code}]")
    for _ in range(4):  # nobody is to meet: that page is left out
        _next(page)
    page.check("input[name=contact][value=ANONYMOUS]")
    _next(page)
    assert (
        page.locator("main").inner_text().count("pair à pair" if code == "P2P" else "dark web") == 1
    )


def test_quick_exit_replaces_the_page(visit: Visit, axe: Callable[[Page], list[str]]) -> None:
    page = visit("/fr/")
    page.route("https://meteofrance.com/**", lambda route: route.abort())
    assert page.get_attribute("[data-quick-exit]", "rel") == "noreferrer noopener"
    replaced = page.evaluate("document.querySelector('[data-quick-exit]').href")
    assert replaced == "https://meteofrance.com/"


@pytest.mark.parametrize("script", [True, False])
def test_a_text_that_is_too_long_stays_where_it_was_written(visit: Visit, script: bool) -> None:
    page = visit("/fr/report/", script=script)
    _next(page)
    page.check("input[name=danger][value=NO]")
    _next(page)
    page.check("input[value=SEXTORTION]")
    _next(page)
    _next(page)
    text = "Un mot neutre, puis un autre. " * 3_000
    page.fill("#description", "Un mot avant.")
    page.fill("#conversation", text)
    for button in ("main button[value=next]", "main button[value=back]"):
        turn(page, button)
        assert page.input_value("#conversation") == text.strip()
        assert page.input_value("#description") == "Un mot avant."
        assert "60\u202f000 au plus" in page.inner_text("#errors")
        assert not page.locator("[data-too-long]:visible").count()
    page.fill("#conversation", "Plus court.")
    turn(page, "main button[value=back]")
    _next(page)
    assert page.input_value("#conversation") == "Plus court."


def test_a_text_that_no_server_reads_is_not_sent_and_back_works_on(visit: Visit) -> None:
    page = visit("/fr/report/")
    _next(page)
    page.check("input[name=danger][value=NO]")
    _next(page)
    page.check("input[value=SEXTORTION]")
    _next(page)
    _next(page)
    page.click("#conversation")
    page.locator("#conversation").evaluate(
        "node => { node.value = 'Un mot neutre. '.repeat(60000) }"
    )
    page.locator("main button[value=next]").click()
    told = page.locator("[data-too-long]:visible")
    told.wait_for()
    assert "n’a pas été envoyé" in told.inner_text()
    page.go_back()
    page.wait_for_timeout(700)
    assert len(page.input_value("#conversation")) == 900_000
    page.click("#conversation")
    page.fill("#conversation", "Plus court.")
    page.go_back()
    page.wait_for_selector("#nickname")
    _next(page)
    assert page.input_value("#conversation") == "Plus court."


def test_without_a_connection_nothing_is_sent_and_nothing_lost(visit: Visit) -> None:
    page = visit("/fr/report/")
    fill(page)
    page.context.set_offline(True)
    page.locator("[data-send]").click()
    told = page.locator("[data-offline]:visible")
    told.wait_for()
    assert "tout est encore ici" in told.inner_text()
    page.context.set_offline(False)
    page.click("[data-send]")
    assert _code(page)
