"""The browser's Back, Forward and reload, in any order, lose no answer; leaving quickly and sending forget them."""

import random

import pytest
from playwright.sync_api import Page, Route

from fanal.web.public import report as report_view
from tests.acceptance.conftest import Visit
from tests.acceptance.steps import go, turn
from tests.live import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("installed_keys")]
STEPS = (
    *("whom", "danger", "what", "where", "saw"),
    *("who", "child", "meeting", "you", "check"),
)
TYPED: dict[str, tuple[tuple[str, str], ...]] = {
    "whom": (("input[name=whom][value=CHILD]", "CHILD"),),
    "danger": (("input[name=danger][value=NO]", "NO"),),
    "what": (("input[name=kind][value=GROOMING]", "GROOMING"),),
    "where": (
        *(
            ("input[name=app_roblox]", "YES"),
            ("input[name=app_discord]", "YES"),
            ("#service", "Blocs"),
        ),
        *(("#nickname", "pixel_fox_77"), ("#date", "samedi"), ("#time", "9 h du soir")),
    ),
    "saw": (("#description", "Une phrase.\nUne autre."), ("#copied_1", "pixel_fox_77: à samedi")),
    "who": (("#suspect_name", "A. Person"),),
    "child": (("#child_age", "douze"),),
    "meeting": (("input[name=meeting][value=YES]", "YES"), ("#meeting_time", "midi")),
    "you": (("input[name=contact][value=ANONYMOUS]", "ANONYMOUS"),),
}
STEP = "document.querySelector('#report [name=step]').value"
SHOWN = """name => { const field = document.querySelector(`${name}`);
  return /radio|checkbox/.test(field.type) ? (field.checked ? field.value : '') : field.value; }"""


@pytest.fixture(autouse=True)
def fresh_limits() -> None:
    """Every test's sender is new."""
    report_view.send_limits.cache_clear()


def at(page: Page) -> str:
    return str(page.evaluate(STEP))


def arrive(page: Page, step: str) -> None:
    page.wait_for_selector(f"#report input[name=step][value={step}]", state="attached")


def answer(page: Page, step: str) -> None:
    if step == "saw" and not page.is_visible("#copied_1"):
        page.click("summary")
    for field, value in TYPED.get(step, ()):
        page.check(field) if field.startswith("input") else page.fill(field, value)


def holds(page: Page, step: str) -> None:
    """The page shows what was answered on it."""
    for field, value in TYPED.get(step, ()):
        page.wait_for_selector(field)
        assert page.evaluate(SHOWN, field) == value, step


def again(page: Page) -> None:
    """Reload, and wait until what was kept stands there again."""
    step = at(page)
    page.reload()
    page.wait_for_selector("#report:not([data-new])")
    arrive(page, step)


def press(page: Page, button: str) -> None:
    page.click(f"main button[name=go][value={button}]")


def fill(page: Page, until: str) -> None:
    for step in STEPS[: STEPS.index(until)]:
        answer(page, step)
        press(page, "next")
        arrive(page, STEPS[STEPS.index(step) + 1])


def test_back_before_the_first_tap_shows_the_page_before_with_its_answer(visit: Visit) -> None:
    page = visit("/fr/report/")
    fill(page, "where")
    page.go_back()
    arrive(page, "what")
    holds(page, "what")
    page.go_back()
    arrive(page, "danger")
    holds(page, "danger")
    page.go_forward()
    arrive(page, "what")
    page.go_forward()
    arrive(page, "where")
    assert "rapport" not in page.title().lower()


def test_what_is_typed_and_not_sent_stays_by_back_forward_and_reload(visit: Visit) -> None:
    page = visit("/fr/report/")
    fill(page, "saw")
    answer(page, "saw")
    page.go_back()
    arrive(page, "where")
    page.go_forward()
    arrive(page, "saw")
    holds(page, "saw")
    again(page)
    holds(page, "saw")
    page.go_back()
    arrive(page, "where")
    holds(page, "where")


@pytest.mark.parametrize("step", STEPS)
def test_a_reload_shows_the_same_page(visit: Visit, step: str) -> None:
    page = visit("/en/report/")
    fill(page, step)
    answer(page, step)
    again(page)
    assert at(page) == step
    holds(page, step)


