"""A child names apps by tiles, says days, hours and age in its own words, and copies messages from screenshots."""

import msgspec
import pytest
from playwright.sync_api import Page

from fanal.intake.domain import receipt
from fanal.intake.operations.follow import ask_reporter
from fanal.intake.queries.envelopes import follow
from fanal.intake.queries.files import open_submissions
from fanal.kernel import clock
from fanal.kernel.actors import Role, public_actor, system_actor
from fanal.web.public import report as report_view
from tests.acceptance.conftest import Visit
from tests.acceptance.steps import go, turn
from tests.integration.orient.people import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("installed_keys")]
NEXT = "main button[value=next]"


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test's sender is new, and nobody waits."""
    report_view.send_limits.cache_clear()
    monkeypatch.setattr(report_view, "WAIT_WITHOUT_PROOF", 0)


def to_where(page: Page) -> None:
    for answer in (
        "input[name=whom][value=CHILD]",
        "input[name=danger][value=NO]",
        "input[value=GROOMING]",
    ):
        page.check(answer)
        turn(page, NEXT)


def sent(page: Page) -> dict[str, object]:
    """Send the open check page; return the sealed answers, opened as the worker opens them."""
    page.click("button[value=send]")
    page.wait_for_selector(".fp-code-text")
    code = page.inner_text(".fp-code-text code")
    found = follow(actor=public_actor(), lookup_hash=receipt.lookup_hash(code))
    assert found is not None
    opened = open_submissions(
        actor=system_actor("test"), report_ids=[found.report_id], now=clock.now()
    )
    body: dict[str, object] = msgspec.json.decode(opened[found.report_id].body)
    return body


@pytest.mark.parametrize("script", [True, False])
def test_questions_that_do_not_apply_vanish(visit: Visit, script: bool) -> None:
    """The day after “today”, and how to reach somebody who stays anonymous; what is wrong stays in sight."""
    page = visit("/fr/report/", width=360, script=script)
    to_where(page)
    assert page.is_visible("#date")
    page.check("input[name=when][value=TODAY]")
    assert not page.is_visible("#date")
    assert page.is_visible("#time")
    page.check("input[name=when][value=DATE]")
    page.fill("#date", "hier soir")
    for _ in range(4):
        turn(page, NEXT)
    page.check("input[name=meeting][value=YES]")
    page.check("input[name=meeting_when][value=TOMORROW]")
    assert not page.is_visible("#meeting_date")
    turn(page, NEXT)
    assert not page.is_visible("#your_email")
    page.check("input[name=contact][value=CONTACT]")
    page.fill("#your_email", "pas une adresse")
    turn(page, NEXT)
    assert page.is_visible("#your_email-error")
    page.check("input[name=contact][value=ANONYMOUS]")
    turn(page, NEXT)
    assert page.locator("input[name=step]").get_attribute("value") == "check"


@pytest.mark.parametrize("script", [True, False])
def test_apps_hours_age_and_messages_in_a_childs_own_words(visit: Visit, script: bool) -> None:
    page = visit("/fr/report/", width=360, script=script)
    to_where(page)
    page.check("input[name=app_roblox]")
    page.check("input[name=app_discord]")
    assert page.locator("#service-names option[value='Brawl Stars']").count() == 1
    page.fill("#service", "Blocs")
    page.fill("#nickname", "pixel_fox_77")
    page.check("input[name=when][value=DATE]")
    page.fill("#date", "hier soir")
    page.fill("#time", "9 h")
    turn(page, NEXT)
    page.click("summary")
    page.fill("#copied_1", "pixel_fox_77: à samedi")
    turn(page, NEXT)
    turn(page, NEXT)
    page.fill("#child_age", "douze")
    turn(page, NEXT)
    turn(page, "main button[value=back]")
    assert "On a compris\u00a0: 12." in page.inner_text(".fp-understood")
    for _ in range(2):
        turn(page, NEXT)
    page.check("input[name=contact][value=ANONYMOUS]")
    turn(page, NEXT)
    said = page.inner_text("main")
    assert "vers 21\u00a0h" in said
    assert "hier soir 9 h" in said
    assert "Roblox, Blocs" in said.replace("Discord, ", "")
    turn(page, "main button[value=where]")
    assert "vers 21\u00a0h" in page.inner_text(".fp-understood")
    assert page.is_checked("input[name=app_roblox]")
    assert page.input_value("#date") == "hier soir"
    for _ in range(6):
        turn(page, NEXT)
    body = sent(page)
    assert str(body["occurred_at"]).endswith("T21:00")
    assert body["conversation"] == [{"speaker": "pixel_fox_77", "text": "à samedi"}]
    assert body["channel"] == "MESSAGING"
    assert {p["age"] for p in body["persons"] if p["role"] == "VICTIM"} == {12}  # type: ignore[attr-defined]


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_nothing_that_a_child_says_of_time_or_age_is_refused(visit: Visit, lang: str) -> None:
    page = visit(f"/{lang}/report/")
    to_where(page)
    page.check("input[name=when][value=DATE]")
    page.fill("#date", "???")
    page.fill("#time", "late")
    turn(page, NEXT)
    assert page.locator("#errors").count() == 0
    assert page.locator("#description").count() == 1
    turn(page, "main button[value=back]")
    assert page.input_value("#date") == "???"
    assert page.locator(".fp-understood").count() == 0


def test_a_tile_is_ticked_by_keyboard_and_large_enough(visit: Visit) -> None:
    page = visit("/fr/report/", width=360)
    to_where(page)
    page.focus("input[name=app_snapchat]")
    page.keyboard.press("Space")
    assert page.is_checked("input[name=app_snapchat]")
    heights = page.eval_on_selector_all(
        ".fp-name, .fp-shots summary", "all => all.map(n => n.getBoundingClientRect().height)"
    )
    assert min(heights) >= 44


SIDES = """selector => { const text = document.querySelector(selector);
  const lines = [...text.childNodes].filter(n => n.nodeType === 3 && n.data.trim());
  const box = text.getBoundingClientRect();
  return lines.map(line => { const range = document.createRange(); range.selectNodeContents(line);
    const at = range.getBoundingClientRect();
    return at.left - box.left < box.right - at.right ? "left" : "right"; }); }"""
"""On which side of a text each of its lines stands."""
ARABIC_AND_FRENCH = "مرحبا، هذا نص.\nUne phrase."


def test_each_line_has_the_direction_of_its_own_script(visit: Visit) -> None:
    page = visit("/fr/report/", width=360)
    to_where(page)
    turn(page, NEXT)
    page.fill("#description", ARABIC_AND_FRENCH)
    for _ in range(4):
        turn(page, NEXT)
    page.check("input[name=contact][value=ANONYMOUS]")
    turn(page, NEXT)
    assert page.evaluate(SIDES, "dd[dir=auto]:has(br)") == ["right", "left"]
    page.click("button[value=send]")
    page.wait_for_selector(".fp-code-text")
    code = page.inner_text(".fp-code-text code")
    found = follow(actor=public_actor(), lookup_hash=receipt.lookup_hash(code))
    assert found is not None
    ask_reporter(
        actor=person(Role.ANALYST),
        report_id=found.report_id,
        text=ARABIC_AND_FRENCH,
        now=clock.now(),
    )
    page.goto(page.url.replace("/report/", "/follow/"))
    page.fill("#code", code)
    go(page, "main button")
    assert page.evaluate(SIDES, ".fp-from-desk p[dir=auto]") == ["right", "left"]
