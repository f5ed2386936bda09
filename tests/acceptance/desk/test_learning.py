"""The text reader learns from the desk, in a real browser: a word on a report, a version, two people, a new order."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Page

from fanal import pipeline, trials
from fanal.analyse import queries as analysed
from fanal.analyse.signals import queries, reading
from fanal.analyse.signals.domain.examples import Verdict
from fanal.analyse.signals.operations import in_force
from fanal.analyse.signals.operations.readers import train_version
from fanal.kernel import clock
from fanal.kernel.actors import Role, system_actor
from tests.acceptance.desk.test_look import Axe, check
from tests.acceptance.desk.test_triage import references
from tests.integration.accounts.people import make_user
from tests.integration.analyse.stored_readers import ship_a_small_one
from tests.integration.desk.story import Desk, add_reports
from tests.server import as_worker

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]
SYSTEM = system_actor("test")
MISSED = (
    "Elle doit déposer la tirelire derrière le local à vélos, sans quoi il racontera tout au club."
)
ALIKE = "Elle doit laisser la tirelire derrière le local à vélos, faute de quoi il parlera au club."
CODE = "SEXTORTION_DEMAND"
NEUTRAL = "Un enfant doit remettre de l’argent, sinon un adulte dira tout."


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a training on the whole corpus gives is held without a browser."""
    ship_a_small_one(tmp_path, monkeypatch)
    for forget in (in_force._HELD.clear, reading.shipped_with.cache_clear):
        forget()
    yield
    for forget in (in_force._HELD.clear, reading.shipped_with.cache_clear):
        forget()


def carry(work: Callable[..., bool]) -> None:
    """Do a work of the worker to its end."""
    with as_worker():
        while work(now=clock.now()):
            pass


def read_by(desk: Desk, name: str) -> list[str]:
    """Return the versions of the text reader that read a report, in order; "" for none."""
    revisions = analysed.list_analyses(actor=SYSTEM, report_id=desk.reports[name])
    last = [analysis.rule_version.rpartition(" ")[2] for _, analysis in revisions]
    return [version if version.startswith("reader/") else "" for version in last]


def test_a_word_on_a_report_changes_what_the_next_version_reads(
    open_as: OpenAs, axe: Axe, desk: Desk
) -> None:
    desk.users["helene"] = make_user("helene", Role.SUPERVISOR)
    told = {"kind": "OTHER", "channel": "SOCIAL"}
    add_reports(
        desk,
        (
            ("jar", 800, told | {"description": MISSED}),
            ("shed", 700, told | {"description": ALIKE}),
        ),
    )
    shipped = in_force.version_in_force()
    ana = open_as("ana", "/fr/desk/")
    queue, before = ana.url, references(ana)

    # An analyst corrects a finding, takes that back, says it again; and names a signal that was missed.
    ana.goto(f"{queue}reports/{desk.reports['danger']}/")
    form = "form[action$='/judge/']:has(button[value=WRONG])"
    code = ana.locator(f"{form} input[name=code]").first.input_value()
    ana.locator(f"{form} button[value=WRONG]").first.click()
    ana.wait_for_selector("button[value=TAKEN_BACK]")
    ana.click("button[value=TAKEN_BACK]")
    ana.wait_for_function("!document.querySelector('button[value=TAKEN_BACK]')")
    ana.locator(f"{form}:has(input[value={code}]) button[value=WRONG]").first.click()
    ana.wait_for_selector("#examples")
    check(ana, axe, "fr")
    ana.set_viewport_size({"width": 1440, "height": 900})
    (example,) = queries.examples_of(actor=SYSTEM, report_id=desk.reports["danger"])
    said = queries.judgements_of(example_ids=[example.id])
    assert [j.verdict for j in said] == [Verdict.WRONG, Verdict.TAKEN_BACK, Verdict.WRONG]

    ana.goto(f"{queue}reports/{desk.reports['jar']}/")
    ana.click("details:has(#missed-code) summary")
    ana.select_option("#missed-code", CODE)
    ana.click("details:has(#missed-code) button[type=submit]")
    ana.wait_for_selector("#examples")
    ana.locator("details:has(textarea[id^=sentence]) summary").click()
    ana.fill("textarea[id^=sentence]", NEUTRAL)
    check(ana, axe, "fr")
    ana.set_viewport_size({"width": 1440, "height": 900})
    ana.click("details:has(textarea[id^=sentence]) button[type=submit]")
    ana.wait_for_selector(f"text={NEUTRAL}")
    assert ana.locator("form[action$='/check/']").count() == 0, "not by who wrote it"

    with as_worker():
        reader_id = train_version(actor=desk.actor("claire"), now=clock.now())
    stored = queries.get_reader(reader_id=reader_id)
    assert stored is not None
    assert stored.card is not None
    assert stored.card.lost == ()

    # A supervisor proposes it and sees what would move; a second one puts it in force.
    claire = open_as("claire", f"/fr/desk/examples/?code={CODE}")
    assert claire.locator("section[aria-labelledby=waiting] a").count() == 1
    assert MISSED in claire.locator("section[aria-labelledby=passages]").inner_text()
    check(claire, axe, "fr")
    claire.goto(claire.url.partition("examples/")[0] + "rules/readers/")
    check(claire, axe, "fr")
    claire.set_viewport_size({"width": 1440, "height": 900})
    claire.click(f"a:has-text('{stored.version}')")
    claire.wait_for_selector("#card")
    claire.click("form[action$='propose/'] button")
    claire.wait_for_selector("[data-message], .fn-note")
    carry(trials.continue_reader_trial)
    claire.reload()
    moved = claire.locator("section[aria-labelledby=risers]").inner_text()
    assert "REF-shed" in moved
    assert claire.locator("form[action$='activate/']").count() == 0
    check(claire, axe, "fr")
    version_page = claire.url

    helene = open_as("helene", "/en/desk/rules/readers/")
    check(helene, axe, "en")
    helene.goto(version_page.replace("/fr/", "/en/"))
    helene.click("form[action$='activate/'] button")
    helene.wait_for_selector("form[action$='activate/']", state="detached")
    assert queries.get_reader(reader_id=reader_id).state == "IN_FORCE"  # type: ignore[union-attr]
    carry(pipeline.continue_reread)
    carry(lambda now: bool(pipeline.read_later(token=uuid4(), now=now)))
    helene.reload()
    check(helene, axe, "en")

    # The queue has a new order; the report says which version reads it now, and its earlier reading stays.
    ana.goto(queue)
    after = references(ana)
    assert after.index("REF-shed") < before.index("REF-shed")
    passed = {
        name
        for name in before[: before.index("REF-shed")]
        if after.index(name) > after.index("REF-shed")
    }
    assert passed - {"REF-jar"}, "it stands before others now"
    ana.goto(f"{queue}reports/{desk.reports['shed']}/")
    assert stored.version in ana.locator("section[aria-labelledby=known]").inner_text()
    assert read_by(desk, "danger") == [shipped, stored.version]
    assert read_by(desk, "shed")[-1] == stored.version
    ana.goto(queue.replace("/fr/desk/", "/fr/desk/statistics/trends/"))
    check(ana, axe, "fr")
