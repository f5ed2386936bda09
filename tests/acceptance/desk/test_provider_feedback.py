"""A provider signs in: its counts, what went wrong, and what the desk said of each of its reports."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from fanal import reference
from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.accounts.operations.instructions import propose_instruction, second_instruction
from fanal.accounts.operations.partners import add_partner
from fanal.accounts.queries.people import find_partner
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.lifecycle import expire_reports
from fanal.intake.operations.receive import count_refusal, receive_reports
from fanal.kernel.actors import Role, system_actor
from fanal.ledger import queries as ledger
from fanal.orient.feedback.domain import FeedbackVerdict
from fanal.orient.feedback.operations import give_feedback
from tests.acceptance.desk.test_look import Axe, check
from tests.acceptance.steps import go
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import GAME, Desk
from tests.integration.desk.test_providers import RICH, send

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]
SYSTEM = system_actor("test")
LACKING = ("SUSPECT_ADDRESS", "FILE_HASH")


@pytest.fixture
def provider(desk: Desk) -> Desk:
    """Chatoria with a person of its own: two reports judged, one of no word, one that it never finished."""
    add_partner(actor=SYSTEM, name="Chatoria", now=desk.now, quota=60)
    add_partner(actor=SYSTEM, name="Other", now=desk.now, quota=60)
    chatoria, other = (find_partner(name=name) for name in ("Chatoria", "Other"))
    assert chatoria is not None
    assert other is not None
    for name, body in (
        ("rich", RICH),
        ("poor", {"kind": "GROOMING"}),
        ("quiet", {"kind": "OTHER"}),
    ):
        send(desk, chatoria, name, body)
    send(desk, other, "theirs", GAME)
    body = b'{"reference": "REF-open", "kind": "OTHER"}'
    unfinished = Submission(
        arrival=Arrival.WIRE, format=Format.REPORT, body=body, canonical=body, sender_id=chatoria,
        reference="REF-open", finish=False,
    )  # fmt: skip
    receive_reports(actor=SYSTEM, submissions=[unfinished], now=desk.now - timedelta(days=3))
    expire_reports(actor=SYSTEM, now=desk.now)
    said = (
        ("rich", FeedbackVerdict.DUPLICATE, ()),
        ("rich", FeedbackVerdict.USEFUL, ()),
        ("poor", FeedbackVerdict.LACKS_DATA, LACKING),
        ("theirs", FeedbackVerdict.USEFUL, ()),
    )
    for ago, (name, verdict, lacks) in zip((4, 3, 2, 1), said, strict=True):
        give_feedback(
            actor=desk.actor("ana"),
            report_id=desk.reports[name],
            verdict=verdict,
            lacks=lacks,
            now=desk.now - timedelta(minutes=ago),
        )
    desk.users["paula"] = make_user("paula", Role.PARTNER, organisation=chatoria)
    return desk


def permit(desk: Desk) -> None:
    """A standing instruction lets feedback leave to Chatoria."""
    desk.users["chief"] = make_user("chief", Role.SUPERVISOR)
    made = propose_instruction(
        actor=desk.actor("claire"),
        instruction=NewInstruction(
            kind=InstructionKind.FEEDBACK,
            names=("Chatoria",),
            grounds="Neutral grounds",
            basis="B 1",
            valid_from=desk.now - timedelta(minutes=5),
            expires_at=desk.now + timedelta(days=9),
        ),
        now=desk.now - timedelta(minutes=5),
    )
    second_instruction(
        actor=desk.actor("chief"), instruction_id=made, now=desk.now - timedelta(minutes=5)
    )


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_provider_reads_its_counts_its_errors_and_its_feedback(
    open_as: OpenAs, axe: Axe, provider: Desk, lang: str
) -> None:
    def words(kind: str, code: str) -> str:
        return reference.label(kind, code, lang)

    page = open_as("paula", f"/{lang}/partners/feedback/")
    expect(page.locator(".fn-empty")).to_contain_text(
        {"fr": "Aucune instruction", "en": "No instruction"}[lang]
    )
    expect(page.locator("main table")).to_have_count(0)
    check(page, axe, lang)
    permit(provider)

    page.set_viewport_size({"width": 1440, "height": 900})
    go(page, f"nav a[href='/{lang}/partners/']")
    figures = {
        figure.locator(".fn-figure-label").inner_text(): figure.locator(
            ".fn-figure-value"
        ).inner_text()
        for figure in page.locator(".fn-figure").all()
    }
    assert figures[words("report_state", "FINISHED")] == "3"
    assert figures[words("report_state", "EXPIRED")] == "1"
    assert next(iter(figures.values())) == "4", "four in all"
    expect(page.locator("main")).to_contain_text("5101")
    check(page, axe, lang)

    page.set_viewport_size({"width": 1440, "height": 900})
    go(page, f"nav a[href='/{lang}/partners/feedback/']")
    told = [row.locator("th, td").all_inner_texts() for row in page.locator("main tbody tr").all()]
    lacking = ", ".join(words("quality_part", code) for code in LACKING)
    assert [(reference_, verdict, lacks) for reference_, verdict, lacks, _at in told] == [
        ("REF-poor", words("feedback_verdict", "LACKS_DATA"), lacking),
        ("REF-rich", words("feedback_verdict", "USEFUL"), ""),
        ("REF-rich", words("feedback_verdict", "DUPLICATE"), ""),
    ], "its own reports alone, newest first"
    check(page, axe, lang)

    page.set_viewport_size({"width": 1440, "height": 900})
    page.click("main a:text('REF-poor')")
    said = page.locator("section[aria-labelledby=feedback]")
    expect(said).to_contain_text(words("feedback_verdict", "LACKS_DATA"))
    expect(said).to_contain_text(lacking)
    check(page, axe, lang)
    page.goto(page.url.replace(str(provider.reports["poor"]), str(provider.reports["quiet"])))
    expect(page.locator("section[aria-labelledby=feedback]")).to_have_count(0)
    answer = page.goto(
        page.url.replace(str(provider.reports["quiet"]), str(provider.reports["theirs"]))
    )
    assert answer is not None
    assert answer.status == 404
    lines = ledger.entries_of(actor=SYSTEM, object_id=provider.reports["poor"])
    assert [line.action for line in lines].count("feedback.send") == 2


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_desk_sees_the_same_provider_with_its_refusals_and_its_quality(
    open_as: OpenAs, provider: Desk, lang: str
) -> None:
    sender = find_partner(name="Chatoria")
    assert sender is not None
    for _ in range(3):
        count_refusal(sender_id=sender, step="submit", code="4110", now=provider.now)
    page = open_as("claire", f"/{lang}/desk/providers/{sender}/")
    main = page.locator("main")
    for text in ("Chatoria", "4110", reference.label("quality_part", "SUSPECT_ADDRESS", lang)):
        expect(main).to_contain_text(text)
    said = page.locator("section[aria-labelledby=said]")
    for verdict in ("USEFUL", "LACKS_DATA"):
        expect(said).to_contain_text(reference.label("feedback_verdict", verdict, lang))
