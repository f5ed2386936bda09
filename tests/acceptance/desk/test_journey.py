"""What a newcomer sees, from a citizen's form to the figures: two reports' whole way, in each language."""

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from django.db import connection, transaction
from playwright.sync_api import Page, expect

from fanal.accounts import row_scope
from fanal.cli.vault import receipt
from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.web.public import report as report_view
from tests.acceptance.conftest import Visit
from tests.acceptance.steps import turn
from tests.integration.accounts.people import PASSWORD, habilitate
from tests.integration.desk.story import Desk, run_stages
from tests.refusals import CHECK, database_refuses

pytestmark = pytest.mark.django_db(transaction=True)

REASON = {
    "fr": "Album public ; la page a été relue et le fondement proposé convient.",
    "en": "Public album; the page was read again and the proposed basis holds.",
}
CODE = re.compile(r"(?:[0-9A-HJKMNP-TV-Z]{4}-){4}[0-9A-HJKMNP-TV-Z]{4}")
APPROVE = """([path, digest]) => {
  const form = document.querySelector("main form[method=post]").cloneNode(true);
  const kept = "[name=csrfmiddlewaretoken], [name=steps]";
  form.querySelectorAll(`[name]:not(${kept})`).forEach(field => field.remove());
  form.append(Object.assign(document.createElement("input"), {name: "digest", value: digest}));
  form.action = path;
  document.body.append(form);
  form.submit();
}"""
SECOND = (
    "INSERT INTO casework_approval (act_id, revision, verdict, digest, approver_id, approved_at)"
    " SELECT act_id, revision, 'APPROVED', digest, %s, now()"
    " FROM casework_document WHERE act_id = %s ORDER BY revision DESC LIMIT 1"
)

OpenAs = Callable[..., Page]


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_from_the_form_to_the_figures(
    visit: Visit, open_as: OpenAs, desk: Desk, tmp_path: Path, lang: str
) -> None:
    host = f"album-{secrets.token_hex(3)}.example"
    report_view.send_limits.cache_clear()
    # She may approve measures, but not what she proposed.
    habilitate(desk.users["ana"], Role.MEASURES_OFFICER, at=desk.now)
    before = figures(open_as, lang)
    # 1. A citizen reports twice, so that the second report has a kin.
    file_report(visit(f"/{lang}/report/"), host, "first")
    receipt_of(file_report(visit(f"/{lang}/report/"), host, "second"), tmp_path)
    run_stages(clock.now())
    # 2. An analyst signs in, finds the report in the queue, takes it and reads.
    page = sign_in(visit, lang)
    take_from_queue(page, lang, host)
    assert_read(page, host)
    report = page.url
    # 3. The first person decides and may not second; another person does.
    measure = decide_both(page, lang)
    assert_drafts(open_as, page, host, lang)
    refuse_the_first_person(page, desk, measure)
    second(open_as, lang, measure, host)
    # 4. The clock of the law waits for a receipt; the ledger shows the whole way.
    send_and_receive(open_as, lang, measure)
    page.goto(report)
    assert_history(page)
    # 5. The overseer sees the measure and its grounds; the figures moved.
    assert_overseen(open_as, lang, measure, host)
    received, _, decided, sent = (
        new - old for new, old in zip(figures(open_as, lang), before, strict=True)
    )
    assert (received, decided, sent) == (2, 1, 1)


def file_report(page: Page, host: str, words: str) -> Page:
    """Fill the public form and stop at its receipt."""

    def go_on() -> None:
        turn(page, "main button[value=next]")

    page.check("input[name=whom][value=WITNESS]")
    go_on()
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
    go_on()
    page.check("input[name=child][value=UNKNOWN]")
    go_on()
    page.check("input[name=contact][value=ANONYMOUS]")
    go_on()
    page.click("[data-send]")
    page.wait_for_selector(".fp-code-text")
    return page


def receipt_of(page: Page, folder: Path) -> None:
    """The page gives a code, and a receipt that verifies offline and no more once altered."""
    assert CODE.search(page.inner_text(".fp-code-text"))
    with page.expect_download() as download:
        page.click(".fp-code-tools form button")
    signed, forged = folder / "receipt.txt", folder / "forged.txt"
    download.value.save_as(signed)
    forged.write_text(re.sub(r"20\d\d-", "2019-", signed.read_text()))
    key = str(Path(os.environ["FANAL_HOME"]) / "keys/receipt-root.pub")

    def verified(file: Path) -> bool:
        return CliRunner().invoke(receipt, ["verify", str(file), "--key", key]).exit_code == 0

    assert verified(signed)
    assert not verified(forged)


def sign_in(visit: Visit, lang: str) -> Page:
    """Sign Ana in by the form."""
    page = visit(f"/{lang}/login/")
    page.fill("[name=login]", "ana")
    page.fill("[name=password]", PASSWORD)
    with page.expect_navigation():
        page.click("main form button[type=submit]")
    return page


def take_from_queue(page: Page, lang: str, host: str) -> None:
    """Find the report in the queue, at the place of its priority and with its clock; take it."""
    base = page.url.partition(f"/{lang}/")[0]
    page.goto(f"{base}/{lang}/desk/search/?kind=HOST&value={host}")
    found = page.locator("main a[href*='/desk/reports/']")
    assert found.count() >= 2
    path = found.first.get_attribute("href")
    page.goto(f"{base}/{lang}/desk/")
    texts = page.locator(".fd-row .fn-priority-score").all_inner_texts()
    scores = [int(text.split()[-1]) for text in texts]
    assert scores == sorted(scores, reverse=True)
    row = page.locator(f".fd-row:has(a[href^='{path}'])")
    assert row.locator(".fn-priority-score").inner_text().split()[-1] != "0"
    expect(row.locator(".fn-clock")).to_have_count(1)
    with page.expect_navigation():
        row.locator(".fd-row-act button").click()
    page.wait_for_selector("[data-decision]")
    page.click(".fd-why-ask")
    expect(page.locator(".fd-why-body .fn-reasons-points").first).to_be_visible()
    page.click(".fd-why-ask")


