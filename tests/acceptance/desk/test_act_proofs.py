"""A file attached to a step of an act in a real browser, seen by officer and overseer, and downloaded."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page

from fanal.casework.domain.records import Event
from fanal.judicial import queries as judicial
from fanal.measures import queries as measures
from fanal.measures.operations.drafts import approve_measure
from fanal.measures.operations.milestones import record_first_contact
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.integration.desk.story import Desk
from tests.integration.desk.work import decided

pytestmark = pytest.mark.django_db(transaction=True)
RECEIPT = b"Message-ID: <12@court.example>\r\n\r\nReceived."
DIGEST = hashlib.sha256(RECEIPT).hexdigest()
NAME = "accuse-de-reception-du-greffe-du-tribunal-judiciaire-de-paris-2026-11-29.eml"


def attach(page: Page, folder: Path, *, move: str) -> None:
    """Fill in the form of a step with a file that is too large, then with the receipt, and send it."""
    large, receipt = folder / "large.png", folder / NAME
    large.write_bytes(bytes(11_000_000))
    receipt.write_bytes(RECEIPT)
    page.select_option("#move", move)
    page.fill("#proof", "Bordereau 12")
    page.set_input_files("#proof-file", large)
    page.click("section[aria-labelledby=record] button.btn-primary")
    page.wait_for_selector(".fd-refused")
    assert page.input_value("#proof") == "Bordereau 12"
    assert page.input_value("#move") == move
    page.set_input_files("#proof-file", receipt)
    page.click("section[aria-labelledby=record] button.btn-primary")
    page.wait_for_selector(".fd-proof-digest")


def downloaded(page: Page) -> tuple[str, bytes]:
    """Return the name and bytes of the file that the page offers."""
    with page.expect_download() as waited:
        page.click("a[href*='/proof/']")
    return waited.value.suggested_filename, Path(waited.value.path()).read_bytes()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_referral_keeps_the_receipt_of_its_addressee(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, tmp_path: Path, lang: str
) -> None:
    report_id = decided(desk)
    (referral,) = judicial.referrals_of(actor=desk.actor("driss"), report_ids=[report_id])[
        report_id
    ]
    page = open_as("driss", f"/{lang}/desk/referrals/{referral.id}/")
    page.fill("#summary", "Read and compared.")
    page.click("section[aria-labelledby=amend] button")
    page.select_option("#move", "prepare")
    page.click("section[aria-labelledby=record] button.btn-primary")
    page.wait_for_selector("#move option[value=send]", state="attached")
    attach(page, tmp_path, move="send")
    assert DIGEST in page.inner_text(".fd-proof-digest")
    check(page, axe, lang)
    assert downloaded(page) == (NAME, RECEIPT)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_measure_keeps_the_receipt_of_its_host(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, tmp_path: Path, lang: str
) -> None:
    report_id = decided(desk)
    elise = desk.actor("elise")
    (measure,) = measures.measures_of(actor=elise, report_ids=[report_id])[report_id]
    approve_measure(
        actor=desk.actor("claire"), measure_id=measure.id, digest=measure.digest, now=desk.now
    )
    informed = Event(happened_at=desk.now - timedelta(days=2), proof="letter")
    record_first_contact(
        actor=elise, recipient=measure.request.recipient, event=informed, now=desk.now
    )
    page = open_as("elise", f"/{lang}/desk/measures/{measure.id}/")
    attach(page, tmp_path, move="send")
    check(page, axe, lang)
    overseer = open_as("gabrielle", f"/{lang}/oversight/measures/{measure.id}/")
    assert DIGEST in overseer.inner_text(".fd-proof-digest")
    check(overseer, axe, lang)
    assert downloaded(overseer) == (NAME, RECEIPT)
