"""Every public page: accessible in both languages, light and dark, narrow and wide; light on the wire."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Response

from fanal.web.public import report as report_view
from tests.acceptance.conftest import Visit
from tests.acceptance.public.test_form import fill
from tests.acceptance.steps import turn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("installed_keys")]

PAGES = ["", "report/", "follow/", "figures/", "legal/", "privacy/", "accessibility/", "nowhere/"]
LOOKS = {
    "fr": [(1440, "light", "all"), (360, "dark", "all")],
    "en": [(1440, "dark", "colors"), (360, "light", "all")],
}
"""Width, color scheme and axe's rules of each look.

The two languages share templates and colors: together they have every width in every scheme.
"""
Axe = Callable[..., list[str]]


SIDEWAYS = """() => [...document.querySelectorAll(".fd-table-wrap:not(.fs-table)")]
  .filter(frame => frame.scrollWidth > frame.clientWidth).map(frame => frame.getAttribute("aria-label"))"""


def sideways(page: Page) -> list[str]:
    """Return the tables still wider than their frame once the page had frames to turn rows into cards."""
    for _ in range(50):
        wide: list[str] = page.evaluate(SIDEWAYS)
        if not wide:
            break
        page.wait_for_timeout(100)
    return wide


def assert_looks(page: Page, axe: Axe) -> None:
    """Switch width and colors on one page load: no violation, nothing wider than the screen."""
    for width, scheme, rules in LOOKS[page.evaluate("document.documentElement.lang")]:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert axe(page, rules=rules) == [], f"{page.url} {width} {scheme}"
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{page.url} {width}: {wide} px too wide"
        if width == 360:
            assert sideways(page) == [], f"{page.url}: rows are cards on a phone"


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_page(visit: Visit, axe: Axe, lang: str, path: str) -> None:
    page = visit(f"/{lang}/{path}")
    assert page.evaluate("document.documentElement.lang") == lang
    assert page.locator("h1").count() == 1
    assert_looks(page, axe)
    assert page.context.cookies() == []


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_every_step_and_the_receipt(visit: Visit, axe: Axe, lang: str) -> None:
    report_view.send_limits.cache_clear()
    page = visit(f"/{lang}/report/")
    assert_looks(page, axe)
    for _ in range(2):
        turn(page, "main button[value=next]")
    assert_looks(page, axe)
    page = visit(f"/{lang}/report/")
    fill(page, whom="CHILD")
    assert_looks(page, axe)
    for _ in range(8):
        turn(page, "main button[value=back]")
        assert_looks(page, axe)
    for _ in range(8):
        turn(page, "main button[value=next]")
    page.click("[data-send]")
    page.wait_for_selector(".fp-code-text")
    assert_looks(page, axe)
    code = page.inner_text(".fp-code-text code")
    page.goto(page.url.replace("/report/", "/follow/"))
    page.fill("#code", code)
    page.click("main button")
    assert_looks(page, axe)


def test_targets_are_large_enough(visit: Visit) -> None:
    page = visit("/fr/report/", width=360)
    small = page.evaluate(
        """() => [...document.querySelectorAll("main button, main .fp-choice, main a, header a, header button")]
          .filter(node => node.getClientRects().length && node.getBoundingClientRect().height < 44
            && !node.classList.contains("fn-mark"))
          .map(node => node.outerHTML.slice(0, 120))"""
    )
    assert small == []


def test_colors_follow_the_device_and_the_switch_overrides(visit: Visit) -> None:
    def background(page: Page) -> str:
        color: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return color

    page = visit("/fr/", scheme="dark")
    dark = background(page)
    page.click("[data-theme-switch]")
    light = background(page)
    assert light != dark
    page.reload()
    assert background(page) == light
    page.click("[data-theme-switch]")
    page.reload()
    assert background(page) == dark
    assert page.evaluate("localStorage.getItem('fanal-theme')") is None


def test_colors_follow_the_device_without_javascript(visit: Visit) -> None:
    shots = {
        s: visit("/fr/", scheme=s, script=False).screenshot()[:4000] for s in ("light", "dark")
    }
    assert shots["light"] != shots["dark"]


@pytest.mark.parametrize("path", ["/fr/report/", "/en/report/"])
def test_first_visit_is_light(visit: Visit, path: str) -> None:
    """All assets as they are served precompressed: at most 150 kB (the contract)."""
    import brotli

    sizes: dict[str, int] = {}

    def weigh(response: Response) -> None:
        if response.url.startswith("http"):
            sizes[response.url] = len(brotli.compress(response.body())) + 600

    page = visit("/fr/legal/")
    page.on("response", weigh)
    page.goto(page.url.replace("/fr/legal/", path))
    page.wait_for_load_state("networkidle")
    assert len(sizes) >= 5
    assert sum(sizes.values()) <= 150_000


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_what_was_written_is_given_back_by_a_page_that_is_readable(
    visit: Visit, axe: Axe, lang: str
) -> None:
    page = visit(f"/{lang}/legal/")
    with page.expect_navigation():
        page.evaluate(
            """lang => {
              const form = document.createElement("form");
              form.method = "post";
              form.action = `/${lang}/desk/reports/01a21ca8-eb16-78f6-8a08-40a348a1e90e/note/`;
              const area = document.createElement("textarea");
              area.name = "words";
              area.value = "A neutral remark, which nobody writes twice.";
              form.append(area);
              document.body.append(form);
              form.submit();
            }""",
            lang,
        )
    assert "A neutral remark" in page.input_value("textarea")
    assert_looks(page, axe)
