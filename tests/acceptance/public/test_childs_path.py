"""A child's whole path: light on the wire, the same report with and without JavaScript."""

import brotli
import msgspec
import pytest
from playwright.sync_api import Page, Route

from fanal.intake.domain import receipt
from fanal.intake.queries.envelopes import follow
from fanal.intake.queries.files import open_submissions
from fanal.kernel import clock
from fanal.kernel.actors import public_actor, system_actor
from fanal.web.public import report as report_view
from tests.acceptance.conftest import Visit
from tests.acceptance.steps import turn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("installed_keys")]
MOST = 150_000
HEADERS = 600
ANSWERS: dict[str, tuple[tuple[str, str], ...]] = {
    "whom": (("input[name=whom][value=CHILD]", ""),),
    "danger": (("input[name=danger][value=NO]", ""),),
    "what": (("input[name=kind][value=SEXTORTION]", ""),),
    "where": (
        ("input[name=app_roblox]", ""),
        ("input[name=app_snapchat]", ""),
        ("#service", "Blocs"),
        ("#nickname", "pixel_fox_77"),
        ("#date", "samedi vers 21 h"),
    ),
    "saw": (("#description", "Une phrase.\nUne autre."), ("#copied_1", "pixel_fox_77: à samedi")),
    "who": (("#suspect_name", "A. Person"), ("input[name=suspect_where][value=FRANCE]", "")),
    "child": (
        ("#child_age", "douze"),
        ("input[name=child_where][value=FRANCE]", ""),
        ("#child_town", "59000 Lille"),
    ),
    "meeting": (
        ("input[name=meeting][value=YES]", ""),
        ("input[name=meeting_when][value=TOMORROW]", ""),
        ("#meeting_time", "midi"),
    ),
    "you": (("input[name=contact][value=ANONYMOUS]", ""),),
    "check": (),
}


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test's sender is new, and nobody waits."""
    report_view.send_limits.cache_clear()
    monkeypatch.setattr(report_view, "WAIT_WITHOUT_PROOF", 0)


def answer(page: Page, step: str) -> None:
    if step == "saw":
        page.click("summary")
    for field, text in ANSWERS[step]:
        page.fill(field, text) if text else page.check(field)


def walk(page: Page) -> str:
    """Answer each page and send; return the receipt code."""
    for number, step in enumerate(ANSWERS, 1):
        assert page.input_value("#report [name=step]") == step
        assert f"{number} sur {len(ANSWERS)}" in page.inner_text("#progress-text")
        answer(page, step)
        if step != "check":
            turn(page, "main button[value=next]")
    page.click("button[value=send]")
    page.wait_for_selector(".fp-code-text")
    return page.inner_text(".fp-code-text code")


def test_the_whole_path_is_light(visit: Visit) -> None:
    """Each page of the form, the receipt, and each file once, as it is served precompressed and kept by a browser."""
    pages: list[int] = []
    files: dict[str, int] = {}

    def weigh(route: Route) -> None:
        answer = route.fetch()
        size = len(brotli.compress(answer.body())) + HEADERS
        if route.request.url.endswith("/report/"):
            pages.append(size)
        else:
            files[route.request.url] = size
        route.fulfill(response=answer)

    page = visit("/fr/legal/", width=360)
    page.route("**/*", weigh)
    page.goto(page.url.replace("/legal/", "/report/"))
    walk(page)
    page.wait_for_load_state("networkidle")
    assert len(pages) == len(ANSWERS) + 1
    assert sum(pages) + sum(files.values()) <= MOST, (pages, files)


def test_the_report_is_the_same_without_javascript(visit: Visit) -> None:
    bodies = []
    for script in (True, False):
        code = walk(visit("/fr/report/", width=360, script=script))
        found = follow(actor=public_actor(), lookup_hash=receipt.lookup_hash(code))
        assert found is not None
        opened = open_submissions(
            actor=system_actor("test"), report_ids=[found.report_id], now=clock.now()
        )
        bodies.append(msgspec.json.decode(opened[found.report_id].body))
    assert bodies[0] == bodies[1]
    assert bodies[0]["platform"] == "Snapchat"
    assert len(bodies[0]["places"]) == 3