def assert_read(page: Page, host: str) -> None:
    """Facts with the address defanged, the kin, the proposal with its basis; held by the reader."""
    panel = {
        name: page.locator(f"section[aria-labelledby={name}]") for name in ("said", "who", "known")
    }
    expect(panel["said"]).to_contain_text(defanged(host))
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


def assert_drafts(open_as: OpenAs, page: Page, host: str, lang: str) -> None:
    """The referral and the removal request are drafts with their texts; no legal clock runs."""
    officer = open_as("driss", page.url.partition(f"//{page.url.split('/')[2]}")[2])
    officer.click(".fd-drafts a[href*='/referrals/']")
    expect(officer.locator(".fd-letter").first).to_contain_text(defanged(host))
    page.click(".fd-drafts a[href*='/measures/']")
    expect(page.locator(".fd-letter").first).to_contain_text(defanged(host))
    expect(page.locator(".fd-status .fn-clock")).to_have_count(1)
    page.fill("#name", f"Hosting of {host}")
    page.fill("#contact", f"abuse@{host}")
    with page.expect_navigation():
        page.click("button[name=submit][value='1']")
    expect(page.locator(".fd-signed")).to_have_count(1)


def refuse_the_first_person(page: Page, desk: Desk, measure: str) -> None:
    """Who may approve but proposed has no button, is refused by the page, and by the database itself."""
    path = page.url.partition(page.url.split("/")[2])[2].partition("?")[0]
    assert page.locator("form[action$='approve/']").count() == 0
    digest = page.inner_text(".fd-digest code")
    with page.expect_navigation():
        page.evaluate(APPROVE, [f"{path}approve/", digest])
    expect(page.locator(".fd-refused")).to_be_visible()
    expect(page.locator(".fd-signed")).to_have_count(1)
    ana, elise = (desk.actor(name) for name in ("ana", "elise"))
    with row_scope.shown_to(ana), connection.cursor() as cursor:
        cursor.execute("SELECT current_user, fanal_desks(), fanal_everywhere()")
        assert cursor.fetchone() == ("fanal_app", [1], False)
        with transaction.atomic():  # the same words for another person are taken
            cursor.execute(SECOND, [elise.person_id, measure])
            assert cursor.rowcount == 1
            transaction.set_rollback(True)
        with database_refuses(CHECK):
            cursor.execute(SECOND, [ana.person_id, measure])
        cursor.execute("SELECT count(*) FROM casework_approval WHERE act_id = %s", [measure])
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT state, sent_at FROM casework_act WHERE id = %s", [measure])
        assert cursor.fetchone() == ("TO_SECOND", None)


def second(open_as: OpenAs, lang: str, measure: str, host: str) -> None:
    """Another person finds the measure, reads reason and letter, and signs the same bytes."""
    page = open_as("elise", f"/{lang}/desk/second/")
    page.click(f".fd-card-title[href*='{measure}']")
    expect(page.locator("blockquote").first).to_contain_text(REASON[lang])
    expect(page.locator(".fd-letter").first).to_contain_text(host.replace(".", "[.]"))
    page.click("form[action$='approve/'] button")
    expect(page.locator(".fd-signed")).to_have_count(2)


def send_and_receive(open_as: OpenAs, lang: str, measure: str) -> None:
    """Sent, the request has no legal time; the recorded receipt starts 24 hours."""
    page = open_as("elise", f"/{lang}/desk/measures/{measure}/")
    page.fill("#contact-proof", "Letter of information")
    page.fill("#contact-at", "2026-01-05T09:00")
    with page.expect_navigation():
        page.click("form[action$='contact/'] button")
    legal = page.locator(".fd-status .fn-clock")
    record(page, "send")
    expect(legal).to_have_count(0)
    record(page, "receive")
    expect(legal).to_have_count(1)
    expect(legal).to_contain_text(re.compile(r"23\D+59|24\s*h"))


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
    expect(history).to_contain_text("Ana")


def assert_overseen(open_as: OpenAs, lang: str, measure: str, host: str) -> None:
    """The overseer reads basis, reason, letter, both signatures and the measure's ledger."""
    page = open_as("gabrielle", f"/{lang}/oversight/measures/")
    page.click(f"main a[href*='{measure}']")
    main = page.locator("main")
    for words in (REASON[lang], "CP 227-23", "LCEN 6-1", host.replace(".", "[.]")):
        expect(main).to_contain_text(words)
    for name in ("Ana", "Elise"):
        expect(page.locator(".fo-people")).to_contain_text(name)
    assert page.locator(".fo-ledger tbody tr").count() >= 5


def figures(open_as: OpenAs, lang: str) -> list[int]:
    """This month's figures: received, emergencies, decisions, requests sent."""
    page = open_as("hugo", f"/{lang}/desk/statistics/")
    return [int(text) for text in page.locator(".fn-figure-value").all_inner_texts()]


def defanged(host: str) -> str:
    """The reported address as a page of the desk writes it."""
    return f"hxxps[:]//{host.replace('.', '[.]')}/album/12"