def test_leaving_the_form_and_coming_back_keeps_it(visit: Visit) -> None:
    page = visit("/fr/")
    page.goto(page.url + "report/")
    fill(page, "saw")
    answer(page, "saw")
    page.goto(page.url.replace("/report/", "/figures/"))
    page.go_back()
    arrive(page, "saw")
    holds(page, "saw")


def test_a_second_tap_while_a_page_comes_changes_nothing(visit: Visit) -> None:
    page = visit("/fr/report/")
    answer(page, "whom")
    page.evaluate(
        "() => { const go = document.querySelector('main button[value=next]'); go.click(); go.click(); }"
    )
    arrive(page, "danger")
    page.wait_for_timeout(300)
    assert at(page) == "danger"
    page.go_back()
    arrive(page, "whom")
    holds(page, "whom")


def settle(page: Page) -> None:
    """Wait until the page that stands is that of its entry in the history."""
    wait_for(lambda: page.evaluate(f"history.state?.step === {STEP}"))


def move(page: Page, act: str) -> None:
    here = STEPS.index(at(page))
    if act == "next" and here < len(STEPS) - 1:
        press(page, "next")
        arrive(page, STEPS[here + 1])
    elif act == "back" and here:
        press(page, "back")
        arrive(page, STEPS[here - 1])
    elif act == "reload":
        again(page)
    elif act == "forward":
        page.go_forward()
    elif act == "browser back" and page.evaluate("history.state?.before ?? ''"):
        page.go_back()  # before the first page lies another site
    settle(page)


@pytest.mark.parametrize("seed", range(6))
def test_any_way_through_the_form_loses_nothing(visit: Visit, seed: int) -> None:
    """Continue, the page's Back, the browser's Back and Forward, reload, in any order."""
    chance = random.Random(seed)
    page = visit("/fr/report/")
    answered: set[str] = set()
    for _ in range(25):
        here = at(page)
        if here in answered:
            holds(page, here)
        answer(page, here)
        answered.add(here)
        move(page, chance.choice([*["next"] * 4, "back", "browser back", "forward", "reload"]))
    while at(page) != "check":
        answer(page, at(page))
        move(page, "next")
    said = page.inner_text("main")
    told = (
        "Discord, Roblox, Blocs",
        "pixel_fox_77",
        "vers 21\u00a0h",
        "samedi 9 h du soir",
        "Une phrase.",
    )
    told = (*told, "pixel_fox_77: à samedi", "A. Person", "douze", "12", "vers 12\u00a0h", "midi")
    assert [words for words in told if words not in said] == []


def test_leaving_quickly_and_sending_forget_the_answers(visit: Visit) -> None:
    page = visit("/fr/report/")
    fill(page, "saw")
    kept = "sessionStorage.getItem('fanal-report')"
    assert "pixel_fox_77" not in (page.evaluate(kept) or ""), "sealed"
    page.evaluate("document.querySelector('[data-quick-exit]').href = '/fr/figures/'")
    go(page, "[data-quick-exit]")
    assert page.evaluate(kept) is None
    page = visit("/fr/report/")
    fill(page, "check")
    page.click("[data-send]")
    page.wait_for_selector(".fp-code-text")
    assert page.evaluate(kept) is None
    page.go_back()
    arrive(page, "whom")
    assert not page.is_checked("input[name=whom][value=CHILD]")


@pytest.mark.parametrize("status", [None, 502], ids=["no connection", "no page of the form"])
def test_an_answer_that_does_not_come_is_said_and_the_page_stays(
    visit: Visit, status: int | None
) -> None:
    page = visit("/fr/report/")
    fill(page, "saw")
    answer(page, "saw")
    page.route(
        "**/report/",
        lambda r: r.fulfill(status=status, body="<h1>Bad Gateway</h1>") if status else r.abort(),
    )
    press(page, "next")
    page.wait_for_selector("[data-offline]:visible")
    page.unroute("**/report/")
    holds(page, "saw")
    press(page, "next")
    arrive(page, "who")


