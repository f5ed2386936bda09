"""Makes the pictures of `docs/images` from a demo of its own: light and dark, French and English.

    make screenshots                      # or: ARGS="--keep FOLDER" to reuse a loaded demo

Starts `fanal run --demo` on a free port over a data folder of its own, signs in as demo accounts in Chromium,
and stops it again. The demo is synthetic; nothing else may be pictured.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from chromium import TO_INSTALL, find_chromium
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs/images"
FANAL = str(Path(sys.executable).with_name("fanal"))
START_SECONDS = 900
WIDTH, HEIGHT = 1280, 800
LOOKS = (("fr", "light"), ("en", "dark"))


class Shot(NamedTuple):
    """A picture to make: its name, the role of the demo account that sees it ("": the public), its opening.

    `go(page, base)` opens the page to picture; `base` is the URL with the language.
    """

    name: str
    role: str
    go: Callable[[Page, str], None]


def address(path: str) -> Callable[[Page, str], None]:
    """Return a navigation (`Shot.go`) that opens `path` below the language."""
    return lambda page, base: _open(page, f"{base}{path}")


def _open(page: Page, url: str) -> None:
    answer = page.goto(url)
    if answer is None or not answer.ok:
        raise SystemExit(f"{url}: {answer.status if answer else 'no answer'}")


ANSWERS = {
    "danger": "input[name=danger][value=NO]",
    "what": "input[name=kind][value=SOLICITATION]",
    "you": "input[name=contact][value=ANONYMOUS]",
}
"""The answers of the pictured report, by step of the form; the other steps stay empty."""


def form_step(page: Page, base: str) -> None:
    """Answer the first question of the report form, so that the second one is pictured."""
    _open(page, f"{base}report/")
    page.check("input[name=whom][value=WITNESS]")
    _next(page)


def receipt(page: Page, base: str) -> None:
    """Submit a short invented report, so that its receipt is pictured."""
    form_step(page, base)
    while (step := page.input_value("#report [name=step]")) != "check":
        if step in ANSWERS:
            page.check(ANSWERS[step])
        _next(page)
    page.click("[data-send]")
    page.wait_for_selector(".fp-code-text")


def _next(page: Page) -> None:
    with page.expect_navigation():
        page.click("main button[value=next]")


def report_with_reasons(page: Page, base: str) -> None:
    """Open the first report of the queue, with the rules that gave its priority."""
    first_of("desk/", "/desk/reports/")(page, base)
    page.click(".fd-why-ask")


def first_of(path: str, link: str) -> Callable[[Page, str], None]:
    """Return a navigation (`Shot.go`) that opens the first link containing `link` in the list at `path`."""

    def go(page: Page, base: str) -> None:
        _open(page, f"{base}{path}")
        href = page.locator(f"main a[href*='{link}']").first.get_attribute("href", timeout=5000)
        _open(page, page.evaluate("href => new URL(href, location).href", href))

    return go


def dossier_with_graph(page: Page, base: str) -> None:
    """Open the first dossier of the list at its graph, and wait two seconds, in which it is drawn."""
    _open(page, f"{base}desk/dossiers/")
    rows = page.locator("main a[href*='/desk/dossiers/']")
    _open(
        page,
        page.evaluate("href => new URL(href, location).href", rows.first.get_attribute("href")),
    )
    page.evaluate("document.querySelector('section[aria-labelledby=graph]').scrollIntoView()")
    page.wait_for_timeout(2000)


SHOTS = (
    Shot("home", "", address("")),
    Shot("form", "", form_step),
    Shot("receipt", "", receipt),
    Shot("queue", "ANALYST", address("desk/")),
    Shot("report", "ANALYST", report_with_reasons),
    Shot("dossier", "ANALYST", dossier_with_graph),
    Shot("measure", "MEASURES_OFFICER", first_of("desk/measures/", "/desk/measures/")),
    Shot("oversight", "OVERSEER", address("oversight/")),
    Shot("statistics", "SUPERVISOR", address("desk/statistics/")),
)


def main() -> None:
    """Make all pictures, or those named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these pictures")
    parser.add_argument("--keep", type=Path, help="data folder to use and leave")
    options = parser.parse_args()
    program = find_chromium()
    if program is None:
        raise SystemExit(TO_INSTALL)
    with contextlib.ExitStack() as stack:
        home = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environment = {**os.environ, "FANAL_HOME": str(home)}
        url = stack.enter_context(running(environment))
        accounts = demo_accounts(environment)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for shot in SHOTS:
            if not options.names or shot.name in options.names:
                for language, scheme in LOOKS:
                    take(browser, shot, base=f"{url}/{language}/", scheme=scheme, accounts=accounts)
        browser.close()


@contextlib.contextmanager
def running(environment: dict[str, str]) -> Iterator[str]:
    """Run the demo in `environment`, and yield its URL once it is loaded; stop it after the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [FANAL, "run", "--demo", "--port", str(port)]
    process = subprocess.Popen(command, env=environment)
    try:
        _wait(port, process)
        # Takes its turn behind the load that `fanal run` started, and finds nothing left to do.
        subprocess.run([FANAL, "demo", "load"], env=environment, check=True)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(START_SECONDS):
        if process.poll() is not None:
            raise SystemExit("the demo stopped before it served")
        if _answers(port):
            return
        time.sleep(1)
    raise SystemExit("the demo did not start in time")


def _answers(port: int) -> bool:
    ask = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(ask):
        ask.request("GET", "/readyz")
        return ask.getresponse().status == http.HTTPStatus.OK
    return False


def demo_accounts(environment: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return the first demo account of each role, by role, as the JSON of `fanal demo accounts`."""
    done = subprocess.run(
        [FANAL, "demo", "accounts", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, dict[str, str]] = {}
    for line in done.stdout.splitlines():
        account = json.loads(line)
        found.setdefault(account["role"], account)
    return found


def take(
    browser: Browser,
    shot: Shot,
    *,
    base: str,
    scheme: str,
    accounts: dict[str, dict[str, str]],
) -> None:
    """Make one picture: `docs/images/NAME-LANGUAGE-SCHEME.png`.

    `base` is the URL with the language, `scheme` light or dark, `accounts` the demo accounts by role.
    """
    language = base.rstrip("/").rpartition("/")[2]
    with browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT},
        color_scheme="dark" if scheme == "dark" else "light",
        locale=language,
        reduced_motion="reduce",
    ) as context:
        page = context.new_page()
        if shot.role:
            _sign_in(page, base, accounts[shot.role])
        shot.go(page, base)
        page.wait_for_load_state("networkidle")
        IMAGES.mkdir(parents=True, exist_ok=True)
        file = IMAGES / f"{shot.name}-{language}-{scheme}.png"
        page.screenshot(path=file)
        shrink(file)
        print(file.relative_to(ROOT), file.stat().st_size)


def shrink(file: Path) -> None:
    """Reduce a picture file to 128 colours, which is enough for these pages and keeps it under 100 kB."""
    from PIL import Image

    with Image.open(file) as picture:
        reduced = picture.convert("RGB").quantize(128)
    reduced.save(file, optimize=True)


def _sign_in(page: Page, base: str, account: dict[str, str]) -> None:
    _open(page, f"{base}login/")
    page.fill("input[name=login]", account["username"])
    page.fill("input[name=password]", account["password"])
    with page.expect_navigation():
        page.press("input[name=password]", "Enter")


if __name__ == "__main__":
    main()
