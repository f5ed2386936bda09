"""A real Chromium against a live server: pages as people and their machines meet them.

`visit` opens a page of its own context and afterwards asserts what holds for every page: no request left
this host, no script error, no refusal by the content policy.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from scripts.chromium import TO_INSTALL, find_chromium

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Scripts run for a moment on each page: compiling them to run fast cost more than it gained.
    "--js-flags=--no-opt --no-maglev",
]
_AXE = Path(__file__).resolve().parents[2] / "frontend/node_modules/axe-core/axe.min.js"
_RUN_AXE = """async only => (await axe.run(document,
    {resultTypes: ["violations"], preload: false, ...only})).violations
  .map(v => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 200)).join(" | ")}`)"""
_RULES = {
    "all": {},
    "colors": {"runOnly": ["color-contrast", "link-in-text-block"]},
}

# Playwright's loop runs in this thread; the tests' own queries beside it are meant.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
# No test of a page asks how fast the machine is: on a busy one, five seconds pass before an answer comes.
expect.set_options(timeout=20_000)

Visit = Callable[..., Page]


def browser_or_why(program: str | None, *, uid: int) -> str:
    """Return the browser; without one, root fails (the set-up installs it) and a plain user is told and skips."""
    if program is not None:
        return program
    if uid == 0:
        pytest.fail(TO_INSTALL)
    pytest.skip(TO_INSTALL)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for the session."""
    program = browser_or_why(find_chromium(), uid=os.geteuid())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, live_server: LiveServer) -> Iterator[Visit]:
    """Return a function that opens a path: `visit("/fr/", width=360, scheme="dark", script=False)`.

    `cookies` are sent from the first request on: name and value.
    """
    contexts: list[BrowserContext] = []
    trouble: list[str] = []

    def watch(request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in {"data", "blob"} and url.netloc != urlsplit(live_server.url).netloc:
            trouble.append(f"left this host: {request.url}")

    def open_page(
        path: str,
        *,
        width: int = 1440,
        scheme: str = "light",
        script: bool = True,
        lang: str = "fr",
        cookies: Mapping[str, str] = MappingProxyType({}),
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
            java_script_enabled=script,
            locale=lang,
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.add_cookies(
            [{"name": n, "value": v, "url": live_server.url} for n, v in cookies.items()]
        )
        page = context.new_page()
        _arrive_after_click(page)
        page.on("request", watch)
        page.on("pageerror", lambda error: trouble.append(f"script error: {error}"))
        page.on(
            "console",
            lambda m: trouble.append(m.text) if "Content Security Policy" in m.text else None,
        )
        page.goto(live_server.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


def _arrive_after_click(page: Page) -> None:
    """Make a click wait for the page it leads to: Playwright waits until that one begins, no longer."""
    click = page.click

    def click_and_arrive(selector: str, **options: Any) -> None:
        click(selector, **options)
        page.wait_for_load_state("load")

    page.click = click_and_arrive  # type: ignore[assignment, method-assign]


@pytest.fixture(scope="session")
def axe() -> Callable[..., list[str]]:
    """Return a function that gives axe-core's violations on a page as it stands.

    `rules="colors"` asks only the rules that read colors: enough where nothing but the color scheme changed.
    """
    if not _AXE.exists():
        pytest.skip("axe-core is not installed (make setup)")
    source = _AXE.read_text()

    def run(page: Page, *, rules: str = "all") -> list[str]:
        page.wait_for_load_state("load")
        if page.evaluate("typeof axe") == "undefined":
            # Through the protocol, not a script element: the page's content policy stays as it is.
            page.evaluate(source + "; undefined")
        found: list[str] = page.evaluate(_RUN_AXE, _RULES[rules])
        return found

    return run
