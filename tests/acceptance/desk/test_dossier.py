"""A dossier in a real browser: opened, split with a reason that holds, its graph walked by keyboard and taken away."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route

from fanal.crosscheck.dossiers.queries import dossier_of
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.integration.desk.story import Desk, add_reports, run_stages, suspect
from tests.integration.desk.work import referred

pytestmark = pytest.mark.django_db(transaction=True)
_GRAPH = re.compile(r'(<script id="dossier-graph" type="application/json">).*?(</script>)', re.S)


def path_of(desk: Desk, lang: str) -> str:
    found = dossier_of(actor=desk.actor("ana"), report_id=desk.reports["danger"])
    return f"/{lang}/desk/dossiers/{found}/"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_was_split_off_stays_off(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    page = open_as("ana", path_of(desk, lang))
    assert page.locator(".fd-link-reasons li").count() > 0
    page.check("input[name=act][value=SPLIT]")
    form = "form:has(#judge-reason)"
    page.check(f"{form} input[name=report][value='{desk.reports['game']}']")
    page.fill("#judge-reason", "Another person: the handle was taken over.")
    page.click(f"{form} button[type=submit]")
    page.wait_for_selector(".fd-history >> text=the handle was taken over")
    run_stages(desk.now)
    actor = desk.actor("ana")
    parts = [dossier_of(actor=actor, report_id=desk.reports[name]) for name in ("danger", "game")]
    assert parts[0] != parts[1]
    page = open_as("ana", f"/{lang}/desk/dossiers/")
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_is_renamed_in_two_clicks(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    page = open_as("ana", path_of(desk, lang))
    assert "renard_77 / Arcadia" in page.locator("h1").inner_text()
    page.click(".fd-rename summary")
    check(page, axe, lang)
    page.fill("#dossier-name", "Le cercle des mercredis")
    page.click(".fd-rename button[type=submit]")
    page.wait_for_selector("h1 >> text=Le cercle des mercredis")
    page.goto(page.url.partition("/dossiers/")[0] + "/dossiers/")
    assert page.locator("th a", has_text="Le cercle des mercredis").count() == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_reports_side_by_side_and_an_identifier_through_time(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    page = open_as("ana", path_of(desk, lang))
    page.click("details:has(form[action$='/compare/']) summary")
    page.click("form[action$='/compare/'] button")
    page.wait_for_selector("#common")
    check(page, axe, lang)
    shared = page.locator("section:has(#common) a[href*='value=']").first
    page.set_viewport_size({"width": 1440, "height": 900})
    shared.click()
    page.wait_for_selector("#through-time")
    assert page.locator(".fd-months tr").count() > 1
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_choice_in_one_picture_is_marked_in_all(
    open_as: Callable[..., Page], desk: Desk, lang: str
) -> None:
    """A place by mouse, a period by keyboard, a report by its row and by the graph; the address keeps it."""
    page = open_as("ana", path_of(desk, lang))
    page.wait_for_selector("[data-graph][data-drawn]")
    game = str(desk.reports["game"])

    def marked() -> tuple[int, set[str], set[str], set[str]]:
        """Nodes of the graph, rows of the table, places, lanes of the timeline that are marked."""
        graph = page.locator("[data-graph]").get_attribute("data-marked")
        rows, places, lanes = (
            set(
                page.locator(f"{selector}[data-picked]").evaluate_all(
                    "(found, name) => found.map(item => item.dataset[name])", name
                )
            )
            for selector, name in (
                ("tr[data-pick]", "pick"), ("a[data-place]", "place"), (".fd-chart-wide a", "lane"),
            )
        )  # fmt: skip
        return int(graph or 0), rows, places, lanes

    page.click(".fd-marks-wide a[data-place=BE]")
    chosen = (1, {game}, {"BE", "FR"}, {"FACTS", "RECEIVED"})
    assert marked() == chosen
    count = {"fr": "1 signalement choisi", "en": "1 report chosen"}[lang]
    assert page.locator("[data-chosen-count]").inner_text() == count
    page.reload()
    page.wait_for_selector("[data-graph][data-drawn]")
    assert marked() == chosen
    page.click("[data-choose-nothing]")
    assert marked() == (0, set(), set(), set())
    page.click(f"tr[data-pick='{game}'] a[data-choose]")
    assert marked() == chosen
    page.locator(".fd-chart-wide a[data-lane=RECEIVED]").last.focus()
    page.keyboard.press("Enter")
    nodes, rows, places, _lanes = marked()
    assert nodes == len(rows) > 0
    assert str(desk.reports["danger"]) in rows
    assert "FR" in places
    page.locator("[data-graph]").focus()
    page.keyboard.press("ArrowRight")
    nodes, rows, _places, lanes = marked()
    assert (nodes, len(rows)) == (1, 1)
    assert "RECEIVED" in lanes
    assert page.url.endswith(f"?report={rows.pop()}")


@pytest.mark.parametrize("size", [3, 2000])
def test_the_graph_by_keyboard(
    open_as: Callable[..., Page], desk: Desk, tmp_path: Path, size: int
) -> None:
    """Three reports are drawn as they are, two thousand in groups; Enter opens one, the picture leaves."""
    nodes = [
        {"data": {"id": f"n{n}", "label": f"R-{n}", "level": "", "away": 0,
                  "shared": f"value {n % 40}", "service": f"S{n % 4}", "month": "2026-10"}}
        for n in range(size)
    ]  # fmt: skip
    edges = [
        {"data": {"id": f"e{n}", "source": f"n{n}", "target": f"n{n % 40}", "score": 0.9}}
        for n in range(40, size)
    ]

    def enlarge(route: Route) -> None:
        answer = route.fetch()
        drawn = json.dumps({"nodes": nodes, "edges": edges})
        route.fulfill(
            response=answer, body=_GRAPH.sub(lambda m: m[1] + drawn + m[2], answer.text())
        )

    page = open_as("ana", path_of(desk, "en"))
    page.route("**/dossiers/**", enlarge)
    page.reload()
    page.wait_for_selector("[data-graph][data-drawn]")
    graph = page.locator("[data-graph]")
    assert graph.get_attribute("data-shown") == str(min(size, 40))
    graph.focus()
    page.keyboard.press("ArrowRight")
    said = page.locator("[data-graph-said]")
    assert said.inner_text()
    if size > 40:
        page.keyboard.press("Enter")
        assert graph.get_attribute("data-shown") == str(39 + size // 40)
        page.keyboard.press("Escape")
        assert graph.get_attribute("data-shown") == "40"
        page.select_option("[data-graph-gather]", "service")
        assert graph.get_attribute("data-shown") == "4"
    with page.expect_download() as taken:
        page.click("[data-graph-png]")
    target = tmp_path / "graph.png"
    taken.value.save_as(target)
    assert target.read_bytes().startswith(b"\x89PNG")
    with page.expect_download() as taken:
        page.click("[data-graph-svg]")
    taken.value.save_as(target)
    assert target.read_text().count("<text") == min(size, 4) - int(
        graph.get_attribute("data-muted") or 0
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_repeat_offender_is_named_on_the_report_and_the_dossier(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    bodies = [
        {
            "kind": "GROOMING",
            "persons": [suspect("corbeau_5"), {"role": "VICTIM", "name": name}],
            "occurred_at": at,
        }
        for name, at in (
            ("Lina", "2026-11-03"),
            ("Tom", f"{desk.now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"),
        )
    ]
    add_reports(desk, (("first", 600, bodies[0]), ("later", -120, bodies[1])))
    referred(desk, "first")
    page = open_as("ana", f"/{lang}/desk/reports/{desk.reports['later']}/")
    said = {"fr": "De nouveau mis en cause", "en": "Repeat offender"}[lang]
    page.wait_for_selector(f"section:has(#kin) >> text={said}")
    check(page, axe, lang)
    page.click("section:has(#kin) .fd-panel-head a")
    page.wait_for_selector(f"section:has(#reports) >> text={said}")
    check(page, axe, lang)
    page.click(f"section:has(#reports) .fn-note a[href$='{desk.reports['first']}/']")
    page.wait_for_selector(".fd-head-text >> text=REF-first")
