"""What a newcomer sees, from a citizen's form to the figures: one report's whole way, in each language.

The servers are those of `fanal run` (web, worker, PostgreSQL) in a folder of their own, the accounts are
those of the demo, and every step is taken in Chromium.
"""

import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from fanal.postgres import Cluster
from tests.live import Live, live, wait_for

REASON = {
    "fr": "Album public ; la page a été relue et le fondement proposé convient.",
    "en": "Public album; the page was read again and the proposed basis holds.",
}
POST = """async ([path, fields]) => {
  const answer = await fetch(path, {method: "POST", body: new URLSearchParams(fields)});
  return answer.status;
}"""
SCORES = ".fd-row .fn-priority-score"
CODE = re.compile(r"(?:[0-9A-HJKMNP-TV-Z]{4}-){4}[0-9A-HJKMNP-TV-Z]{4}")
SECOND = (
    "INSERT INTO measures_approval"
    " (measure_id, revision, verdict, digest, proposer_id, approver_id, at)"
    " SELECT id, revision, 'APPROVED', digest, proposer_id, proposer_id, now()"
    " FROM measures_measure WHERE id = %s"
)

OpenAs = Callable[[str, str], Page]


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    """A new installation; being marked DEMO, it has an account for each role."""
    with live() as running:
        running.command("demo", "accounts")
        yield running


@pytest.fixture
def open_as(chromium: Browser, server: Live) -> Iterator[OpenAs]:
    """Return a function that signs a person in and opens a path in a browser of their own."""
    contexts = {}

    def open_page(login: str, path: str) -> Page:
        page = contexts[login].pages[0] if login in contexts else None
        if page is None:
            contexts[login] = chromium.new_context(
                base_url=f"http://127.0.0.1:{server.port}",
                viewport={"width": 1440, "height": 900},
                reduced_motion="reduce",
            )
            page = contexts[login].new_page()
            page.set_default_timeout(15_000)
            if login:
                page.goto(f"/{path.split('/')[1]}/login/")
                page.fill("[name=login]", login)
                page.fill("[name=password]", f"fanal-demo-{login}")
                with page.expect_navigation():
                    page.click("main form button[type=submit]")
        page.goto(path)
        return page

    yield open_page
    for context in contexts.values():
        context.close()


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_from_the_form_to_the_figures(
    open_as: OpenAs, server: Live, tmp_path: Path, lang: str
) -> None:
    host = f"album-{secrets.token_hex(3)}.example"
    before = figures(open_as, lang)
    # 1. A citizen reports twice, so that the second report has a kin.
    file_report(open_as("", f"/{lang}/report/"), host, "first")
    receipt_of(file_report(open_as("", f"/{lang}/report/"), host, "second"), server, tmp_path)
    # 2. and 3. An analyst takes it from the queue, reads and decides; a second person seconds.
    report = take_from_queue(open_as, server, lang, host)
    assert_read(report, host)
    measure_id = decide_both(report, lang)
    assert_drafts(open_as, report, host)
    refuse_the_first_person(open_as, server, lang, measure_id)
    second(open_as, lang, measure_id, host)
    # 4. The clock of the law waits for a receipt; the ledger shows the whole way.
    send_and_receive(open_as, lang, measure_id)
    report.reload()
    assert_history(report)
    # 5. The overseer sees the measure and its grounds; the figures moved.
    assert_overseen(open_as, lang, measure_id, host)
    after = figures(open_as, lang)
    received, _, decided, sent = (new - old for new, old in zip(after, before, strict=True))
    assert (received, decided, sent) == (2, 1, 1)


def file_report(page: Page, host: str, words: str) -> Page:
    """Fill the public form and stop at its receipt."""

    def go_on() -> None:
        page.click("main button[value=next]")

    page.check("input[name=danger][value=NO]")
    go_on()
    page.check("input[value=ABUSE_MATERIAL]")
    go_on()
    page.check("input[name=channel][value=WEB]")
    page.fill("#address", f"https://{host}/album/12")
    page.check("input[name=when][value=YESTERDAY]")
    go_on()
    page.fill("#description", f"An album that anybody can open ({words}).")
    go_on()
    page.check("input[name=child][value=UNKNOWN]")
    go_on()
    page.check("input[name=contact][value=ANONYMOUS]")
    go_on()
    page.click("[data-send]")
    page.wait_for_selector(".fp-code-text")
    return page