def test_a_reload_that_fails_takes_nothing_from_what_was_kept(visit: Visit) -> None:
    page = visit("/fr/report/")
    fill(page, "saw")
    answer(page, "saw")
    page.route("**/report/", lambda r: r.abort() if r.request.method == "POST" else r.continue_())
    for _ in range(2):
        page.reload()
        page.wait_for_selector("[data-offline]:visible")
    page.unroute("**/report/")
    page.reload()
    arrive(page, "saw")
    holds(page, "saw")


@pytest.mark.parametrize("button", ["main button[value=next]", "button[value=stay]"])
def test_after_a_reload_that_failed_any_press_shows_what_was_kept(
    visit: Visit, button: str
) -> None:
    page = visit("/fr/report/")
    fill(page, "saw")
    answer(page, "saw")
    page.route("**/report/", lambda r: r.abort() if r.request.method == "POST" else r.continue_())
    page.reload()
    page.wait_for_selector("[data-offline]:visible")
    page.unroute("**/report/")
    turn(page, button)
    assert at(page) == "saw"
    holds(page, "saw")
    page.go_back()
    arrive(page, "where")
    holds(page, "where")


def test_what_is_answered_after_a_reload_that_failed_joins_what_was_kept(visit: Visit) -> None:
    page = visit("/fr/report/")
    fill(page, "saw")
    answer(page, "saw")
    page.route("**/report/", lambda r: r.abort() if r.request.method == "POST" else r.continue_())
    page.reload()
    page.wait_for_selector("[data-offline]:visible")
    page.unroute("**/report/")
    page.check("input[name=whom][value=PARENT]")
    turn(page, "main button[value=next]")
    arrive(page, "whom")
    assert page.is_checked("input[name=whom][value=PARENT]")
    for step in STEPS[1:5]:
        turn(page, "main button[value=next]")
        arrive(page, step)
        holds(page, step)


def test_a_long_text_has_the_time_that_a_slow_line_takes(visit: Visit) -> None:
    page = visit("/fr/report/")
    fill(page, "saw")
    answer(page, "saw")
    page.clock.install()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/report/", hold)
    press(page, "next")
    wait_for(lambda: page.evaluate("1") and len(held) == 1)
    page.clock.run_for(25_000)
    page.wait_for_selector("[data-offline]:visible")
    page.fill("#description", "Привет. " * 2500)
    press(page, "next")
    wait_for(lambda: page.evaluate("1") and len(held) == 2)
    page.clock.run_for(40_000)
    assert page.is_hidden("[data-offline]")
    held[1].continue_()
    arrive(page, "who")


def test_leaving_quickly_from_another_page_forgets_the_answers_too(visit: Visit) -> None:
    page = visit("/fr/report/")
    fill(page, "saw")
    page.goto(page.url.replace("/report/", "/figures/"))
    page.evaluate("document.querySelector('[data-quick-exit]').href = '/fr/'")
    go(page, "[data-quick-exit]")
    assert page.evaluate("sessionStorage.getItem('fanal-report')") is None
    page.go_back()
    assert page.is_visible("input[name=whom]")
    assert not page.is_checked("input[name=whom][value=CHILD]")


def test_what_is_older_than_half_an_hour_is_deleted_by_the_next_page(visit: Visit) -> None:
    page = visit("/fr/report/")
    fill(page, "saw")
    page.evaluate(
        """() => { const kept = JSON.parse(sessionStorage.getItem('fanal-report'));
          const old = () => sessionStorage.setItem('fanal-report',
            JSON.stringify({ ...kept, at: Date.now() - 1800001 }));
          addEventListener('pagehide', old);
          document.addEventListener('visibilitychange', old); }"""
    )
    page.reload()
    page.wait_for_selector("#whom")
    assert page.evaluate("sessionStorage.getItem('fanal-report')") is None


def test_who_leaves_quickly_after_send_stays_away(visit: Visit) -> None:
    page = visit("/fr/report/")
    fill(page, "you")
    answer(page, "you")
    press(page, "next")
    arrive(page, "check")
    page.evaluate(
        """() => { document.querySelector('[data-quick-exit]').href = '/fr/figures/';
          document.querySelector('[data-send]').click();
          document.querySelector('[data-quick-exit]').click(); }"""
    )
    page.wait_for_url("**/figures/")
    page.wait_for_timeout(2500)
    assert page.url.endswith("/figures/")
