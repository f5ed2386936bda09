"""The stop page in Chromium: both languages, light and dark, wide and narrow, and axe finds nothing."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from fanal.web.stop.site import make_site


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Print nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    for name, content in make_site(
        contact="redress@desk.example", report_url="https://report.desk.example/"
    ).items():
        (tmp_path / name).write_bytes(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_stop_page_is_read_by_everybody(
    chromium: Browser, site: str, axe: Callable[..., list[str]], scheme: str, width: int
) -> None:
    asked: list[str] = []
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/")
    assert page.locator("h1").inner_text() == "Ce site est bloqué"
    assert axe(page) == []
    page.click("text=English")
    page.wait_for_url("**/en.html")
    assert page.locator("h1").inner_text() == "This site is blocked"
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert context.cookies() == []
    assert [url for url in asked if not url.startswith(site)] == []
    context.close()