def receipt_of(page: Page, server: Live, folder: Path) -> None:
    """The page gives a code, and a receipt that verifies offline and no more once altered."""
    assert CODE.search(page.inner_text(".fp-code-text"))
    with page.expect_download() as download:
        page.click(".fp-code-tools form button")
    receipt = folder / "receipt.txt"
    download.value.save_as(receipt)
    key = str(server.home / "keys/receipt-root.pub")
    server.command("receipt", "verify", str(receipt), "--key", key)
    forged = folder / "forged.txt"
    forged.write_text(re.sub(r"20\d\d-", "2019-", receipt.read_text()))
    answer = server.command("receipt", "verify", str(forged), "--key", key, check=False)
    assert answer.returncode != 0


def take_from_queue(open_as: OpenAs, server: Live, lang: str, host: str) -> Page:
    """Find the report in the queue, at the place of its priority and with its clock; take it."""
    page = open_as("ana", f"/{lang}/desk/search/?kind=HOST&value={host}")
    found = page.locator("main a[href*='/desk/reports/']")

    def both_are_there() -> bool:
        page.reload()
        return found.count() >= 2

    assert wait_for(both_are_there, seconds=20, beat=0.5), server.told()
    path = found.first.get_attribute("href")
    page.goto(f"/{lang}/desk/")
    scores = [int(text.split()[-1]) for text in page.locator(SCORES).all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0
    row = page.locator(f".fd-row:has(a[href='{path}'])")
    expect(row.locator(".fn-clock")).to_have_count(1)
    row.locator(".fd-row-act button").click()
    page.wait_for_selector("[data-decision]")
    page.click(".fd-why-ask")
    assert page.locator(".fd-why-body .fn-reasons-points").count() >= 1
    page.click(".fd-why-ask")
    return page


def assert_read(page: Page, host: str) -> None:
    """Facts with the address defanged, the kin, the proposal with its basis; held by the reader."""
    panel = {
        name: page.locator(f"section[aria-labelledby={name}]") for name in ("said", "who", "known")
    }
    expect(panel["said"]).to_contain_text(f"hxxps[:]//{host.replace('.', '[.]')}/album/12")
    expect(panel["who"]).to_contain_text(host.replace(".", "[.]"))
    expect(panel["known"]).to_be_visible()
    expect(page.locator(".fd-kin-list > li")).to_have_count(1)
    expect(page.locator(".fd-proposal .fd-bases")).to_contain_text("CP 227-23")
    expect(page.locator("[data-lease]")).to_be_attached()
    assert page.locator("main a[href^='http']").count() == 0


def decide_both(page: Page, lang: str) -> str:
    """Record the decision "both" on the proposed bases; return the measure that it drafted."""
    page.click("[data-take-over]")
    page.check("[name=way][value=BOTH]")
    page.fill("[name=reason]", REASON[lang])
    page.click("[data-decision] button[type=submit]")
    expect(page.locator(".fd-decision")).to_contain_text(REASON[lang])
    href = page.get_attribute(".fd-drafts a[href*='/measures/']", "href") or ""
    return href.rstrip("/").rpartition("/")[2]


def assert_drafts(open_as: OpenAs, page: Page, host: str) -> None:
    """The referral and the removal request are drafts with their texts; no legal clock runs."""
    address = f"hxxps[:]//{host.replace('.', '[.]')}/album/12"
    measure = page.get_attribute(".fd-drafts a[href*='/measures/']", "href") or ""
    back = page.url
    officer = open_as("driss", urlsplit(back).path)
    officer.click(".fd-drafts a[href*='/referrals/']")
    expect(officer.locator(".fd-letter").first).to_contain_text(address)
    page.goto(measure)
    expect(page.locator(".fd-letter").first).to_contain_text(address)
    expect(page.locator(".fd-status .fn-clock")).to_have_count(1)
    page.fill("#name", f"Hosting of {host}")
    page.fill("#contact", f"abuse@{host}")
    with page.expect_navigation():
        page.click("button[name=submit][value='1']")
    expect(page.locator(".fd-signed")).to_have_count(1)
    page.goto(back)


def refuse_the_first_person(open_as: OpenAs, server: Live, lang: str, measure_id: str) -> None:
    """The proposer has no button, their own request is refused, and so is raw SQL, even of the database’s administrator."""
    page = open_as("ana", f"/{lang}/desk/measures/{measure_id}/")
    assert page.locator("form[action$='approve/']").count() == 0
    status = page.evaluate(
        POST,
        [
            f"/{lang}/desk/measures/{measure_id}/approve/",
            {
                "csrfmiddlewaretoken": page.input_value("[name=csrfmiddlewaretoken] >> nth=0"),
                "digest": page.inner_text(".fd-digest code"),
            },
        ],
    )
    assert status == 403
    page.reload()
    expect(page.locator(".fd-signed")).to_have_count(1)
    cluster = Cluster.open(home=server.home, environ=os.environ)
    with psycopg.connect(cluster.admin_url("fanal"), autocommit=True) as database:
        with pytest.raises(psycopg.errors.CheckViolation):
            database.execute(SECOND, [measure_id])
        found = database.execute(
            "SELECT state, received_at FROM measures_measure WHERE id = %s", [measure_id]
        ).fetchone()
    assert found == ("TO_SECOND", None)


def second(open_as: OpenAs, lang: str, measure_id: str, host: str) -> None:
    """Another person finds the measure, reads reason and letter, and signs the same bytes."""
    page = open_as("elise", f"/{lang}/desk/second/")
    page.click(f".fd-card-title[href*='{measure_id}']")
    expect(page.locator("blockquote").first).to_contain_text(REASON[lang])
    expect(page.locator(".fd-letter").first).to_contain_text(host.replace(".", "[.]"))
    page.click("form[action$='approve/'] button")
    expect(page.locator(".fd-signed")).to_have_count(2)


def send_and_receive(open_as: OpenAs, lang: str, measure_id: str) -> None:
    """Sent, the request has no legal time; the recorded receipt starts 24 hours."""
    page = open_as("elise", f"/{lang}/desk/measures/{measure_id}/")
    page.fill("#contact-proof", "Letter of information")
    page.fill("#contact-at", "2026-01-05T09:00")
    with page.expect_navigation():
        page.click("form[action$='contact/'] button")
    record(page, "send")
    assert legal_clock(page).count() == 0
    record(page, "receive")
    expect(legal_clock(page)).to_have_count(1)
    expect(legal_clock(page)).to_contain_text(re.compile(r"23\D+59|24\s*h"))


def legal_clock(page: Page) -> Locator:
    """The running legal time of a measure's page."""
    return page.locator(".fd-status .fn-clock")


def record(page: Page, move: str) -> None:
    """Record a step with its proof."""
    page.select_option("#move", move)
    page.fill("#proof", "Acknowledgement 7")
    with page.expect_navigation():
        page.click("form[action$='step/'] button[type=submit]")


def assert_history(page: Page) -> None:
    """The report's ledger tells the stages and what people did, by name."""
    history = page.locator("section[aria-labelledby=history]")
    assert history.locator(".fd-history > li").count() >= 8
    expect(history).to_contain_text("Ana Lemoine")


def assert_overseen(open_as: OpenAs, lang: str, measure_id: str, host: str) -> None:
    """The overseer reads basis, reason, letter, both signatures and the measure's ledger."""
    page = open_as("gabrielle", f"/{lang}/oversight/measures/")
    page.click(f"main a[href*='{measure_id}']")
    main = page.locator("main")
    for words in (REASON[lang], "CP 227-23", "LCEN 6-1", host.replace(".", "[.]")):
        expect(main).to_contain_text(words)
    people = page.locator(".fo-people")
    expect(people).to_contain_text("Ana Lemoine")
    expect(people).to_contain_text("Élise Marchand")
    assert page.locator(".fo-ledger tbody tr").count() >= 5


def figures(open_as: OpenAs, lang: str) -> list[int]:
    """This month's figures: received, emergencies, decisions, requests sent."""
    page = open_as("hugo", f"/{lang}/desk/statistics/")
    return [int(text) for text in page.locator(".fn-figure-value").all_inner_texts()]
